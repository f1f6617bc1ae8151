"""The fused functions against PyTorch in float64, whose GRU is the one that resets after."""

import numpy as np
import pytest
import tensorflow as tf
from cells import GRU, LSTM, SIMPLE_RNN, call, random_tensors
from tolerance import assert_close

torch = pytest.importorskip("torch")


def with_gates(array, order):
    """A weight of PyTorch's from one of ours, or back: transposed, and the gates in `order`."""
    gates = np.split(np.asarray(array), len(order), axis=-1)
    return np.concatenate([gates[i] for i in order], axis=-1).T


@pytest.mark.parametrize(
    ("case", "name", "order"),
    [(LSTM, "LSTM", [0, 1, 2, 3]), (GRU, "GRU", [1, 0, 2]), (SIMPLE_RNN, "RNN", [0])],
    ids=["lstm", "gru", "simple_rnn"],
)
def test_equal_pytorch(case, name, order):
    tensors = random_tensors(case, 3, 17, 5, 7)
    module = getattr(torch.nn, name)(5, 7, batch_first=True, dtype=torch.float64)
    kernel, recurrent_kernel, bias = tensors.weights
    input_bias, recurrent_bias = bias if case is GRU else (bias, tf.zeros_like(bias))
    with torch.no_grad():
        ours = (kernel, recurrent_kernel, input_bias, recurrent_bias)
        for parameter, value in zip(module.parameters(), ours, strict=True):
            parameter.copy_(torch.tensor(with_gates(value, order)))
    inputs = torch.tensor(tensors.inputs.numpy(), requires_grad=True)
    states = [torch.tensor(s.numpy(), requires_grad=True) for s in tensors.states]
    outputs, final = module(
        inputs, tuple(s[None] for s in states) if case is LSTM else states[0][None]
    )
    final = [s[0] for s in (final if case is LSTM else [final])]
    sum(tensor.square().sum() for tensor in (outputs, *final)).backward()

    with tf.GradientTape() as tape:
        tape.watch(tensors.all())
        values = call(case.function, case, tensors)
        loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
    dinputs, *others = tape.gradient(loss, tensors.all())
    dstates, (dkernel, drecurrent_kernel, dbias) = others[: case.states], others[case.states :]
    assert_close(values, [t.detach().numpy() for t in (outputs, *final)])
    assert_close(dinputs, inputs.grad.numpy())
    assert_close(dstates, [s.grad.numpy() for s in states])
    assert_close(with_gates(dkernel, order), module.weight_ih_l0.grad.numpy())
    assert_close(with_gates(drecurrent_kernel, order), module.weight_hh_l0.grad.numpy())
    # Only our GRU has the second bias; the sum that the others see has the same gradient.
    dbiases = list(dbias) if case is GRU else [dbias, dbias]
    for got, parameter in zip(dbiases, (module.bias_ih_l0, module.bias_hh_l0), strict=True):
        assert_close(with_gates(got, order), parameter.grad.numpy())
