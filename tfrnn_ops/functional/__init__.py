"""The layers as functions of their tensors, one file a cell."""

from tfrnn_ops.functional.gru import gru
from tfrnn_ops.functional.ind_rnn import ind_rnn
from tfrnn_ops.functional.lstm import lstm
from tfrnn_ops.functional.simple_rnn import simple_rnn

__all__ = ["gru", "ind_rnn", "lstm", "simple_rnn"]
