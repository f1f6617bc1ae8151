"""The fused IndRNN."""

from tfrnn_ops import reference
from tfrnn_ops.fused.common import FusedOp

ind_rnn = FusedOp("TfrnnIndRnn", reference.ind_rnn, gates=1, diagonal=True)
