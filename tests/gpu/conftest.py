"""Where no GPU can run the kernels, every test here is skipped, and says why.

On a machine without TensorFlow: `pytest --confcutdir=tests/gpu tests/gpu`.
"""

import sys
from pathlib import Path

import pytest

from tfrnn_ops.bench.gpu.command import obstacle

HERE, REASON = Path(__file__).parent, obstacle()
sys.path.append(str(HERE.parent))  # what the tests of the emulator use too


def pytest_collection_modifyitems(items):
    if REASON:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"no GPU: {REASON}"))
