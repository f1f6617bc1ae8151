"""The fused SimpleRNN."""

from tfrnn_ops import reference
from tfrnn_ops.fused.common import FusedOp

simple_rnn = FusedOp("TfrnnSimpleRnn", reference.simple_rnn, gates=1)
