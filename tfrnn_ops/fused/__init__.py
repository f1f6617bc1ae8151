"""The compiled ops with their gradients, one file a cell.

Functions here take complete, checked tensors; `tfrnn_ops.lstm` and its siblings are the public way.
"""

from tfrnn_ops.fused.common import Direction
from tfrnn_ops.fused.gru import gru
from tfrnn_ops.fused.ind_rnn import ind_rnn
from tfrnn_ops.fused.lstm import lstm
from tfrnn_ops.fused.simple_rnn import simple_rnn

__all__ = ["Direction", "gru", "ind_rnn", "lstm", "simple_rnn"]
