"""The Keras layers: ours and Keras's own, each in a `tf.function`."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

import tfrnn_ops
from tfrnn_ops._programs import UserError
from tfrnn_ops.bench.cases import Case, Tensors
from tfrnn_ops.bench.options import OPTIONS
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

    @classmethod
    def missing(cls, case: Case) -> str | None:
        """Not every cell and library has every option."""
        if not case.option:
            return None
        if cls._arguments_of(case) is None:
            return f"has no {case.option}"
        return None

    @classmethod
    @abc.abstractmethod
    def _arguments_of(cls, case: Case) -> Mapping[str, Any] | None:
        """The constructor's arguments for the case's option; None if there is none."""

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        class_name, options = _CLASSES[case.cell]
        if case.option:
            options = {**options, **(self._arguments_of(case) or {})}
        layer = getattr(self.module, class_name)(
            case.shape.units,
            return_sequences=True,
            recurrent_initializer="zeros",  # the usual one does not exist in bfloat16
            dtype=case.dtype,
            **options,
        )
        layer.build(tensors.inputs.shape)
        given = [tensors.kernel, tensors.recurrent_kernel, tensors.bias][: 2 + layer.use_bias]
        rng = np.random.default_rng(1)
        for variable in layer.weights[len(given) :]:  # an option's own
            if len(variable.shape) > 1:
                given.append(rng.standard_normal(variable.shape) * variable.shape[0] ** -0.5)
            else:
                given.append(variable)
        for variable, value in zip(layer.weights, given, strict=True):
            variable.assign(value)
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
        others = [variable.name for variable in self.layer.trainable_weights]
        names = ["outputs", GRADIENTS[0], *others][: len(result)]
        return {name: value.numpy() for name, value in zip(names, result, strict=True)}


class Ours(_LayerPeer):
    """The layer of this package."""

    name = "ours"
    title = "tfrnn_ops"
    path: ClassVar[str] = "fused"
    module: ClassVar[Any] = tfrnn_ops

    @classmethod
    def _arguments_of(cls, case: Case) -> Mapping[str, Any]:
        if OPTIONS[case.option].projects:
            return {"projection_units": case.outputs}
        return OPTIONS[case.option].ours

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        super().__init__(case, tensors, mode)
        explanation = tfrnn_ops.explain(self.layer, training=mode == "train")
        if explanation.path != self.path:
            reasons = "; ".join(explanation.reasons)
            raise UserError(f"{case} runs on the {explanation.path} path: {reasons}")


class WithoutOption(Ours):
    """The layer of this package without the option, to see what it costs."""

    name = "without"
    title = "without it"

    @classmethod
    def missing(cls, case: Case) -> str | None:
        """Without an option it is ours, and a projection changes the sizes."""
        if not case.option:
            return "is ours: there is no option"
        return "has other sizes" if case.outputs != case.shape.units else None

    @classmethod
    def _arguments_of(cls, case: Case) -> Mapping[str, Any]:
        return {}


class Keras(_LayerPeer):
    """Keras's layer as a graph."""

    name = "keras"
    title = "Keras"
    module: ClassVar[Any] = keras.layers

    @classmethod
    def _arguments_of(cls, case: Case) -> Mapping[str, Any] | None:
        return OPTIONS[case.option].keras


class KerasXla(Keras):
    """Keras's layer, compiled by XLA."""

    name = "xla"
    title = "Keras, XLA"
    jit_compile = True


def reference(case: Case, tensors: Tensors, mode: str) -> dict[str, np.ndarray]:
    """The right results, in float64: those of Keras, or of our reference if it has no option."""
    exact = Case(case.cell, case.shape, "float64", case.option)
    if Keras.missing(exact) is None:
        peer: _LayerPeer = Keras(exact, tensors.cast("float64"), mode)
        return peer.arrays(peer.run())
    with tfrnn_ops.use_reference():
        peer = _Reference(exact, tensors.cast("float64"), mode)
        return peer.arrays(peer.run())


class _Reference(Ours):
    """Our layer on the reference path."""

    path: ClassVar[str] = "reference"
