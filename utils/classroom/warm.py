"""Imports what every answer needs, in the one process that all judging processes are forked from.

It starts nothing: TensorFlow's threads would not survive a fork, so each process starts its own devices. Of students it
knows nothing, and what a student's code changes in its process ends with that process.
"""

import os

os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow's banner; nobody reads this process

import tensorflow as tf  # noqa: E402, F401

from utils import checks, data, plotting, trust  # noqa: E402, F401
from utils.classroom import judge  # noqa: E402, F401
