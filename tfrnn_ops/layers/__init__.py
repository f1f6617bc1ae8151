"""The Keras layers and cells, one file a cell."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tfrnn_ops needs Keras on TensorFlow; found the {keras.backend.backend()} backend. "
        "Set the environment variable KERAS_BACKEND=tensorflow."
    )

from tfrnn_ops.layers.gru import GRU, GRUCell
from tfrnn_ops.layers.lstm import LSTM, LSTMCell
from tfrnn_ops.layers.simple_rnn import SimpleRNN, SimpleRNNCell

LAYERS = (LSTM, GRU, SimpleRNN)
CELLS = (LSTMCell, GRUCell, SimpleRNNCell)

__all__ = ["CELLS", "GRU", "LAYERS", "LSTM", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
