"""The IndRNN layer and cell."""

from __future__ import annotations

from typing import Any

import keras

from tfrnn_ops import _cells
from tfrnn_ops.layers.cell import RecurrentCell
from tfrnn_ops.layers.recurrent import OwnCell, RecurrentLayer


def _uniform() -> keras.initializers.Initializer:
    """Weights of units that keep what they have seen, and do not let it grow: see `IndRNN`."""
    return keras.initializers.RandomUniform(0.0, 1.0)


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class IndRNNCell(RecurrentCell, keras.layers.SimpleRNNCell):
    """One step of an `IndRNN`, whose equation it has.

    For use in `keras.layers.RNN`, `keras.layers.StackedRNNCells` or a loop of one's own. A whole
    sequence runs much faster in `IndRNN`.

    Args:
        units: the width of the output and of the state.
        activation: as for `IndRNN`.
        use_bias: whether there is a bias.
        kernel_initializer: makes the kernel `[features, units]`.
        recurrent_initializer: makes the recurrent kernel `[units]`; None as for `IndRNN`.
        *args: in Keras's order, or by name, every other argument of
            `keras.layers.SimpleRNNCell`.
        **kwargs: the same by name, the options of `IndRNN`, and the arguments of every Keras
            layer, such as `name` and `dtype`.

    Call arguments:
        sequence: `[batch, features]`.
        states: `[batch, units]`, in a list or not.
        training: whether dropout is in force.
    """

    kind = _cells.IND_RNN

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = None,
        *args: Any,
        **kwargs: Any,
    ):
        recurrent_initializer = recurrent_initializer or _uniform()
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, *args, **kwargs
        )

    def call(self, sequence: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        """Runs one step; the same as for the other cells, but for the name Keras has chosen."""
        return super().call(sequence, states, training=training)


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class IndRNN(RecurrentLayer, keras.layers.SimpleRNN, OwnCell):
    """An independently recurrent layer, built and used like `keras.layers.SimpleRNN`.

        h[t] = relu(x[t] kernel + recurrent_kernel * h[t-1] + bias)

    Each unit sees its own past only, so that the recurrent kernel is a vector `[units]`; stacked
    layers mix the units. Source: Li, Li, Cook, Zhu & Gao, "Independently recurrent neural network
    (IndRNN)" (2018), arXiv:1803.04831. With relu a unit neither forgets at once nor explodes if its
    recurrent weight lies between 0 and 1, from where the initial ones are drawn; the paper keeps
    them below `2 ** (1 / time)` by a constraint.

    Args:
        units: the width of the output and of the state.
        activation: a Keras activation, or None for the identity.
        use_bias: whether there is a bias.
        kernel_initializer: makes the kernel `[features, units]`.
        recurrent_initializer: makes the recurrent kernel `[units]`; None for values drawn evenly
            from [0, 1).
        *args: in Keras's order, or by name, every other argument of `keras.layers.SimpleRNN`.
        **kwargs: the same by name, the options of `SimpleRNN` in this package, and the arguments of
            every Keras layer, such as `name` and `dtype`. Layer normalisation is of the product
            with the kernel.

    Call arguments: as for `SimpleRNN`.

    Raises:
        ValueError: an argument is out of range or a shape does not fit.
    """

    kind = _cells.IND_RNN
    cell_class = IndRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = None,
        *args: Any,
        **kwargs: Any,
    ):
        recurrent_initializer = recurrent_initializer or _uniform()
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, *args, **kwargs
        )
