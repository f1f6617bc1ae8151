"""Fused LSTM, GRU and SimpleRNN, with many options, for TensorFlow and Keras 3.

Use the layers in place of their namesakes in `keras.layers`, or convert a whole model:

    import tfrnn_ops

    layer = tfrnn_ops.LSTM(128, return_sequences=True)
    faster = tfrnn_ops.convert(model)
    print(tfrnn_ops.explain(layer))

`tfrnn_ops.lstm`, `gru`, `simple_rnn` and `ind_rnn` are the same as functions of tensors, and
`tfrnn_ops.reference` holds slower ones in plain TensorFlow ops.
"""

import importlib.util

__version__ = "0.1.0"

# Without TensorFlow there are still `tfrnn_ops._core` and `python -m tfrnn_ops.bench gpu`.
if importlib.util.find_spec("tensorflow") is not None:
    from tfrnn_ops import reference
    from tfrnn_ops.convert import convert
    from tfrnn_ops.explanation import Explanation, explain
    from tfrnn_ops.export import export
    from tfrnn_ops.functional import gru, ind_rnn, lstm, simple_rnn
    from tfrnn_ops.layers import (
        GRU,
        LSTM,
        Bidirectional,
        GRUCell,
        IndRNN,
        IndRNNCell,
        LSTMCell,
        SimpleRNN,
        SimpleRNNCell,
        StackedRNN,
    )
    from tfrnn_ops.path import ReferencePathWarning, use_reference
    from tfrnn_ops.state import LSTMState

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "Explanation",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "LSTMCell",
    "LSTMState",
    "ReferencePathWarning",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
    "convert",
    "explain",
    "export",
    "gru",
    "ind_rnn",
    "lstm",
    "reference",
    "simple_rnn",
    "use_reference",
]
