"""The GPU's ops on a machine without one: the same op classes over the emulated kernels.

The build's `libtfrnn_emulated_ops.so` registers them as kernels of the CPU with a label, which a
graph can ask for.
"""

import functools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from cells import call, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops

ROOT = Path(__file__).resolve().parent.parent
BUILT = sorted(ROOT.glob("build/*/tests/emulator/libtfrnn_emulated_ops.so"), key=os.path.getmtime)
OPS = ("TfrnnLstm", "TfrnnGru", "TfrnnSimpleRnn", "TfrnnIndRnn")
SUFFIXES = ("", "Grad", "GradInput", "GradWeights", "GradRecompute")
DTYPES = ("float64", "float32", "float16", "bfloat16")
POLICIES = ("stepwise", "block", "cluster", "grid")
SIZES = (3, 5, 7, 20)
# Indices of rows, some below the first.
NUMBERS = np.random.default_rng(1).integers(-2, 9, [3, 5])
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


def run(case, tensors, *, kind=None, **options):
    """Values and gradients of a function, on the emulated GPU and on the CPU in float64."""

    def compute(given, function=case.function):
        return values_and_gradients(lambda: call(function, case, given, **options), given.all())

    got = on_emulated_gpu(lambda: compute(tensors))
    want = compute(tensors.cast("float64"))
    assert_close(got[0], want[0], kind)
    assert_close(got[1], want[1], kind, floor=1.0)
    return got


def compare(given, **options):
    """The same of a problem with any option, on the emulated GPU and on the CPU."""
    weights = dict(given.weights)
    own = [weights.pop(name, None) for name in ("kernel", "recurrent_kernel", "bias")]
    states = given.states if len(given.states) > 1 else given.states[0]
    variables = given.arrays()

    def compute():
        function = getattr(tfrnn_ops, given.name)

        def run():
            return tf.nest.flatten(function(given.inputs, states, *own, **weights, **options))

        return values_and_gradients(run, variables)

    (got, dgot), (want, dwant) = on_emulated_gpu(compute), compute()
    assert_close(got, want)
    assert_close(dgot, dwant, floor=1.0)


def run_indices(case, indices, *, dtype="float64", features=7, **options):
    """Values and gradients where integers take the place of inputs, here and on the CPU."""
    batch, time = indices.shape if not options.get("time_major") else indices.shape[::-1]
    tensors = random_tensors(case, batch, time, features, 20, dtype=dtype)
    exact = tensors.cast("float64")
    tensors.inputs = exact.inputs = tf.constant(indices, tf.int32)

    def compute(given):
        variables = given.all()[1:]
        return values_and_gradients(lambda: call(case.function, case, given, **options), variables)

    got, want = on_emulated_gpu(lambda: compute(tensors)), compute(exact)
    assert_close(got[0], want[0])
    assert_close(got[1], want[1], floor=1.0)
    return got


def run_bidirectional(case, **options):
    """Checks a masked Bidirectional layer, both directions in one call, here and on the CPU."""
    layer = tfrnn_ops.Bidirectional(case.layer(20, return_sequences=True, **options))
    layer.build([3, 5, 7])
    for i, weight in enumerate(layer.weights):
        weight.assign(np.random.default_rng(i).normal(size=weight.shape) * 0.3)
    assert "both directions run in one call" in tfrnn_ops.explain(layer).notes[0]
    x, mask = tf.random.normal([3, 5, 7]), tf.constant(random_mask(3, 5))
    variables = [x, *(w.value for w in layer.trainable_weights)]

    def compute():
        return values_and_gradients(lambda: layer(x, mask=mask), variables)

    (got, dgot), (want, dwant) = on_emulated_gpu(compute), compute()
    assert_close(got, want)
    assert_close(dgot, dwant, floor=1.0)


def draws(training=True, **rates):
    return {"training": training, "seed": tf.constant([3, 5]), **rates}
