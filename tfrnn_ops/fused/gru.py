"""The fused GRU."""

from tfrnn_ops import reference
from tfrnn_ops.fused.common import FusedOp

gru = FusedOp("TfrnnGru", reference.gru, gates=3, attributes=("reset_after",))
