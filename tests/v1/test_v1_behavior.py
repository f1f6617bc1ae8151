"""The same after `tf.compat.v1.disable_v2_behavior()`, which a process cannot take back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

HERE = Path(__file__).parent
IN_GRAPHS = (
    "(in_a_graph or any_lengths or raw_rnn or state_saving or reuse_are or between_the_libraries "
    "or numbers_of_tf1 or visitor or fed or test_lecture or checkpoints_of_a_graph) "
    "and (not second_order or two or hessians)"
)


@pytest.mark.slow
@pytest.mark.skipif(not tf.executing_eagerly(), reason="is already run so")
def test_without_v2_behavior():
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            str(HERE),
            "-k",
            IN_GRAPHS,
        ],
        env=os.environ | {"TFRNN_TESTS_V1_BEHAVIOR": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    assert " passed" in run.stdout
