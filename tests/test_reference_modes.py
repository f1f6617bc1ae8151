"""Every option of the reference path at once, in every mode that TensorFlow has."""

import numpy as np
import pytest
import tensorflow as tf
from cells import random_mask
from gradients import projection, values_and_gradients
from modes import directional, first_gradients, hessian_times_ones, second_gradients
from problems import every_cell, everything
from tolerance import assert_close, assert_same_bits

MASK = random_mask(3, 4)


def function_of(make, **more):
    """A flat list of tensors, and a function of such a list."""
    case, options = everything(make)
    options = {"mask": tf.constant(MASK), **options, **more}
    return case.tensors().arrays(), lambda flat: case.replace(flat).reference(**options)


DERIVATIVES = [first_gradients, second_gradients, directional]


def by_hand(derivative, make):
    """By Python's loop in eager mode, where there are only single ops to differentiate."""
    flat, function = function_of(make, unroll=True)
    return derivative(function, flat)


@every_cell
@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_in_a_graph(make, derivative):
    flat, function = function_of(make)
    got = tf.function(lambda flat: derivative(function, flat))(flat)
    assert_close(got, by_hand(derivative, make))


@every_cell
def test_compiles_with_xla(make):
    flat, function = function_of(make)
    got = tf.function(lambda flat: first_gradients(function, flat), jit_compile=True)(flat)
    assert_close(got, by_hand(first_gradients, make))


@pytest.mark.parametrize("derivative", [second_gradients, directional])
def test_other_derivatives_compile_with_xla(derivative):
    make = {"name": "simple_rnn"}
    flat, function = function_of(make)
    got = tf.function(lambda flat: derivative(function, flat), jit_compile=True)(flat)
    assert_close(got, by_hand(derivative, make))


@every_cell
def test_eager(make):
    flat, function = function_of(make)
    for derivative in DERIVATIVES:
        assert_close(derivative(function, flat), by_hand(derivative, make))


@every_cell
@pytest.mark.parametrize("derivative", [first_gradients, directional])
def test_in_a_graph_that_knows_no_size(make, derivative):
    flat, function = function_of(make)
    unknown = [tf.TensorSpec([None] * t.shape.rank, t.dtype) for t in flat]
    run = tf.function(lambda flat: derivative(function, flat), input_signature=[unknown])
    assert_close(run(flat), by_hand(derivative, make))


@every_cell
def test_forward_over_reverse_mode_equals_reverse_over_reverse(make):
    flat, function = function_of(make)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        gradients = first_gradients(function, flat)
        result = tf.add_n([tf.reduce_sum(g) for g in gradients[-len(flat) :]])
    want = tape.gradient(result, flat)
    for run in (hessian_times_ones, tf.function(hessian_times_ones)):
        assert_close(run(function, flat)[-len(flat) :], want)


@every_cell
def test_gradients_equal_finite_differences(make):
    flat, function = function_of(make)
    _, gradients = values_and_gradients(lambda: function(flat), flat)
    rng = np.random.default_rng(1)
    for k, gradient in enumerate(gradients):
        direction = rng.standard_normal(flat[k].shape)
        up, down = (
            projection(function([*flat[:k], flat[k] + step * direction, *flat[k + 1 :]]))
            for step in (1e-5, -1e-5)
        )
        want = (up - down) / 2e-5
        assert_close(tf.reduce_sum(gradient * direction), want, "numerical gradient")


@every_cell
@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 3), (0, 0)])
@pytest.mark.parametrize("recompute", [None, 2])
@pytest.mark.parametrize("mode", ["eager", "unroll", "graph", "xla"])
def test_empty(make, batch, time, recompute, mode):
    case, options = everything(make)
    case.inputs = np.zeros([batch, time, 5])
    case.states = [np.zeros([batch, s.shape[1]]) for s in case.states]
    options |= {"mask": tf.zeros([batch, time], tf.bool), "recompute": recompute}
    flat = case.tensors().arrays()

    def run(flat):
        function = case.replace(flat).reference
        return first_gradients(lambda _: function(**options, unroll=mode == "unroll"), flat)

    if mode in ("graph", "xla"):
        run = tf.function(run, jit_compile=mode == "xla")
    results = run(flat)
    values, gradients = results[: -len(flat)], results[-len(flat) :]
    assert values[0].shape == (batch, time, case.states[0].shape[1])
    assert [g.shape for g in gradients] == [t.shape for t in flat]
    assert_close(values[1 : 1 + len(case.states)], case.states, "float64")


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dtypes(make, dtype):
    """Against float64 on the same numbers, over few steps: each rounds what it stores."""
    case, options = everything(make)
    case.inputs = case.inputs[:, :2]
    rounded = case.tensors(dtype)
    exact = rounded.replace([tf.cast(t, "float64") for t in rounded.arrays()])
    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda p=p: p.reference(**options), p.arrays())
        for p in (rounded, exact)
    )
    assert all(t.dtype == dtype for t in [*got, *dgot])
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
def test_layout_and_direction(make):
    case, options = everything(make)
    tensors, mask = case.tensors(), tf.constant(MASK)
    want = tensors.reference(mask=mask, go_backwards=True, **options)
    # What is drawn counts the steps from the first that is processed.
    tensors.inputs, mask = tf.reverse(tensors.inputs, [1]), tf.reverse(mask, [1])
    assert_same_bits(tensors.reference(mask=mask, **options), want)
    tensors.inputs, mask = tf.transpose(tensors.inputs, [1, 0, 2]), tf.transpose(mask)
    got = tensors.reference(mask=mask, time_major=True, **options)
    sequences = [0, 3] if case.name == "lstm" else [0]
    for i in sequences:
        got[i] = tf.transpose(got[i], [1, 0, 2])
    assert_same_bits(got, want)


@every_cell
def test_vectorized_map(make):
    case, options = everything(make)
    tensors = case.tensors()

    def run(scale):
        return problem_scaled(tensors, scale).reference(unroll=True, **options)[0]

    scales = tf.constant([0.5, 1.0, 2.0], tf.float64)
    assert_close(tf.vectorized_map(run, scales), tf.stack([run(s) for s in scales]))


def problem_scaled(tensors, scale):
    inputs, *others = tensors.arrays()
    return tensors.replace([inputs * scale, *others])
