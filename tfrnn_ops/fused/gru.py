"""The fused GRU."""

from tfrnn_ops import reference
from tfrnn_ops.fused.common import FusedOp

gru = FusedOp("TfrnnGru", reference.gru, attributes=("reset_after",))
