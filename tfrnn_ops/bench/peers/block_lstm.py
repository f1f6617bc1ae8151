"""TensorFlow's own fused LSTM, `tf.raw_ops.BlockLSTM`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfrnn_ops.bench.cases import Case, Tensors
from tfrnn_ops.bench.peers.base import GRADIENTS, Peer

# Keras's gates are i, f, g, o; here g, called ci, comes second. The swap undoes itself.
_GATE_ORDER = [0, 2, 1, 3]


class BlockLstm(Peer):
    """Version 1 of the op, time-major.

    Version 2 gives wrong gradients: the one registered for it takes its gates in the order of
    version 1.
    """

    name = "block"
    title = "BlockLSTM"

    @classmethod
    def missing(cls, case: Case) -> str | None:
        """It is an LSTM, without bfloat16, and stops all sequences at the same step."""
        if case.option:
            return f"is not run with {case.option}"
        if case.cell != "lstm":
            return "has an LSTM only"
        if case.dtype not in ("float16", "float32"):
            return f"has no kernel for {case.dtype}"
        return None if case.shape.lengths is None else "has no mask"

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        self._features, units = case.shape.features, case.shape.units
        weights = _swap_gates(np.concatenate([tensors.kernel, tensors.recurrent_kernel]))
        state = tf.zeros([case.shape.batch, units], case.dtype)
        peephole = tf.zeros([units], case.dtype)
        self._constant = {
            "seq_len_max": tf.constant(case.shape.time, tf.int64),
            **dict.fromkeys(["cs_prev", "h_prev"], state),
            **dict.fromkeys(["wci", "wcf", "wco"], peephole),
        }
        self._arguments = [
            tf.constant(tensors.inputs.swapaxes(0, 1)),
            tf.constant(weights),
            tf.constant(_swap_gates(tensors.bias)),
        ]
        if mode == "train":
            self._arguments.append(tf.constant(tensors.doutputs.swapaxes(0, 1)))
        self._function = tf.function(self._train if mode == "train" else self._forward)

    def _forward(self, inputs: Any, weights: Any, bias: Any) -> list[Any]:
        results = tf.raw_ops.BlockLSTM(
            x=inputs,
            w=weights,
            b=bias,
            forget_bias=0.0,
            cell_clip=0.0,  # none
            use_peephole=False,
            **self._constant,
        )
        return [results.h]

    def _train(self, inputs: Any, weights: Any, bias: Any, doutputs: Any) -> list[Any]:
        sources = [inputs, weights, bias]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            (outputs,) = self._forward(*sources)
        return [outputs, *tape.gradient(outputs, sources, output_gradients=doutputs)]

    def run(self) -> Any:
        """Calls the function."""
        return self._function(*self._arguments)

    def arrays(self, result: Any) -> dict[str, np.ndarray]:
        """The results batch-major, the weights apart."""
        outputs, *gradients = (value.numpy() for value in result)
        arrays = {"outputs": outputs.swapaxes(0, 1)}
        if gradients:
            dinputs, dweights, dbias = gradients
            dkernel, drecurrent = np.split(_swap_gates(dweights), [self._features])
            values = dinputs.swapaxes(0, 1), dkernel, drecurrent, _swap_gates(dbias)
            arrays |= dict(zip(GRADIENTS, values, strict=True))
        return arrays


def _swap_gates(array: np.ndarray) -> np.ndarray:
    gates = np.split(array, len(_GATE_ORDER), axis=-1)
    return np.concatenate([gates[i] for i in _GATE_ORDER], axis=-1)
