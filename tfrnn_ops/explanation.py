"""Tells how a layer runs, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfrnn_ops import _tensorflow
from tfrnn_ops.layers.base import Recurrent
from tfrnn_ops.layers.recurrent import RecurrentLayer
from tfrnn_ops.path import Path, decide


@dataclasses.dataclass(frozen=True)
class Explanation:
    """How a layer runs; `print` it.

    Attributes:
        layer: the layer's class and name.
        path: "fused" or "reference".
        kernel: what runs: an op and its dtype, or a loop of TensorFlow ops.
        device: the type of device it runs on, "CPU" or "GPU".
        sizes: batch, time, features and units, with None for what is not known.
        reasons: why the path is not the fused one; empty if it is.
        options: how each option of the layer is served, by its name.
        notes: what else there is to know.
    """

    layer: str
    path: Path
    kernel: str
    device: str
    sizes: Mapping[str, int | None]
    reasons: tuple[str, ...]
    options: Mapping[str, str]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        sizes = (f"{name} {'?' if size is None else size}" for name, size in self.sizes.items())
        lines = [
            ("kernel", self.kernel),
            ("device", self.device),
            ("sizes", ", ".join(sizes)),
            *(("because", reason) for reason in self.reasons),
            *(("option", f"{name}: {how}") for name, how in self.options.items()),
            *(("note", note) for note in self.notes),
        ]
        return "\n".join(
            [f"{self.layer}: {self.path} path", *(f"  {head:<8} {text}" for head, text in lines)]
        )


_EXPLAINERS: dict[type, Callable[[Any, Any, bool], Explanation]] = {}


def register(kind: type, explainer: Callable[[Any, Any, bool], Explanation]) -> None:
    """Lets `explain` tell of another kind of layer.

    Args:
        kind: the class; subclasses are told of too.
        explainer: `explainer(layer, inputs, training)`.
    """
    _EXPLAINERS[kind] = explainer


def explain(layer: Any, inputs: Any = None, *, training: bool = False) -> Explanation:
    """Tells which path and kernel a layer would take if it were called here, and why.

    The answer comes from the decision that the layer itself makes in each call, so it holds for
    the place of the call: in a `tf.function(jit_compile=True)`, or inside
    `tfrnn_ops.use_reference()`, it is another.

    Args:
        layer: an `LSTM`, `GRU` or `SimpleRNN` of this package, or one of its cells; of a wrapper
            pass what it wraps, such as `bidirectional.forward_layer`. Or a cell of
            `tfrnn_ops.v1`: the answer is how `dynamic_rnn` runs it.
        inputs: what the layer would be called with, a tensor or anything with a `shape`; only
            the shape counts. None if that is not known.
        training: whether the layer would be called in training.

    Returns:
        An `Explanation`.

    Raises:
        TypeError: the layer is none of this package's.
        ValueError: `inputs` has the wrong number of axes.
    """
    for kind, explainer in _EXPLAINERS.items():
        if isinstance(layer, kind):
            return explainer(layer, inputs, training)
    if not isinstance(layer, Recurrent):
        raise TypeError(
            f"layer is a {type(layer).__module__}.{type(layer).__name__}; expected a layer or "
            "cell of tfrnn_ops. tfrnn_ops.convert makes such layers out of Keras's."
        )
    request = layer.path_request(training)
    decision = decide(request)
    sizes = _sizes(layer, inputs)
    dtype = layer.compute_dtype
    op = request.cell.fused.op if request.cell.fused else ""
    devices = _tensorflow.devices_with_kernel(op)
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    notes = []
    if decision.path == "fused":
        kernel = f"{op}, {dtype}"
        on_gpu = has_gpu and "GPU" in devices
        if "GPU" not in devices:
            notes.append(
                f"{op} has kernels for {', '.join(sorted(devices))} only; on a machine with a "
                "GPU, TensorFlow runs it on the CPU"
            )
    else:
        loop = "a Python loop" if request.unroll else "tf.while_loop"
        kernel = f"tfrnn_ops.reference.{request.cell.name}, {dtype}: {loop} of TensorFlow ops"
        on_gpu = has_gpu
    if getattr(layer, "use_cudnn", False) is True:
        notes.append("use_cudnn=True: calling the layer raises ValueError, there is no cuDNN here")
    return Explanation(
        layer=f"{type(layer).__name__} {layer.name!r}",
        path=decision.path,
        kernel=kernel,
        device="GPU" if on_gpu else "CPU",
        sizes=sizes,
        reasons=decision.reasons,
        options=decision.options,
        notes=tuple(notes),
    )


def _sizes(layer: Any, inputs: Any) -> dict[str, int | None]:
    axes = ["batch", "features"]
    if isinstance(layer, RecurrentLayer):
        axes = ["time", "batch", "features"] if layer.time_major else ["batch", "time", "features"]
    shape = [None] * len(axes) if inputs is None else list(inputs.shape)
    if len(shape) != len(axes):
        raise ValueError(f"inputs has shape {tuple(shape)}; expected [{', '.join(axes)}]")
    return {**dict(zip(axes, shape, strict=True)), "units": layer.units}
