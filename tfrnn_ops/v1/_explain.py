"""What `tfrnn_ops.explain` tells of a cell."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops import _cells, _gpu, explanation
from tfrnn_ops.options import Options
from tfrnn_ops.path import Request, decide
from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._base import RNNCell
from tfrnn_ops.v1._one_hot import indices_of


def explain(cell: RNNCell, inputs: Any, training: bool) -> explanation.Explanation:
    """How `dynamic_rnn` would run a cell over `inputs`, with time as the first or second axis.

    The answer holds for training and without it: a cell does not know.
    """
    del training
    reasons = _sequence.reasons(cell)
    sizes = [None] * 3 if inputs is None else tf.TensorShape(inputs.shape).as_list()
    if len(sizes) != 3:
        reasons = reasons or [f"inputs has shape {tuple(sizes)}, not [batch, time, features]"]
        sizes = [None] * 3
    parts = [m for m in (cell, *cell.submodules) if isinstance(m, RNNCell)]
    ops = sorted({part._kind.fused.op for part in parts if part._kind and part._kind.fused})
    # What is left to decide is whether the place of the call allows a fused op.
    decision = decide(Request(_cells.SIMPLE_RNN, Options()))
    if reasons:
        kernel = "tf.compat.v1.nn.dynamic_rnn: tf.while_loop over the cell"
    elif decision.path == "reference":
        kernel = "tfrnn_ops.reference: tf.while_loop of TensorFlow ops"
    else:
        kernel = ", ".join(ops)
    fused = not reasons and decision.path == "fused"
    on_gpu = all(map(_gpu.has_op, ops)) if fused else _gpu.is_there()
    options = {}
    if fused and inputs is not None:
        gathers = indices_of(cell._sees(inputs)) is not None
        options["inputs"] = (
            "one-hot: rows of the kernel are picked" if gathers else "multiplied by the kernel"
        )
    return explanation.Explanation(
        layer=f"{type(cell).__name__} {cell.name!r}",
        path="fused" if fused else "reference",
        kernel=kernel,
        device="GPU" if on_gpu else "CPU",
        sizes=dict(zip(("batch", "time", "features"), sizes, strict=True)),
        reasons=tuple(reasons) or decision.reasons,
        options=options,
        notes=("this is for dynamic_rnn; calling the cell itself runs one step of TensorFlow ops",),
    )


explanation.register(RNNCell, explain)
