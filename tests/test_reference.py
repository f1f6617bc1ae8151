"""The reference path against Keras: values, states, and first and second gradients."""

import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, call, every_cell, keras_call, random_mask, random_tensors
from gradients import projection, values_and_gradients
from tolerance import assert_close

OPTIONS = [
    {},
    {"mask": True},
    {"mask": True, "go_backwards": True},
    {"mask": True, "zero_output_for_mask": True},
    {"unroll": True, "mask": True, "zero_output_for_mask": True},
    {"activation": "relu", "use_bias": False},
]


def run_both(case, sizes, dtype, *, mask=False, use_bias=True, **kwargs):
    batch, time, *_ = sizes
    tensors = random_tensors(case, *sizes, dtype=dtype, use_bias=use_bias)
    mask = tf.constant(random_mask(batch, time)) if mask else None
    got = values_and_gradients(
        lambda: call(case.reference, case, tensors, mask=mask, **kwargs), tensors.all()
    )
    want = values_and_gradients(
        lambda: keras_call(case, tensors, mask=mask, **kwargs), tensors.all()
    )
    return got, want


@every_cell
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_values_and_gradients_equal_keras(case, options):
    (got, dgot), (want, dwant) = run_both(case, (3, 5, 4, 6), "float64", **options)
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 17, 5, 7)])
def test_float32_equals_keras(case, sizes):
    (got, dgot), (want, dwant) = run_both(case, sizes, "float32")
    assert_close(got, want)
    assert_close(dgot, dwant)


def second_gradients(function, variables):
    with tf.GradientTape() as outer:
        outer.watch(variables)
        with tf.GradientTape() as inner:
            inner.watch(variables)
            loss = projection(function(variables))
        loss = tf.add_n([tf.reduce_sum(g**2) for g in inner.gradient(loss, variables)])
    return outer.gradient(loss, variables)


@every_cell
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_second_gradient_equals_keras(case, in_graph):
    tensors = random_tensors(case, 2, 3, 2, 3)
    got, want = (
        lambda flat, f=function: second_gradients(f, flat)
        for function in (
            lambda flat: call(case.reference, case, tensors.replace(flat)),
            lambda flat: keras_call(case, tensors.replace(flat)),
        )
    )
    got = tf.function(got) if in_graph else got
    assert_close(got(tensors.all()), want(tensors.all()))


@every_cell
def test_forward_mode_equals_reverse_mode(case):
    tensors = random_tensors(case, 2, 3, 2, 3)
    direction = tf.ones_like(tensors.inputs)
    with tf.autodiff.ForwardAccumulator(tensors.inputs, direction) as accumulator:
        loss = projection(call(case.reference, case, tensors))
    _, (dx, *_) = values_and_gradients(lambda: call(case.reference, case, tensors), tensors.all())
    assert_close(accumulator.jvp(loss), tf.reduce_sum(dx * direction))


@every_cell
def test_compiles_with_xla(case):
    tensors = random_tensors(case, 3, 5, 4, 6)
    mask = tf.constant(random_mask(3, 5))

    def run():
        return values_and_gradients(
            lambda: call(case.reference, case, tensors, mask=mask), tensors.all()
        )

    (got, dgot), (want, dwant) = tf.function(run, jit_compile=True)(), run()
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 3), (0, 0)])
@pytest.mark.parametrize("unroll", [False, True])
def test_empty(case, batch, time, unroll):
    tensors = random_tensors(case, batch, time, 4, 6)
    with tf.GradientTape() as tape:
        tape.watch(tensors.all())
        outputs, *states = call(case.reference, case, tensors, unroll=unroll)
        loss = projection([outputs, *states])
    # Without a step nothing connects the results with the weights.
    gradients = tape.gradient(loss, tensors.all(), unconnected_gradients="zero")
    assert outputs.shape == (batch, time, 6)
    assert [g.shape for g in gradients] == [t.shape for t in tensors.all()]
    if not time:
        assert_close(states, tensors.states)


@every_cell
@pytest.mark.parametrize("time", [0, 4])
def test_sizes_unknown_to_the_graph(case, time):
    tensors = random_tensors(case, 3, time, 4, 6)

    def spec(tensor):
        return tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)

    @tf.function(input_signature=[spec(t) for t in tensors.all()])
    def run(*flat):
        with tf.GradientTape() as tape:
            tape.watch(flat)
            values = call(case.reference, case, tensors.replace(flat))
            loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
        return values, tape.gradient(loss, flat)

    values, gradients = run(*tensors.all())
    assert_close(values, call(case.reference, case, tensors))
    assert [g.shape for g in gradients] == [t.shape for t in tensors.all()]


@every_cell
def test_time_major_is_a_transpose(case):
    tensors = random_tensors(case, 3, 5, 4, 6)
    mask = random_mask(3, 5)
    want, *states = call(case.reference, case, tensors, mask=tf.constant(mask))
    tensors.inputs = tf.transpose(tensors.inputs, [1, 0, 2])
    got = call(case.reference, case, tensors, mask=tf.constant(mask.T), time_major=True)
    assert_close(got, [np.transpose(want, [1, 0, 2]), *states])


@every_cell
def test_a_dropout_mask_for_all_gates_equals_a_list_of_it(case):
    tensors = random_tensors(case, 3, 5, 4, 6)
    mask = random_tensors(case, 3, 1, 4, 6, seed=1).inputs[:, 0]
    shared, listed = (
        call(case.reference, case, tensors, input_dropout_mask=m)
        for m in (mask, [mask] * case.gates)
    )
    assert_close(shared, listed)


@every_cell
def test_a_recurrent_dropout_mask_scales_the_previous_output(case):
    tensors = random_tensors(case, 3, 1, 4, 6)
    mask = random_tensors(case, 3, 1, 4, 6, seed=1).states[0]
    got = call(case.reference, case, tensors, recurrent_dropout_mask=mask)
    listed = call(case.reference, case, tensors, recurrent_dropout_mask=[mask] * case.gates)
    h, *others = tensors.states
    tensors.states = [h * mask, *others]
    want = call(case.reference, case, tensors)
    assert_close(got, want)
    if case.name == "gru":  # a list leaves alone what z carries
        assert np.abs(listed[0] - want[0]).max() > 0.01
    else:
        assert_close(listed, want)


def test_unroll_needs_a_static_number_of_steps():
    tensors = random_tensors(LSTM, 3, 5, 4, 6)

    @tf.function(input_signature=[tf.TensorSpec([3, None, 4], tf.float64)])
    def run(inputs):
        tensors.inputs = inputs
        return call(LSTM.reference, LSTM, tensors, unroll=True)

    with pytest.raises(ValueError, match="unroll needs a static number of steps"):
        run(tensors.inputs)
