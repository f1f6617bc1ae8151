"""Fused LSTM, GRU and SimpleRNN for TensorFlow and Keras 3.

Use the layers in place of their namesakes in `keras.layers`, or convert a whole model:

    import tfrnn_ops

    layer = tfrnn_ops.LSTM(128, return_sequences=True)
    faster = tfrnn_ops.convert(model)
    print(tfrnn_ops.explain(layer))

`tfrnn_ops.lstm`, `gru` and `simple_rnn` are the same as functions of tensors, and
`tfrnn_ops.reference` holds slower ones in plain TensorFlow ops.
"""

import importlib.util

# Without TensorFlow there are still `tfrnn_ops._core` and `python -m tfrnn_ops.bench gpu`.
if importlib.util.find_spec("tensorflow") is not None:
    from tfrnn_ops import reference
    from tfrnn_ops.convert import convert
    from tfrnn_ops.explanation import Explanation, explain
    from tfrnn_ops.functional import gru, lstm, simple_rnn
    from tfrnn_ops.layers import GRU, LSTM, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell
    from tfrnn_ops.path import ReferencePathWarning, use_reference
    from tfrnn_ops.state import LSTMState

__all__ = [
    "GRU",
    "LSTM",
    "Explanation",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "ReferencePathWarning",
    "SimpleRNN",
    "SimpleRNNCell",
    "convert",
    "explain",
    "gru",
    "lstm",
    "reference",
    "simple_rnn",
    "use_reference",
]
