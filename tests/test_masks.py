"""Masks of every pattern, and random sizes: fused against Keras or the reference."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import CASES, call, every_cell, keras_call, layer_pair, random_mask, random_tensors
from gradients import values_and_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_close

PATTERNS = {
    "none masked": [[1, 1, 1, 1]] * 3,
    "all masked": [[0, 0, 0, 0]] * 3,
    "right padded": [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]],
    "left padded": [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]],
    "gaps": [[1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 1, 0]],
    "one row empty": [[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]],
}


@every_cell
@pytest.mark.parametrize("zero_output_for_mask", [False, True], ids=["repeat", "zero"])
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_equal_keras(case, pattern, go_backwards, zero_output_for_mask):
    mask = tf.constant(np.array(PATTERNS[pattern], bool))
    tensors = random_tensors(case, *mask.shape, 3, 5)
    options = {"go_backwards": go_backwards, "zero_output_for_mask": zero_output_for_mask}
    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda f=f: f(mask=mask, **options), tensors.all())
        for f in (
            lambda **kwargs: call(case.function, case, tensors, **kwargs),
            lambda **kwargs: keras_call(case, tensors, **kwargs),
        )
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    case=st.sampled_from(CASES),
    batch=st.integers(0, 9),
    time=st.integers(0, 9),
    features=st.integers(1, 19),
    units=st.integers(1, 40),
    use_bias=st.booleans(),
    go_backwards=st.booleans(),
    zero_output_for_mask=st.booleans(),
    masked=st.none() | st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_random_calls_equal_the_reference(
    case, batch, time, features, units, use_bias, masked, seed, **options
):
    tensors = random_tensors(case, batch, time, features, units, use_bias=use_bias, seed=seed)
    if masked is not None:
        options["mask"] = tf.constant(np.random.default_rng(seed).random([batch, time]) >= masked)

    def run(function):
        with tf.GradientTape() as tape:
            tape.watch(tensors.all())
            values = call(function, case, tensors, **options)
            loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
        return values, tape.gradient(loss, tensors.all(), unconnected_gradients="zero")

    (got, dgot), (want, dwant) = run(case.function), run(case.reference)
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("return_sequences", [False, True])
def test_masks_of_other_layers_equal_keras(case, return_sequences):
    ids = np.array([[3, 1, 0, 2], [0, 0, 0, 0], [1, 2, 3, 0]])

    def model(layer):
        embedding = keras.layers.Embedding(4, 6, mask_zero=True, embeddings_initializer="ones")
        return keras.Sequential([keras.Input([None], dtype="int32"), embedding, layer])

    theirs, ours = layer_pair(case, 5, [None, None, 6], return_sequences=return_sequences)
    assert_close(model(ours)(ids), model(theirs)(ids))
    masking = keras.layers.Masking(mask_value=0.0)
    inputs = np.where(ids[..., None] > 0, np.ones([3, 4, 6]), 0.0).astype("float32")
    assert_close(ours(masking(inputs)), theirs(masking(inputs)))


@every_cell
def test_what_keras_takes_for_a_mask(case):
    theirs, ours = layer_pair(case, 5, [3, 4, 6], return_sequences=True)
    inputs = np.random.default_rng(0).standard_normal([3, 4, 6]).astype("float32")
    mask = random_mask(3, 4)
    masks = [mask, mask.astype("int32"), mask.astype("float32"), mask[..., None], mask[:1]]
    for accepted in masks:
        accepted = tf.constant(accepted)
        assert_close(ours(inputs, mask=accepted), theirs(inputs, mask=accepted))


@every_cell
@pytest.mark.parametrize("time_major", [False, True])
def test_layer_sequence_length_and_the_mask_of_the_inputs_both_hold(case, time_major):
    layer = case.layer(5, time_major=time_major)
    ids = np.array([[3, 1, 0, 2], [0, 0, 0, 0], [1, 2, 3, 1]])
    lengths = [4, 3, 2]
    both = (ids > 0) & (np.arange(4) < np.array(lengths)[:, None])
    embedded = keras.layers.Embedding(4, 6, mask_zero=True)(ids.T if time_major else ids)
    want = layer(embedded, mask=tf.constant(both.T if time_major else both))
    assert_close(layer(embedded, sequence_length=lengths), want)
    # With a second tensor Keras does not look for the mask of the first.
    assert_close(layer(embedded, sequence_length=tf.constant(lengths)), want)


@every_cell
def test_the_mask_goes_on(case):
    masked = keras.layers.Masking()(np.zeros([2, 3, 4], "float32"))
    assert case.layer(5, return_sequences=True)(masked)._keras_mask is masked._keras_mask
    assert getattr(case.layer(5)(masked), "_keras_mask", None) is None
