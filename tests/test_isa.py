"""Every instruction set that this machine has: the same numbers, within rounding."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfrnn_ops import _core

TESTS = [
    "test_forward.py::test_equals_keras",
    "test_gradient.py::test_equal_keras",
    "test_gradient.py::test_time_major_is_a_transpose",
    "test_dtypes.py::test_sixteen_bits_equal_float64_within_rounding",
    "test_dtypes.py::test_long_sums_do_not_lose_small_terms",
    "test_recompute.py::test_the_same_bits",
]
CALL = """
import tensorflow as tf, tfrnn_ops
x, h = tf.zeros([1, 1, 1]), tf.zeros([1, 1])
tfrnn_ops.simple_rnn(x, h, tf.zeros([1, 1]), tf.zeros([1, 1]))
"""


def run(isa, *arguments):
    """Runs Python with TFRNN_ISA, which is read once in a process."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"TFRNN_ISA": isa},
        cwd=Path(__file__).resolve().parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("isa", _core.isas())
def test_each_passes(isa):
    # The program first: it checks that the tests run what they mean to.
    asked = run(isa, "-c", "from tfrnn_ops import _core; print(_core.isa())")
    assert asked.stdout.split() == [isa]
    done = run(isa, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("program", ["from tfrnn_ops import _core; _core.isa()", CALL])
def test_another_name_is_an_error(program):
    done = run("avx9", "-c", program)
    assert done.returncode != 0
    assert "TFRNN_ISA must name an instruction set of this machine (baseline" in done.stderr
    assert "found avx9" in done.stderr
