"""`recompute` of the reference path: the same numbers in every mode, and fewer bytes kept."""

import ctypes

import numpy as np
import pytest
import tensorflow as tf
from cells import random_mask
from modes import directional, first_gradients, hessian_times_ones, second_gradients
from problems import every_cell, everything, problem
from tolerance import assert_close

LENGTHS = [1, 3, 7, 20]  # of 7 steps: all alone, some left over, one segment, more than there are


def function_of(make, recompute, **more):
    """A flat list of tensors, and a function of such a list."""
    case, options = everything(make)
    rng = np.random.default_rng(0)
    case.inputs = rng.standard_normal([3, 7, 5])
    mask = tf.constant(random_mask(3, 7))
    tensors = case.tensors().arrays()
    return tensors, lambda flat: case.replace(flat).reference(
        mask=mask, recompute=recompute, **options, **more
    )


def assert_same(derivative, make, recompute, wrap=lambda f: f, **more):
    """Compares a derivative with that without recomputation, by Python's loop in eager mode."""
    flat, function = function_of(make, recompute, **more)
    got = wrap(lambda flat: derivative(function, flat))(flat)
    _, plain = function_of(make, None, unroll=True)
    assert_close(got, derivative(plain, flat))


@every_cell
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("unroll", [False, True], ids=["", "unroll"])
def test_eager(make, length, unroll):
    assert_same(first_gradients, make, length, unroll=unroll)


@every_cell
@pytest.mark.parametrize("length", [3, 20])
def test_in_a_graph(make, length):
    assert_same(first_gradients, make, length, tf.function)


@every_cell
def test_compiles_with_xla(make):
    assert_same(first_gradients, make, 3, lambda f: tf.function(f, jit_compile=True))


@every_cell
def test_second_gradients_in_eager_mode(make):
    assert_same(second_gradients, make, 3)


# With 20, the segment is in no loop, and its own loop is what a tape must see through.
@pytest.mark.parametrize("length", [3, 20])
def test_second_gradients_in_a_graph(length):
    assert_same(second_gradients, {"name": "simple_rnn"}, length, tf.function)


@pytest.mark.parametrize("derivative", [directional, hessian_times_ones])
@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_forward_mode(derivative, wrap):
    assert_same(derivative, {"name": "simple_rnn"}, 3, wrap)


@pytest.mark.parametrize("length", [3, 20])
@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_forward_mode_around_a_function(length, wrap):
    def around(function, flat):
        return directional(tf.function(function), flat)

    make = {"name": "simple_rnn"}
    flat, function = function_of(make, length)
    got = wrap(lambda flat: around(function, flat))(flat)
    _, plain = function_of(make, None, unroll=True)
    assert_close(got, directional(plain, flat))


@pytest.mark.parametrize("derivative", [first_gradients, directional])
@pytest.mark.parametrize("length", [3, 20])
def test_in_a_graph_that_knows_no_size(derivative, length):
    def wrap(function):
        def run(*flat):
            return function(flat)

        return lambda flat: tf.function(
            run, input_signature=[tf.TensorSpec([None] * t.shape.rank, t.dtype) for t in flat]
        )(*flat)

    assert_same(derivative, {"name": "simple_rnn"}, length, wrap)


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_an_activation_with_variables(wrap):
    slope = tf.Variable(0.3, dtype=tf.float64)
    tensors = problem("simple_rnn", 3, 7).tensors()

    def gradients(recompute):
        def run():
            with tf.GradientTape() as tape:
                outputs, _ = tensors.reference(
                    activation=lambda x: tf.tanh(slope * x), recompute=recompute
                )
                loss = tf.reduce_sum(outputs**2)
            return tape.gradient(loss, slope)

        return wrap(run)()

    assert_close(gradients(3), gradients(None))


class HeapState(ctypes.Structure):
    """What mallinfo2(3) of glibc returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def bytes_in_use():
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = HeapState
    state = mallinfo2()
    return state.uordblks + state.hblkhd


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
@every_cell
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_fewer_bytes_are_kept(make, mode):
    """Of 256 steps in segments of 16: their borders instead of what every step computes."""
    case = problem(**make, batch=8, time=256, features=8, units=64)
    tensors = case.tensors("float32")
    options = {"reset_after": make["reset_after"]} if "reset_after" in make else {}

    def kept(recompute):
        def run(flat):
            return tensors.replace(flat).reference(
                **options, recompute=recompute, zoneout=0.1, training=True, seed=(1, 2)
            )

        if mode == "graph":
            run = tf.function(run)
        flat = tensors.arrays()
        for _ in range(2):  # the first time includes tracing
            before = bytes_in_use()
            with tf.GradientTape() as tape:
                tape.watch(flat)
                values = run(flat)
            size = bytes_in_use() - before - values[0].numpy().nbytes
            assert tape.gradient(values, flat)[0] is not None
        return size

    everything_kept, some_kept = kept(None), kept(16)
    assert some_kept < everything_kept / 3
