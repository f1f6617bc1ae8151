"""The Keras layers: ours and Keras's own, each in a `tf.function`."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

import tfrnn_ops
from tfrnn_ops._programs import UserError
from tfrnn_ops.bench.cases import Case, Tensors
from tfrnn_ops.bench.peers.base import GRADIENTS, Peer

_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"reset_after": True}),
    "gru_reset_before": ("GRU", {"reset_after": False}),
    "simple_rnn": ("SimpleRNN", {}),
}


class _LayerPeer(Peer, abc.ABC):
    """A layer in a `tf.function`.

    Attributes:
        module: where the layer's class is.
        jit_compile: whether XLA compiles the function.
    """

    module: ClassVar[Any]
    jit_compile: ClassVar[bool] = False

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        class_name, options = _CLASSES[case.cell]
        layer = getattr(self.module, class_name)(
            case.shape.units,
            return_sequences=True,
            recurrent_initializer="zeros",  # the usual one does not exist in bfloat16
            dtype=case.dtype,
            **options,
        )
        layer.build(tensors.inputs.shape)
        layer.set_weights([tensors.kernel, tensors.recurrent_kernel, tensors.bias])
        self.layer = layer
        self._mask = None if case.shape.mask is None else tf.constant(case.shape.mask)
        self._arguments = [tf.constant(tensors.inputs)]
        if mode == "train":
            self._arguments.append(tf.constant(tensors.doutputs))
        step = self._train if mode == "train" else self._forward
        self._function = tf.function(step, jit_compile=self.jit_compile)

    def _forward(self, inputs: Any) -> list[Any]:
        return [self.layer(inputs, mask=self._mask, training=False)]

    def _train(self, inputs: Any, doutputs: Any) -> list[Any]:
        weights = [variable.value for variable in self.layer.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = self.layer(inputs, mask=self._mask, training=True)
        return [outputs, *tape.gradient(outputs, [inputs, *weights], output_gradients=doutputs)]

    def run(self) -> Any:
        """Calls the function."""
        return self._function(*self._arguments)

    def arrays(self, result: Any) -> dict[str, np.ndarray]:
        """The results as they are."""
        names = ("outputs", *GRADIENTS)[: len(result)]
        return {name: value.numpy() for name, value in zip(names, result, strict=True)}


class Ours(_LayerPeer):
    """The layer of this package."""

    name = "ours"
    title = "tfrnn_ops"
    module: ClassVar[Any] = tfrnn_ops

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        super().__init__(case, tensors, mode)
        explanation = tfrnn_ops.explain(self.layer, training=mode == "train")
        if explanation.path != "fused":
            reasons = "; ".join(explanation.reasons)
            raise UserError(f"{case} runs on the {explanation.path} path: {reasons}")


class Keras(_LayerPeer):
    """Keras's layer as a graph."""

    name = "keras"
    title = "Keras"
    module: ClassVar[Any] = keras.layers


class KerasXla(_LayerPeer):
    """Keras's layer, compiled by XLA."""

    name = "xla"
    title = "Keras, XLA"
    module: ClassVar[Any] = keras.layers
    jit_compile = True
