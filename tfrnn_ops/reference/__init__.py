"""The same layers in plain TensorFlow ops: slower, and without limits.

These functions share no code with the fused ops, take every option, can be differentiated any
number of times and in forward mode, and compile with XLA. They are the oracle of the tests and
what a layer runs where the fused op does not cover an option.
"""

from tfrnn_ops.reference.gru import gru
from tfrnn_ops.reference.ind_rnn import ind_rnn
from tfrnn_ops.reference.lstm import lstm
from tfrnn_ops.reference.simple_rnn import simple_rnn

__all__ = ["gru", "ind_rnn", "lstm", "simple_rnn"]
