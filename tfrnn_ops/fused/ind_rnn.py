"""The fused IndRNN."""

from tfrnn_ops.fused.common import FusedOp

ind_rnn = FusedOp("TfrnnIndRnn", recurrent_vector=True)
