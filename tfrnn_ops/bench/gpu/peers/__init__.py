"""Whom to measure on a GPU."""

from tfrnn_ops.bench.gpu.peers.base import GpuPeer
from tfrnn_ops.bench.gpu.peers.cudnn import CudnnDynamic, CudnnSmallH, CudnnStandard, CudnnStatic
from tfrnn_ops.bench.gpu.peers.ours import Ours
from tfrnn_ops.bench.gpu.peers.pytorch import PyTorch

GPU_PEERS: dict[str, type[GpuPeer]] = {
    peer.name: peer
    for peer in (Ours, PyTorch, CudnnStandard, CudnnStatic, CudnnDynamic, CudnnSmallH)
}
OTHERS = tuple(name for name in GPU_PEERS if name != Ours.name)
TITLES = {name: peer.title for name, peer in GPU_PEERS.items()}

__all__ = ["GPU_PEERS", "OTHERS", "TITLES", "GpuPeer", "Ours", "PyTorch"]
