"""The fused LSTM."""

from tfrnn_ops import reference
from tfrnn_ops.fused.common import FusedOp

lstm = FusedOp("TfrnnLstm", reference.lstm, gates=4)
