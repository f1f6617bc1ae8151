"""The cells, under the names of TF1's `tf.nn.rnn_cell` and `tf.contrib.rnn`."""

from tfrnn_ops.v1._base import RNNCell
from tfrnn_ops.v1._block import (
    CudnnCompatibleGRUCell,
    CudnnCompatibleLSTMCell,
    GRUBlockCell,
    GRUBlockCellV2,
    LSTMBlockCell,
    LSTMBlockFusedCell,
)
from tfrnn_ops.v1._cells import BasicRNNCell, GRUCell
from tfrnn_ops.v1._contrib import AttentionCellWrapper, LayerNormBasicLSTMCell, PhasedLSTMCell
from tfrnn_ops.v1._dropout import DropoutWrapper
from tfrnn_ops.v1._lstm import BasicLSTMCell, LSTMCell, LSTMStateTuple
from tfrnn_ops.v1._multi import MultiRNNCell
from tfrnn_ops.v1._wrappers import DeviceWrapper, ResidualWrapper

__all__ = [
    "AttentionCellWrapper",
    "BasicLSTMCell",
    "BasicRNNCell",
    "CudnnCompatibleGRUCell",
    "CudnnCompatibleLSTMCell",
    "DeviceWrapper",
    "DropoutWrapper",
    "GRUBlockCell",
    "GRUBlockCellV2",
    "GRUCell",
    "LSTMBlockCell",
    "LSTMBlockFusedCell",
    "LSTMCell",
    "LSTMStateTuple",
    "LayerNormBasicLSTMCell",
    "MultiRNNCell",
    "PhasedLSTMCell",
    "RNNCell",
    "ResidualWrapper",
]
