"""What the cells share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrnn_ops._cells import Cell
from tfrnn_ops.layers.base import Recurrent, as_tensor
from tfrnn_ops.layers.initializers import bfloat16_initializers
from tfrnn_ops.options import LAYER_DEFAULTS, LayerOptions, check_activations
from tfrnn_ops.path import Request, decide

# What a cell needs for an option, if not every cell has it; only the LSTM has all of this.
_NEEDS = {
    "cell_zoneout": "cell state to zone out",
    "peephole": "cell state for its gates to see",
    "projection_units": "projection of its output",
    "cell_clip": "cell state to clip",
    "projection_clip": "projection of its output",
    "layer_norm_carry": "cell state to normalise",
    "return_cell_states": "cell state to return",
}
_OPTION = {"projection_units": "projection"}  # what the functions call it


class RecurrentCell(Recurrent):
    """The base of the cells, which comes before the Keras class that it speeds up.

    Args:
        units: the width of the output and of the states.
        *args: the Keras class's other arguments.
        **kwargs: the Keras class's other arguments, and those of `LayerOptions`.

    Raises:
        ValueError: the cell has no such option, an option is out of range, or it needs another.
    """

    def __init__(self, units: int, *args: Any, **kwargs: Any):
        own = LayerOptions.take(kwargs)
        check_activations([*args, *kwargs.values()])
        check_has(self.kind, own)
        layer_options = LayerOptions(**own)
        super().__init__(units, *args, **kwargs)
        self.layer_options = layer_options
        self.peephole_kernel = self.projection_kernel = None
        self.layer_norm_gain = self.layer_norm_offset = None
        if layer_options.projection_units is not None:
            self.output_size = layer_options.projection_units
            self.state_size = [self.output_size, units]
        if decide(self.path_request(), anywhere=True).path == "fused":
            self.supports_jit = False  # XLA cannot compile the fused op

    @classmethod
    def like(cls, cell: keras.Layer, **options: Any) -> RecurrentCell:
        """A cell of this class with the configuration of a Keras cell.

        Args:
            cell: the Keras cell, which has no weights yet.
            **options: the arguments of `LayerOptions`.
        """
        arguments = {name: getattr(cell, name) for name in cell.get_config()}
        with tf.init_scope():
            drawn = int(np.asarray(cell.seed_generator.state.value)[0])
        arguments.update(dtype=cell.dtype_policy, name=f"{cls.kind.name}_cell", seed=drawn)
        if hasattr(cell, "implementation"):
            arguments["implementation"] = cell.implementation
        new = cls(**arguments, **options)
        new.seed = cell.seed  # what was asked for, maybe None
        return new

    def path_request(
        self, training: Any = False, unroll: bool = False, return_cell_states: bool = False
    ) -> Request:
        """What decides the path of a call, for `tfrnn_ops.path.decide`."""
        own = self.layer_options
        return Request(
            self.kind,
            own.options(self, return_cell_states),
            training=bool(training),
            dropout=self.dropout,
            recurrent_dropout=0.0 if own.recurrent_dropout_per_step else self.recurrent_dropout,
            dropout_per_gate=getattr(self, "dropout_mask_count", None) is not None,
            drop_connect=own.drop_connect,
            unroll=unroll,
        )

    def build(self, input_shape: Any) -> None:
        """Makes the weights: Keras's, in Keras's order, then those of the options."""
        with bfloat16_initializers(self):
            super().build(input_shape)
        own, units = self.layer_options, self.units
        if own.peephole:
            self.peephole_kernel = self.add_weight(
                shape=(3, units), initializer="glorot_uniform", name="peephole_kernel"
            )
        if own.projection_units is not None:
            self.projection_kernel = self.add_weight(
                shape=(units, own.projection_units),
                initializer="glorot_uniform",
                name="projection_kernel",
            )
        if own.layer_norm:
            shape = (self.kind.layer_norm_width * units,)
            for name, initial in (("layer_norm_gain", "ones"), ("layer_norm_offset", "zeros")):
                setattr(self, name, self.add_weight(shape=shape, initializer=initial, name=name))

    def add_weight(self, shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's method; the recurrent kernel gets the shape that this cell has."""
        if kwargs.get("name") == "recurrent_kernel":
            if self.kind.diagonal:
                shape = (self.units,)
            elif self.layer_options.projection_units is not None:
                shape = (self.layer_options.projection_units, *shape[1:])
        return super().add_weight(shape, *args, **kwargs)

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        """Runs one step.

        Args:
            inputs: `[batch, features]`.
            states: the states, each `[batch, units]`; a list, or the tensor if there is one.
            training: whether dropout is in force.

        Returns:
            `(output, new_states)`, the states as they came: in a list or not.
        """
        inputs, *initial_state = (
            as_tensor(tensor, self.compute_dtype) for tensor in tf.nest.flatten([inputs, states])
        )
        _, new_states, _ = self._run(
            self,
            self.path_request(training),
            inputs[tf.newaxis],
            initial_state,
            inputs,
            time_major=True,
            unroll=True,
        )
        in_list = isinstance(states, (list, tuple))
        return new_states[0], list(new_states) if in_list else new_states[0]

    def get_config(self) -> dict[str, Any]:
        """Keras's configuration, and the options of this package that the cell has."""
        own = {name: getattr(self.layer_options, name) for name in arguments_of(self.kind)}
        return {**super().get_config(), **own}


def arguments_of(kind: Cell) -> list[str]:
    """The constructor arguments besides Keras's that the layer and the cell of a kind share."""
    return [name for name in LAYER_DEFAULTS if _has(kind, name)]


def check_has(kind: Cell, arguments: Mapping[str, Any]) -> None:
    """Refuses arguments that ask for what a kind of cell has not.

    Raises:
        ValueError: there is one such argument, and it is not at its default, which is off.
    """
    for name, value in arguments.items():
        if value != LAYER_DEFAULTS.get(name, False) and not _has(kind, name):
            raise ValueError(
                f"{name} is {value!r}, but {kind.name} has no {_NEEDS[name]}, as only lstm has; "
                f"expected {LAYER_DEFAULTS.get(name, False)!r}"
            )


def _has(kind: Cell, name: str) -> bool:
    return name not in _NEEDS or _OPTION.get(name, name) in kind.options
