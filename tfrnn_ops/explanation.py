"""Tells how a layer runs, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfrnn_ops import _core, _gpu, _tensorflow
from tfrnn_ops.layers.base import Recurrent
from tfrnn_ops.layers.bidirectional import Bidirectional
from tfrnn_ops.layers.recurrent import RecurrentLayer
from tfrnn_ops.layers.stacked import StackedRNN
from tfrnn_ops.path import Path, Request, activation_name, decide


@dataclasses.dataclass(frozen=True)
class Explanation:
    """How a layer runs; `print` it.

    Attributes:
        layer: the layer's class and name.
        path: "fused" or "reference"; of a layer of layers "fused" only if all of them are.
        kernel: what runs: an op and its dtype, or a loop of TensorFlow ops.
        device: the type of device it runs on, "CPU" or "GPU".
        sizes: batch, time, features and units, with None for what is not known.
        reasons: why the path is not the fused one; empty if it is.
        options: how each option of the layer is served, by its name.
        notes: what else there is to know.
        gradient_bytes: how much memory the fused op keeps for the gradient; None if that is not
            known, of which a note tells why.
        parts: the same of each layer inside, such as the two directions.
    """

    layer: str
    path: Path
    kernel: str
    device: str
    sizes: Mapping[str, int | None]
    reasons: tuple[str, ...]
    options: Mapping[str, str]
    notes: tuple[str, ...]
    gradient_bytes: int | None = None
    parts: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        sizes = (f"{name} {'?' if size is None else size}" for name, size in self.sizes.items())
        kept = self.gradient_bytes
        told = {reason.split(":")[0] for reason in self.reasons}
        lines = [
            ("kernel", self.kernel),
            ("device", self.device),
            ("sizes", ", ".join(sizes)),
            *([] if kept is None else [("gradient", f"{kept:,} bytes kept for it")]),
            *(("because", reason) for reason in self.reasons if not self.parts),
            *(
                ("option", f"{name}: {how}")
                for name, how in self.options.items()
                if name not in told
            ),
            *(("note", note) for note in self.notes),
        ]
        text = [f"{self.layer}: {self.path} path", *(f"  {head:<8} {line}" for head, line in lines)]
        text += [f"  {line}" for part in self.parts for line in str(part).splitlines()]
        return "\n".join(text)


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
        layer: an `LSTM`, `GRU`, `SimpleRNN` or `IndRNN` of this package, one of its cells, or a
            `Bidirectional` or `StackedRNN`; of Keras's wrappers pass what they wrap. Or a cell of
            `tfrnn_ops.v1`: the answer is how `dynamic_rnn` runs it.
        inputs: what the layer would be called with, a tensor or anything with a `shape`, or a
            shape; only the shape counts. None if that is not known.
        training: whether the layer would be called in training.

    Returns:
        An `Explanation`.

    Raises:
        TypeError: the layer is none of this package's, or `inputs` has and is no shape.
        ValueError: `inputs` has the wrong number of axes.
    """
    if inputs is not None and not hasattr(inputs, "shape"):
        try:
            inputs = tf.TensorSpec(tf.TensorShape(inputs))
        except (TypeError, ValueError):
            raise TypeError(
                f"inputs is {inputs!r}; expected a tensor, anything with a shape, or a shape such "
                "as (None, 5, 3)"
            ) from None
    for kind, explainer in _EXPLAINERS.items():
        if isinstance(layer, kind):
            return explainer(layer, inputs, training)
    if isinstance(layer, Recurrent):
        return _explain_one(layer, inputs, training)
    raise TypeError(
        f"layer is a {type(layer).__module__}.{type(layer).__name__}; expected a layer or "
        "cell of tfrnn_ops. tfrnn_ops.convert makes such layers out of Keras's."
    )


def _explain_one(layer: Recurrent, inputs: Any, training: bool) -> Explanation:
    request = layer.path_request(training)
    decision = decide(request)
    sizes = _sizes(layer, inputs)
    dtype = layer.compute_dtype
    on_gpu = _gpu.is_there()
    notes = []
    if decision.path == "fused" and request.cell.fused:
        op = request.cell.fused.op
        kernel = f"{op}, {dtype}"
        devices = _tensorflow.devices_with_kernel(op)
        on_gpu = _gpu.has_op(op)
        if "GPU" not in devices:
            notes.append(
                f"{op} has kernels for {', '.join(sorted(devices))} only; on a machine with a "
                "GPU, TensorFlow runs it on the CPU"
            )
        if on_gpu:
            notes += _plans(layer, request, sizes, training)
    else:
        loop = "a Python loop" if request.unroll else "tf.while_loop"
        kernel = f"tfrnn_ops.reference.{request.cell.name}, {dtype}: {loop} of TensorFlow ops"
        notes.append("what is kept for the gradient is up to TensorFlow")
    options = dict(decision.options)
    if isinstance(layer, RecurrentLayer) and layer.input_dim is not None:
        gathers = decision.path == "fused" and not layer.dropout
        how = "pick rows of the kernel" if gathers else "become one-hot rows to multiply"
        options["input_dim"] = f"{layer.input_dim}: integers {how}"
    if getattr(layer, "use_cudnn", False) is True:
        notes.append("use_cudnn=True: calling the layer raises ValueError, there is no cuDNN here")
    return Explanation(
        layer=f"{type(layer).__name__} {layer.name!r}",
        path=decision.path,
        kernel=kernel,
        device="GPU" if on_gpu else "CPU",
        sizes=sizes,
        reasons=decision.reasons,
        options=options,
        notes=tuple(notes),
        gradient_bytes=(
            _gradient_bytes(request, sizes, dtype, on_gpu) if decision.path == "fused" else None
        ),
    )


def _plans(
    layer: Recurrent,
    request: Request,
    sizes: Mapping[str, int | None],
    training: bool,
    directions: int = 1,
) -> list[str]:
    """How a GPU runs a layer, if the batch is known."""
    if sizes["batch"] is None:
        return []
    given = _core_name(request), layer.compute_dtype, sizes["batch"], layer.units
    return _gpu.plans(*given, request.gpu_features, training, directions)


def _without_plans(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if not note.startswith("GPU plan"))


def _core_name(request: Request) -> str:
    """A cell's name in `_core`, where a GRU is one of two cells."""
    before = request.cell.name == "gru" and not request.options.reset_after
    return "gru_reset_before" if before else request.cell.name


def _gradient_bytes(
    request: Request, sizes: Mapping[str, int | None], dtype: str, on_gpu: bool
) -> int | None:
    """What the fused op keeps for the gradient; None if a size that it depends on is not known."""
    batch, time = sizes["batch"], sizes.get("time", 1)
    if batch is None or time is None:
        return None
    cell, options = request.cell, request.options
    if on_gpu:
        kept: int = _core.gpu_reserve_bytes(
            _core_name(request),
            dtype,
            batch=batch,
            time=time,
            units=sizes["units"],
            projection=sizes.get("outputs") or 0,
            cell_zoneout=options.cell_zoneout,
            recompute=options.recompute or 0,
            features=list(request.gpu_features),
        )
        return kept
    chosen = (activation_name(getattr(options, name)) for name in cell.activations)
    return _core.reserve_bytes(
        _core_name(request),
        dtype,
        batch=batch,
        time=time,
        units=sizes["units"],
        projection=sizes.get("outputs") or 0,
        layer_norm=options.layer_norm,
        general=any(name != "recompute" for name in request.in_force)
        or tuple(chosen) != ("tanh", "sigmoid")[: len(cell.activations)]
        or cell.diagonal,
        recompute=options.recompute or 0,
    )


def _explain_bidirectional(layer: Bidirectional, inputs: Any, training: bool) -> Explanation:
    parts = [explain(p, inputs, training=training) for p in layer.directions]
    apart = layer.why_two_calls(training)
    how = "in the op" if apart is None and layer.merge_mode == "concat" else "after the op"
    note = "both directions run in one call of the op"
    if apart is not None:
        note = f"each direction has a call of its own: {apart}"
    notes = [note]
    if apart is None and parts[0].device == "GPU":  # the plan is that of both
        parts = [dataclasses.replace(p, notes=_without_plans(p.notes)) for p in parts]
        one = layer.directions[0]
        notes += _plans(one, one.path_request(training), parts[0].sizes, training, directions=2)
    joined = _join(layer, parts, {"merge_mode": f"{layer.merge_mode}, {how}"})
    return dataclasses.replace(joined, notes=tuple(notes))


def _explain_stack(layer: StackedRNN, inputs: Any, training: bool) -> Explanation:
    parts = []
    for one in layer.rnn_layers:
        parts.append(explain(one, inputs, training=training))
        if inputs is not None:
            inputs = tf.TensorSpec(one.compute_output_shape(inputs.shape)[0])
    how = f"{layer.dropout} between the layers" if layer.dropout else "none"
    return _join(layer, parts, {"dropout": how})


def _join(layer: Any, parts: list[Explanation], options: Mapping[str, str]) -> Explanation:
    """What is true of a layer made of layers."""
    fused = all(part.path == "fused" for part in parts)
    kept = [part.gradient_bytes for part in parts]
    known = [size for size in kept if size is not None]
    return Explanation(
        layer=f"{type(layer).__name__} {layer.name!r}",
        path="fused" if fused else "reference",
        kernel="; ".join(dict.fromkeys(part.kernel for part in parts)),
        device=", ".join(sorted({part.device for part in parts})),
        sizes=parts[0].sizes,
        reasons=tuple(f"{part.layer}: {reason}" for part in parts for reason in part.reasons),
        options=options,
        notes=(),
        gradient_bytes=sum(known) if len(known) == len(kept) else None,
        parts=tuple(parts),
    )


def _sizes(layer: Any, inputs: Any) -> dict[str, int | None]:
    axes = ["batch", "features"]
    if isinstance(layer, RecurrentLayer):
        axes = ["time", "batch", "features"] if layer.time_major else ["batch", "time", "features"]
    shape = [None] * len(axes) if inputs is None else list(inputs.shape)
    if isinstance(layer, RecurrentLayer) and layer.input_dim is not None and len(shape) == 2:
        shape.append(layer.input_dim)
    if len(shape) != len(axes):
        raise ValueError(f"inputs has shape {tuple(shape)}; expected [{', '.join(axes)}]")
    sizes = {**dict(zip(axes, shape, strict=True)), "units": layer.units}
    cell = layer.cell if isinstance(layer, RecurrentLayer) else layer
    projected = cell.layer_options.projection_units
    return sizes if projected is None else {**sizes, "outputs": projected}


register(Bidirectional, _explain_bidirectional)
register(StackedRNN, _explain_stack)
