"""How much the fused op keeps for the gradient: nothing for what is off."""

import pytest
import tensorflow as tf
from combinations import KINDS, Combination, factors

from tfrnn_ops import _core

BATCH, TIME, UNITS = 3, 7, 64  # whole blocks, so that there is no padding
# Values of one step, batch row and unit, in float32, with all options off.
PLAIN = {"lstm": 5, "gru": 4, "gru_reset_before": 4, "simple_rnn": 1, "ind_rnn": 1}
SMALL = 4096  # bytes that do not grow with the steps


def reserve_bytes(name, time=TIME, **options):
    """The size of the opaque tensor that the forward op hands to its gradient."""
    row = {factor: values[0] for factor, values in factors(name).items()}
    row |= {"dtype": "float32", "batch": BATCH, "time": time, "units": UNITS, **options}
    combination = Combination(name, row)
    variables = combination.variables(row["dtype"])

    @tf.function(autograph=False)
    def run():
        outputs, *_ = combination(variables, reference=False)
        return tf.size(outputs.op.outputs[-1], out_type=tf.int64)

    return int(run())


@pytest.mark.parametrize("name", KINDS)
def test_without_options_only_what_the_gradient_needs(name):
    size = reserve_bytes(name)
    assert size <= 4 * PLAIN[name] * BATCH * TIME * UNITS + SMALL
    assert reserve_bytes(name, keep_reserve=False) == 0


@pytest.mark.parametrize("name", KINDS)
def test_bfloat16_keeps_16_bits_where_they_are_multiplied(name):
    """AVX-512-BF16 multiplies them; elsewhere float32 is kept, as of float16."""
    gated = name in ("lstm", "gru", "gru_reset_before")
    size = reserve_bytes(
        name, dtype="bfloat16", **({"recurrent_activation": "sigmoid"} if gated else {})
    )
    narrow = _core.isa() == "avx512_bf16" and name != "ind_rnn"
    assert size <= (2 if narrow else 4) * PLAIN[name] * BATCH * TIME * UNITS + SMALL


@pytest.mark.parametrize("name", KINDS)
def test_what_is_drawn_is_not_kept(name):
    drawing = {"training": True, "zoneout": 0.375, "recurrent_dropout": 0.25}
    other = {"activation": "softsign"}
    assert reserve_bytes(name, **other, **drawing) == reserve_bytes(name, **other)


@pytest.mark.parametrize("name", KINDS)
def test_layer_norm_keeps_at_most_another_copy_of_the_sums(name):
    plain, normalised = (reserve_bytes(name, layer_norm=value) for value in ("off", "on"))
    assert normalised <= 2 * plain + 4 * 3 * BATCH * TIME + SMALL


@pytest.mark.parametrize("name", KINDS)
def test_it_grows_with_the_steps(name):
    """The sizes that are compared here are not all constant."""
    assert reserve_bytes(name, 2 * TIME) > 1.5 * reserve_bytes(name)
