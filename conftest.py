"""Sets the environment of every test, and of every kernel that a test starts, before anything is imported."""

import os
import sys
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).parent))

from tests import environment

os.environ.update(environment.VARIABLES)
sys.path.insert(0, environment.NO_NETWORK)

import sitecustomize  # noqa: F401  (blocks the network in this process too)

if "PYTEST_XDIST_WORKER" in os.environ:  # before a test file starts TensorFlow: it makes two devices of the CPU
    from utils import session  # noqa: F401


class _Scheduler(LoadScopeScheduling):
    """Keeps each file on one worker, but hands out one by one the long tests of test_runs.py and test_zoo.py."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return nodeid if file.endswith(("test_runs.py", "test_zoo.py")) else file


def pytest_xdist_make_scheduler(config, log):
    """Hand out notebooks, their solved runs and the audits of the zoo one at a time."""
    return _Scheduler(config, log)
