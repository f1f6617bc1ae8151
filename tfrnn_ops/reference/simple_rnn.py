"""SimpleRNN in plain TensorFlow ops."""

from __future__ import annotations

from typing import Any

from tfrnn_ops.reference.common import activation_function, normalise, product, size, split_norm
from tfrnn_ops.reference.loop import State, Step, Weights, run
from tfrnn_ops.reference.noise import Noise


def simple_rnn(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    activation: Any = "tanh",
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
    state_dropout_mask: Any = None,
    recurrent_dropout: float = 0.0,
    zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    recompute: int | None = None,
) -> tuple[Any, Any]:
    """Runs a fully connected recurrent layer in plain TensorFlow ops.

        h[t] = activation(x[t] kernel + h[t-1] recurrent_kernel + bias)

    Source: Elman, "Finding structure in time" (1990).

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but masks and seed share; or integers without the last
            axis, each for a one-hot row (zeros if it is out of range).
        initial_state: `[batch, units]`, or a sequence of one such tensor.
        kernel: `[features, units]`.
        recurrent_kernel: `[units, units]`.
        bias: `[units]`, or None.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        unroll: whether to loop in Python; the number of steps must then be static.
        activation: a callable, the name of a Keras activation, or None for the identity.
        input_dropout_mask: a factor of the inputs at every step, `[batch, features]`, or a list
            of one.
        recurrent_dropout_mask: the same for `h`, `[batch, units]`.
        state_dropout_mask: factors of `h[t-1]`, `[time, batch, units]` in the order of processing:
            each step starts from the product, wherever it uses `h[t-1]`; or None.
        recurrent_dropout: the share of `h[t-1]` to drop anew at every step, in its product with the
            recurrent kernel only; the rest is scaled up to keep the mean. Needs `training`. It
            may act together with a mask.
        zoneout: the probability that an element of `h` stays what it was a step before. Without
            `training`, every element becomes what it is on average.
        training: whether to draw for dropout and zoneout.
        seed: integers `[2]`; needed when something is drawn.
        layer_norm: `[2, 2 * units]`, the gains and the offsets by which both products are
            normalised before they are added up; None for none.
        layer_norm_epsilon: added to the variances.
        recompute: for the gradient, keep the states of one step in so many only, and compute the
            others again. An `activation` of one's own may then use variables, but no other
            outside tensors that are to have a gradient. None to keep everything.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, a rate that is not in [0, 1), a seed
            that is missing, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act = activation_function(activation)
    noise = Noise(recurrent_dropout, [zoneout], training, seed)
    input_norm, recurrent_norm = split_norm(layer_norm, size(recurrent_kernel, 0), 1, 1)

    def cell(w: Weights) -> Step:
        def step(t: Any, x: Any, states: State) -> State:
            (h,) = states
            r = product(noise.drop(t, h), w["recurrent_kernel"], 1, w.get("recurrent_dropout"))
            r = normalise(r, w.get("recurrent_norm"), layer_norm_epsilon)
            return noise.zone_out(t, [act(x + r)], states)

        return step

    (outputs,), (final_state,) = run(
        cell,
        inputs,
        initial_state,
        {
            "kernel": kernel,
            "recurrent_kernel": recurrent_kernel,
            "bias": bias,
            "input_dropout": input_dropout_mask,
            "recurrent_dropout": recurrent_dropout_mask,
            "input_norm": input_norm,
            "recurrent_norm": recurrent_norm,
        },
        gates=1,
        layer_norm_epsilon=layer_norm_epsilon,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        recompute=recompute,
        state_dropout_mask=state_dropout_mask,
    )
    return outputs, final_state
