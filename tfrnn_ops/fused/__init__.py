"""The compiled ops with their gradients, one file a cell.

Functions here take complete, checked tensors; `tfrnn_ops.lstm` and its siblings are the public way.
"""

from tfrnn_ops.fused.gru import gru
from tfrnn_ops.fused.lstm import lstm
from tfrnn_ops.fused.simple_rnn import simple_rnn

__all__ = ["gru", "lstm", "simple_rnn"]
