"""Whom to measure, one file a library."""

from tfrnn_ops.bench.peers.base import GRADIENTS, Peer
from tfrnn_ops.bench.peers.block_lstm import BlockLstm
from tfrnn_ops.bench.peers.layers import Keras, KerasXla, Ours, WithoutOption, reference
from tfrnn_ops.bench.peers.pytorch import PyTorch

PEERS: dict[str, type[Peer]] = {
    peer.name: peer for peer in (Ours, WithoutOption, Keras, KerasXla, BlockLstm, PyTorch)
}
OTHERS = tuple(name for name in PEERS if name != Ours.name)

__all__ = [
    "GRADIENTS",
    "OTHERS",
    "PEERS",
    "Keras",
    "Ours",
    "Peer",
    "PyTorch",
    "WithoutOption",
    "reference",
]
