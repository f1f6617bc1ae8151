"""The fused GRU."""

from tfrnn_ops.fused.common import FusedOp

gru = FusedOp("TfrnnGru", attributes=("reset_after",))
