"""Options that do not fit a cell, a wrapper or each other: refused at construction, with why."""

import keras
import pytest
import tensorflow as tf

import tfrnn_ops

LSTM, GRU, SIMPLE_RNN, IND_RNN = (
    (getattr(tfrnn_ops, name), getattr(tfrnn_ops, f"{name}Cell"))
    for name in ("LSTM", "GRU", "SimpleRNN", "IndRNN")
)
ALL = (*LSTM, *GRU, *SIMPLE_RNN, *IND_RNN)
NOT_LSTM = (*GRU, *SIMPLE_RNN, *IND_RNN)

# Arguments, the classes that refuse them, and the reason.
IMPOSSIBLE = [
    ({"peephole": True}, NOT_LSTM, "peephole is True, but .* has no cell state for its gates"),
    ({"cell_zoneout": 0.1}, NOT_LSTM, "cell_zoneout is 0.1, but .* has no cell state"),
    ({"cell_clip": 1.0}, NOT_LSTM, "cell_clip is 1.0, but .* has no cell state"),
    ({"projection_units": 2}, NOT_LSTM, "projection_units is 2, but .* has no projection"),
    ({"projection_clip": 1.0}, NOT_LSTM, "projection_clip is 1.0, but .* has no projection"),
    ({"projection_clip": 1.0}, LSTM, "projection_clip is 1.0, but there is no projection to clip"),
    ({"layer_norm": True, "layer_norm_carry": True}, NOT_LSTM, "layer_norm_carry is True, but .*"),
    ({"layer_norm_carry": True}, LSTM, "layer_norm_carry is True, but without layer_norm"),
    ({"return_cell_states": True}, (GRU[0], SIMPLE_RNN[0], IND_RNN[0]), "return_cell_states is"),
    ({"return_cell_states": True}, (LSTM[1], GRU[1]), "return_cell_states"),
    ({"reset_after": True}, (*LSTM, *SIMPLE_RNN, *IND_RNN), "reset_after"),
    ({"recurrent_activation": "relu"}, (*SIMPLE_RNN, *IND_RNN), "recurrent_activation"),
    ({"unit_forget_bias": True}, NOT_LSTM, "unit_forget_bias"),
    ({"zoneout": 1.0}, ALL, "zoneout is 1.0; expected a rate of at least 0 and below 1"),
    ({"zoneout": float("nan")}, ALL, "zoneout is nan; expected a rate"),
    ({"cell_zoneout": -0.5}, LSTM, "cell_zoneout is -0.5; expected a rate"),
    ({"drop_connect": 1.0}, ALL, "drop_connect is 1.0; expected a rate"),
    (
        {"recurrent_dropout": 1.0, "recurrent_dropout_per_step": True},
        ALL,
        "recurrent_dropout is 1.0; expected a rate",
    ),
    ({"recompute": 0}, ALL, "recompute is 0; expected a number of steps above 0, or None"),
    ({"recompute": 10**12}, ALL, "recompute is 1000000000000; expected at most 2147483647"),
    ({"recompute": 1.5}, ALL, "recompute is 1.5; expected a number of steps"),
    ({"layer_norm_epsilon": 0.0}, ALL, "layer_norm_epsilon is 0.0; expected a finite number"),
    ({"layer_norm_epsilon": float("inf")}, ALL, "layer_norm_epsilon is inf; expected a finite"),
    ({"cell_clip": -1.0}, LSTM, "cell_clip is -1.0; expected a finite number above 0"),
    ({"projection_units": -2}, LSTM, "projection_units is -2; expected a width above 0"),
    ({"activation": "crelu"}, ALL, "activation crelu doubles the width"),
    ({"activation": tf.nn.crelu}, ALL, "activation crelu doubles the width"),
    ({"activation": keras.activations.glu}, ALL, "activation glu halves the width"),
    ({"recurrent_activation": "crelu"}, (*LSTM, *GRU), "activation crelu doubles the width"),
]


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        pytest.param(kind, arguments, message, id=f"{kind.__name__}-{'-'.join(arguments)}")
        for arguments, kinds, message in IMPOSSIBLE
        for kind in kinds
    ],
)
def test_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(3, **arguments)


STACKS = [
    ("gru", {"peephole": True}, "peephole is True, but gru has no cell state"),
    ("lstm", {"return_cell_states": True}, "return_cell_states is True, which a stack does not"),
    ("lstm", {"zoneout": 1.0}, "zoneout is 1.0; expected a rate"),
    ("lstm", {"projection_clip": 0.5}, "projection_clip is 0.5, but there is no projection"),
    ("simple_rnn", {"activation": "crelu"}, "activation crelu doubles the width"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), STACKS, ids=str)
def test_refused_by_a_stack(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfrnn_ops.StackedRNN(kind, 4, 2, **arguments)


def test_refused_by_both_directions():
    layer = tfrnn_ops.LSTM(4, return_cell_states=True)
    with pytest.raises(ValueError, match="return_cell_states=True, and there is no way to merge"):
        tfrnn_ops.Bidirectional(layer)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_a_cell_has_is_not_refused(kind):
    """The table refuses for the reason it tells, not because of the rest of its arguments."""
    options = {"zoneout": 0.5, "drop_connect": 0.5, "recompute": 2, "layer_norm": True}
    options |= {"recurrent_dropout": 0.5, "recurrent_dropout_per_step": True}
    if kind in LSTM:
        options |= {"peephole": True, "cell_zoneout": 0.5, "cell_clip": 1.0}
        options |= {"projection_units": 2, "projection_clip": 1.0, "layer_norm_carry": True}
    kind(3, **options)
