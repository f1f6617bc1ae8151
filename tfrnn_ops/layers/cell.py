"""What the cells share."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.layers.base import Recurrent, as_tensor
from tfrnn_ops.layers.initializers import bfloat16_initializers
from tfrnn_ops.path import Request, decide


class RecurrentCell(Recurrent):
    """The base of the cells, which comes before the Keras class that it speeds up.

    Args:
        units: the width of the output and of the states.
        *args: the Keras class's other arguments.
        **kwargs: the Keras class's other arguments.
    """

    def __init__(self, units: int, *args: Any, **kwargs: Any):
        super().__init__(units, *args, **kwargs)
        if decide(self.path_request(), anywhere=True).path == "fused":
            self.supports_jit = False  # XLA cannot compile the fused op

    def path_request(self, training: Any = False) -> Request:
        """What decides the path of a call, for `tfrnn_ops.path.decide`."""
        return self._request_of(self, training)

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        with bfloat16_initializers(self):
            super().build(input_shape)

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
        _, new_states = self._run(
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
