"""float16 and bfloat16: within rounding of float64; layers under every dtype policy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import call, every_cell, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops


@every_cell
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 5, 7, 2), (5, 17, 31, 17)], ids=str)
def test_sixteen_bits_equal_float64_within_rounding(case, dtype, sizes):
    tensors = random_tensors(case, *sizes, dtype=dtype)
    exact = tensors.cast("float64")
    mask = tf.constant(random_mask(*sizes[:2]))

    def run(function, tensors):
        return values_and_gradients(lambda: call(function, case, tensors, mask=mask), tensors.all())

    (got, dgot), (want, dwant) = run(case.function, tensors), run(case.reference, exact)
    assert all(t.dtype == dtype for t in [*got, *dgot])
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_long_sums_do_not_lose_small_terms(case, dtype):
    # 4096 equal terms: 16-bit accumulation would stop growing long before the end.
    tensors = random_tensors(case, 1, 4096, 1, 1, dtype="float64")
    tensors.inputs = tf.ones_like(tensors.inputs)
    tensors = tensors.cast(dtype)
    exact = tensors.cast("float64")

    def gradients(function, tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors.weights)
            loss = tf.reduce_sum(tf.cast(call(function, case, tensors)[0], "float64"))
        return tape.gradient(loss, tensors.weights)

    assert_close(gradients(case.function, tensors), gradients(case.function, exact))


@every_cell
@pytest.mark.parametrize(
    ("policy", "compute", "variable"),
    [
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("float64", "float64", "float64"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float16", "float16", "float16"),
    ],
)
def test_dtype_policies(case, policy, compute, variable):
    layer = case.layer(3, return_state=True, dtype=policy)
    inputs = np.random.default_rng(0).standard_normal([2, 5, 4])
    with tf.GradientTape() as tape:
        outputs = layer(inputs, mask=random_mask(2, 5))
        loss = tf.add_n([tf.reduce_sum(o) for o in outputs])
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert {o.dtype.name for o in outputs} == {compute}
    assert {v.dtype for v in layer.trainable_variables} == {variable}
    assert {g.dtype.name for g in gradients} == {variable}
    kernels = [tf.cast(w, compute) for w in layer.weights]
    exact = [tf.cast(t, "float64") for t in (tf.cast(inputs, compute), *kernels)]
    want, *_ = case.reference(
        exact[0],
        [tf.zeros([2, 3], "float64")] * case.states,
        *exact[1:],
        mask=tf.constant(random_mask(2, 5)),
        **case.options,
    )
    assert_close(outputs[0], want[:, -1])


@every_cell
def test_integer_inputs_are_cast_as_by_keras(case):
    layer = case.layer(3)
    inputs = np.arange(24).reshape(2, 3, 4)
    assert_close(layer(inputs), layer(inputs.astype("float32")))


def test_a_bfloat16_orthogonal_kernel_is_orthogonal():
    layer = tfrnn_ops.SimpleRNN(8, dtype="bfloat16")
    layer.build([1, 1, 3])
    kernel = keras.ops.convert_to_numpy(layer.cell.recurrent_kernel).astype("float64")
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(8), atol=0.02)
    assert isinstance(layer.recurrent_initializer, keras.initializers.Orthogonal)
