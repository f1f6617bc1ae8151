"""The same bits in every run, for any grouping of the batch's rows over threads."""

import pytest
import tensorflow as tf
from cells import call, every_cell, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_same_bits


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("sizes", [(1, 9, 33, 65), (37, 11, 24, 48)], ids=str)
def test_repeated_runs_agree_bit_by_bit(case, dtype, sizes):
    tensors = random_tensors(case, *sizes, dtype=dtype)
    mask = tf.constant(random_mask(*sizes[:2]))

    def run():
        values, gradients = values_and_gradients(
            lambda: call(case.function, case, tensors, mask=mask), tensors.all()
        )
        return [*values, *gradients]

    first = run()
    for _ in range(4):
        assert_same_bits(run(), first)


@every_cell
def test_a_graph_agrees_with_eager_mode_bit_by_bit(case):
    tensors = random_tensors(case, 8, 11, 24, 48, dtype="float32")

    def run(*flat):
        return values_and_gradients(
            lambda: call(case.function, case, tensors.replace(flat)), list(flat)
        )

    eager, graph = run(*tensors.all()), tf.function(run, autograph=False)(*tensors.all())
    assert_same_bits(tf.nest.flatten(graph), tf.nest.flatten(eager))
