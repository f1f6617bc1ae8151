"""TF1's recurrent cells and `dynamic_rnn`, in the fused ops wherever they can be.

    import tfrnn_ops.v1 as rnn

    cell = rnn.MultiRNNCell([rnn.GRUCell(128), rnn.GRUCell(256)])
    outputs, state = rnn.dynamic_rnn(cell, inputs, sequence_length=lengths, dtype=tf.float32)

They work in TF1 graphs (`tf.compat.v1.disable_v2_behavior()`) with the variable names of TF1, so
its checkpoints load, and in TensorFlow 2, eagerly and in a `tf.function`.

Here are the cells, wrappers and loops of `tf.nn`. Of `tf.contrib` there are `AttentionCellWrapper`,
`GRUBlockCell`, `GRUBlockCellV2`, `LSTMBlockCell`, `LSTMBlockFusedCell`, `LayerNormBasicLSTMCell`,
`PhasedLSTMCell`, `stack_bidirectional_dynamic_rnn`, and of `cudnn_rnn` `CudnnLSTM`, `CudnnGRU` and
the cells compatible with them; none of its other cells, wrappers and adaptors.

A layer of Keras 3 does not track the variables of a cell, as it tracks no `tf.Variable`: take
`cell.trainable_variables` for the optimizer, or a layer of this package instead.
"""

from tfrnn_ops.v1 import _explain as _explain  # registers itself with tfrnn_ops.explain
from tfrnn_ops.v1 import rnn_cell
from tfrnn_ops.v1._cudnn import CudnnGRU, CudnnLSTM
from tfrnn_ops.v1._loops import (
    bidirectional_dynamic_rnn,
    dynamic_rnn,
    raw_rnn,
    stack_bidirectional_dynamic_rnn,
)
from tfrnn_ops.v1._static import (
    static_bidirectional_rnn,
    static_rnn,
    static_state_saving_rnn,
)
from tfrnn_ops.v1.rnn_cell import *  # noqa: F403

__all__ = [
    *rnn_cell.__all__,
    "CudnnGRU",
    "CudnnLSTM",
    "bidirectional_dynamic_rnn",
    "dynamic_rnn",
    "raw_rnn",
    "rnn_cell",
    "stack_bidirectional_dynamic_rnn",
    "static_bidirectional_rnn",
    "static_rnn",
    "static_state_saving_rnn",
]
