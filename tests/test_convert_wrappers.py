"""`convert` inside wrappers."""

import pytest
from cells import CASES, every_cell
from test_convert import INPUTS, KERAS, check, parts

import tfrnn_ops


@every_cell
@pytest.mark.parametrize("wrapper", [KERAS.Bidirectional, KERAS.TimeDistributed])
def test_wrappers(case, wrapper):
    inputs = INPUTS if wrapper is KERAS.Bidirectional else INPUTS[:, None]
    converted = check(wrapper(case.layer(4, KERAS)), inputs)
    assert type(converted) is wrapper
    assert type(case.layer(1)) in parts(converted)
    assert not {KERAS.LSTM, KERAS.GRU, KERAS.SimpleRNN} & set(parts(converted))


def test_bidirectional_of_two_kinds():
    layer = KERAS.Bidirectional(
        KERAS.LSTM(4, return_sequences=True),
        backward_layer=KERAS.GRU(2, return_sequences=True, go_backwards=True),
        merge_mode=None,
    )
    converted = check(layer)
    assert isinstance(converted.forward_layer, tfrnn_ops.LSTM)
    assert isinstance(converted.backward_layer, tfrnn_ops.GRU)


@every_cell
def test_rnn_of_a_cell_becomes_a_layer(case):
    options = {"return_sequences": True, "go_backwards": True, "name": "kept"}
    converted = check(KERAS.RNN(case.cell(4, KERAS, dropout=0.3, seed=1), **options))
    assert type(converted) is type(case.layer(1))
    assert converted.go_backwards


def test_rnn_of_a_cell_of_another_dtype_stays_an_rnn():
    layer = KERAS.RNN(KERAS.LSTMCell(4, dtype="mixed_bfloat16"))
    converted = check(layer, kind="bfloat16")
    assert type(converted) is KERAS.RNN
    assert isinstance(converted.cell, tfrnn_ops.LSTMCell)


@pytest.mark.parametrize("stacked", [False, True])
def test_stacked_cells(stacked):
    cells = [case.cell(4, KERAS) for case in CASES]
    layer = KERAS.RNN(KERAS.StackedRNNCells(cells) if stacked else cells, return_state=True)
    converted = check(layer)
    ours = [type(case.cell(1)) for case in CASES]
    assert [type(cell) for cell in converted.cell.cells] == ours
