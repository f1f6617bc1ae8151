"""The SimpleRNN layer and cell."""

from __future__ import annotations

from typing import Any

import keras

from tfrnn_ops import _cells
from tfrnn_ops.layers.cell import RecurrentCell
from tfrnn_ops.layers.recurrent import OwnCell, RecurrentLayer


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class SimpleRNNCell(RecurrentCell, keras.layers.SimpleRNNCell):
    """`keras.layers.SimpleRNNCell` on the fused op: one step of a `SimpleRNN`.

    For use in `keras.layers.RNN`, `keras.layers.StackedRNNCells` or a loop of one's own. A whole
    sequence runs much faster in `SimpleRNN`, which takes all of its steps in one op.

    Args:
        units: the width of the output and of the state.
        *args: in Keras's order, or by name, every other argument of
            `keras.layers.SimpleRNNCell`.
        **kwargs: the same by name, the options of `SimpleRNN`, and the arguments of every Keras
            layer, such as `name` and `dtype`.

    Call arguments:
        sequence: `[batch, features]`.
        states: `[batch, units]`, in a list or not.
        training: whether dropout is in force.
    """

    kind = _cells.SIMPLE_RNN

    def call(self, sequence: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        """Runs one step; the same as for the other cells, but for the name Keras has chosen."""
        return super().call(sequence, states, training=training)


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class SimpleRNN(RecurrentLayer, keras.layers.SimpleRNN, OwnCell):
    """`keras.layers.SimpleRNN` on the fused op: the same arguments, defaults, weights and numbers.

        h[t] = tanh(x[t] kernel + h[t-1] recurrent_kernel + bias)

    Source: Elman, "Finding structure in time" (1990).

    What the fused op does not do runs on the reference path, with a warning;
    `tfrnn_ops.explain(layer)` tells. Dropout follows Keras, to the masks that a seed draws. Masks
    follow Keras on a CPU: any pattern is fine, and masked steps repeat the previous output (zeros
    with `zero_output_for_mask`).

    Args:
        units: the width of the output and of the state.
        *args: in Keras's order, or by name, every other argument of `keras.layers.SimpleRNN`:
            `activation`, `use_bias`, `kernel_initializer`, `recurrent_initializer`,
            `bias_initializer`, the regularizers and constraints, `dropout`,
            `recurrent_dropout`, `return_sequences`, `return_state`, `go_backwards`, `stateful`,
            `unroll`, `seed`.
        time_major: whether time is the first axis of sequences, masks and outputs. Not for use
            inside `keras.layers.Bidirectional`, which reverses the second axis; use ours.
        input_dim: the number of features, which is the width of the one-hot rows that integer
            sequences stand for, as in `keras.layers.Embedding`. Without it sequences have features.
        zoneout: how often a unit of `h` keeps its previous value (Krueger et al.,
            arXiv:1606.01305): at random in training, otherwise mixed in that proportion.
        recurrent_dropout_per_step: whether `recurrent_dropout` draws a new mask at every step, the
            same for all gates, and not one for all steps as in Keras.
        drop_connect: the rate at which elements of the recurrent kernel are dropped in training,
            drawn once a call (Wan et al. 2013).
        layer_norm: whether the products with the kernels are normalised (Ba et al.,
            arXiv:1607.06450), with the weights `layer_norm_gain` and `layer_norm_offset`.
        layer_norm_epsilon: what is added to the variance there; 1e-3.
        recompute: keep only the state of every so many steps for the gradient, which computes the
            others again: less memory, the same numbers. None to keep
            all, as second derivatives do.
        **kwargs: the above by name, and those of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequences: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or a
            `tf.RaggedTensor` `[batch, (time), features]`; or with `input_dim` integers without the
            last axis, each for a one-hot row (of zeros if it is out of range).
        initial_state: `[batch, units]`, or `[1, units]` for the whole batch.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`: how many steps of each sequence count.

    Raises:
        ValueError: an argument is out of range or a shape does not fit.
    """

    kind = _cells.SIMPLE_RNN
    cell_class = SimpleRNNCell
