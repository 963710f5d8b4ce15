"""Sets the environment of every test, and of every kernel that a test starts, before anything is imported."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tests import environment

os.environ.update(environment.VARIABLES)
sys.path.insert(0, environment.NO_NETWORK)

import sitecustomize  # noqa: F401  (blocks the network in this process too)
