"""Sets the environment of every test, and of every kernel that a test starts, before anything is imported."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tests import environment  # noqa: E402

os.environ.update(environment.VARIABLES)
sys.path.insert(0, environment.NO_NETWORK)

import sitecustomize  # noqa: E402, F401  (blocks the network in this process too)
