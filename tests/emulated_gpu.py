"""The GPU's ops on a machine without one: the same op classes over the emulated kernels.

The build's `libtfrnn_emulated_ops.so` registers them as kernels of the CPU with a label, which a
graph can ask for.
"""

import functools
import os
from pathlib import Path

import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parent.parent
BUILT = sorted(ROOT.glob("build/*/tests/emulator/libtfrnn_emulated_ops.so"), key=os.path.getmtime)
OPS = ("TfrnnLstm", "TfrnnGru", "TfrnnSimpleRnn", "TfrnnIndRnn")
SUFFIXES = ("", "Grad", "GradInput", "GradWeights")
needs_emulated_gpu = pytest.mark.skipif(
    not BUILT, reason="the build has no tests/emulator/libtfrnn_emulated_ops.so"
)


@functools.cache
def _load():
    tf.load_op_library(str(BUILT[-1]))


def on_emulated_gpu(function):
    """Calls a function in a graph in which the fused ops run on the emulated GPU."""
    _load()
    labels = {op + suffix: "emulated" for op in OPS for suffix in SUFFIXES}

    def labelled():
        with tf.compat.v1.get_default_graph()._kernel_label_map(labels):
            return function()

    return tf.function(labelled, autograph=False)()
