"""Every gradient of the fused functions: against Keras, and against differences."""

import numpy as np
import pytest
import tensorflow as tf
from cells import call, every_cell, keras_call, random_mask, random_tensors
from gradients import projection, values_and_gradients
from test_forward import SIZES
from tolerance import assert_close

from tfrnn_ops import fused
from tfrnn_ops.fused import Direction


def gradients(function, case, tensors, **options):
    return values_and_gradients(lambda: call(function, case, tensors, **options), tensors.all())[1]


def keras_gradients(case, tensors, **options):
    return values_and_gradients(lambda: keras_call(case, tensors, **options), tensors.all())[1]


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_equal_keras(case, dtype, sizes):
    tensors = random_tensors(case, *sizes, dtype=dtype)
    assert_close(gradients(case.function, case, tensors), keras_gradients(case, tensors))


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_options_equal_keras(case, mask, use_bias, zero_output_for_mask, go_backwards):
    tensors = random_tensors(case, 3, 7, 5, 6, use_bias=use_bias)
    options = {"go_backwards": go_backwards, "zero_output_for_mask": zero_output_for_mask}
    options["mask"] = tf.constant(random_mask(3, 7)) if mask else None
    got = gradients(case.function, case, tensors, **options)
    assert_close(got, keras_gradients(case, tensors, **options))


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
def test_time_major_is_a_transpose(case, go_backwards):
    tensors = random_tensors(case, 3, 7, 5, 6)
    mask = tf.constant(random_mask(3, 7))

    def run(time_major):
        inputs = tf.transpose(tensors.inputs, [1, 0, 2]) if time_major else tensors.inputs
        outputs, *states = call(
            case.function,
            case,
            tensors.replace([inputs, *tensors.all()[1:]]),
            mask=tf.transpose(mask) if time_major else mask,
            go_backwards=go_backwards,
            time_major=time_major,
        )
        return [tf.transpose(outputs, [1, 0, 2]) if time_major else outputs, *states]

    got, want = (
        values_and_gradients(lambda t=time_major: run(t), tensors.all())[1]
        for time_major in (True, False)
    )
    assert_close(got, want)


@every_cell
@pytest.mark.parametrize("mask", [False, True])
def test_equal_central_differences(case, mask):
    tensors = random_tensors(case, 2, 3, 2, 3)
    mask = tf.constant([[True, False, True], [False, True, True]]) if mask else None

    def loss(*flat):
        return projection(call(case.function, case, tensors.replace(flat), mask=mask))

    exact, numerical = tf.test.compute_gradient(loss, tensors.all(), delta=1e-4)
    assert_close(exact, numerical, "numerical gradient")


@every_cell
@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 3), (0, 0)])
def test_empty(case, batch, time):
    tensors = random_tensors(case, batch, time, 4, 6, dtype="float32")
    dinputs, *dothers = gradients(case.function, case, tensors)
    dstates, dweights = dothers[: case.states], dothers[case.states :]
    assert dinputs.shape == tensors.inputs.shape
    for got, weight in zip(dweights, tensors.weights, strict=True):
        assert got.shape == weight.shape
        assert not np.any(got)
    if not time:  # the states pass through
        _, want = values_and_gradients(
            lambda: [tf.zeros([batch, 0, 6]), *map(tf.identity, tensors.states)], tensors.states
        )
        assert_close(dstates, want)


@every_cell
def test_without_reserve_space_it_is_the_same(case):
    tensors = random_tensors(case, 3, 5, 4, 6)
    mask = tf.constant(random_mask(3, 5))

    def run(keep_reserve):
        def function():
            direction = Direction(tensors.inputs, tensors.states, *tensors.weights)
            return getattr(fused, case.name)(
                [direction],
                mask,
                zero_output_for_mask=False,
                keep_reserve=keep_reserve,
                time_major=False,
                go_backwards=False,
                **case.options,
            )

        return values_and_gradients(function, tensors.all())

    (values, dvalues), (kept, dkept) = run(False), run(True)
    assert_close(values, kept)
    assert_close(dvalues, dkept)


@every_cell
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_each_alone_equals_all_together(case, in_graph):
    tensors = random_tensors(case, 3, 5, 4, 6)
    want = gradients(case.function, case, tensors)

    def one(index, *flat):
        with tf.GradientTape() as tape:
            tape.watch(flat[index])
            loss = projection(call(case.function, case, tensors.replace(flat)))
        return tape.gradient(loss, flat[index])

    run = tf.function(one) if in_graph else one
    for i, expected in enumerate(want):
        assert_close(run(i, *tensors.all()), expected)


@every_cell
def test_a_tape_can_be_asked_twice(case):
    tensors = random_tensors(case, 3, 5, 4, 6)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors.all())
        loss = projection(call(case.function, case, tensors))
    assert_close(tape.gradient(loss, tensors.all()), tape.gradient(loss, tensors.all()))


@every_cell
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_a_second_gradient_equals_the_reference(case, in_graph):
    tensors = random_tensors(case, 2, 3, 2, 3)

    def second(function, *flat):
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            outer.watch(flat)
            inner.watch(flat)
            loss = projection(call(function, case, tensors.replace(flat)))
            gradients = inner.gradient(loss, flat)
            loss = tf.add_n([tf.reduce_sum(g**2) for g in gradients])
        return outer.gradient(loss, flat)

    run = tf.function(second) if in_graph else second
    want = second(case.reference, *tensors.all())
    assert_close(run(case.function, *tensors.all()), want)


@every_cell
def test_forward_mode_equals_the_reference(case):
    tensors = random_tensors(case, 2, 3, 2, 3)
    tangents = random_tensors(case, 2, 3, 2, 3, seed=1).all()

    def jvp(function):
        with tf.autodiff.ForwardAccumulator(tensors.all(), tangents) as accumulator:
            values = call(function, case, tensors)
        return accumulator.jvp(values)

    assert_close(jvp(case.function), jvp(case.reference))
