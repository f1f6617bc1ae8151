"""The Keras layers and cells, one file a cell."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tfrnn_ops needs Keras on TensorFlow; found the {keras.backend.backend()} backend. "
        "Set the environment variable KERAS_BACKEND=tensorflow."
    )

from tfrnn_ops.layers.bidirectional import Bidirectional
from tfrnn_ops.layers.gru import GRU, GRUCell
from tfrnn_ops.layers.ind_rnn import IndRNN, IndRNNCell
from tfrnn_ops.layers.lstm import LSTM, LSTMCell
from tfrnn_ops.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from tfrnn_ops.layers.stacked import StackedRNN

LAYERS = (LSTM, GRU, SimpleRNN, IndRNN)
CELLS = (LSTMCell, GRUCell, SimpleRNNCell, IndRNNCell)

__all__ = [
    "CELLS",
    "GRU",
    "LAYERS",
    "LSTM",
    "Bidirectional",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
]
