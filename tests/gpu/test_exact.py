"""The plain CUDA kernels in float64, also of the cell with two phases, against the CPU engine."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from tfrnn_ops import _core

CELLS = {  # states, gates, rows of the bias
    "lstm": (2, 4, 1),
    "gru": (1, 3, 2),
    "gru_reset_before": (1, 3, 1),
    "simple_rnn": (1, 1, 1),
}


@pytest.mark.parametrize("cublas", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("batch", "time", "features", "units"), [(1, 1, 1, 1), (3, 5, 7, 2), (17, 9, 31, 33)]
)
@pytest.mark.parametrize("cell", CELLS)
def test_float64_equals_the_cpu(cell, batch, time, features, units, masked, cublas):
    states, gates, biases = CELLS[cell]
    rng = np.random.default_rng(0)
    x = rng.normal(size=[time, batch, features])
    weights = {
        "kernel": rng.normal(size=[features, gates * units]),
        "recurrent_kernel": rng.normal(size=[units, gates * units]),
        "bias": rng.normal(size=[biases, gates * units] if biases > 1 else [gates * units]),
    }
    initial, dfinal = ([rng.normal(size=[batch, units]) for _ in range(states)] for _ in range(2))
    doutputs = rng.normal(size=[time, batch, units])
    mask = rng.random([time, batch]) < 0.6 if masked else None

    engine = _core.Layer64(cell, *weights.values(), time_major=True, zero_output_for_mask=True)
    outputs, final, _ = engine.forward(x, initial, mask, keep_reserve=True)
    gradients = engine.backward(doutputs, dfinal)
    want = {"outputs": outputs, "dinputs": gradients["x"]}
    want |= {f"d{name}": gradients[name] for name in weights}
    want |= {f"final_{i}": state for i, state in enumerate(final)}
    want |= {f"dinitial_{i}": state for i, state in enumerate(gradients["initial"])}

    layer = _core.CudaLayer(
        cell,
        "float64",
        time=time,
        batch=batch,
        features=features,
        units=units,
        training=True,
        cublas=cublas,
        override="",
    )
    given = {"inputs": x, "doutputs": doutputs, **weights}
    given |= {f"initial_{i}": state for i, state in enumerate(initial)}
    given |= {f"dfinal_{i}": state for i, state in enumerate(dfinal)}
    if mask is not None:
        given["mask"] = mask
    tensors = {name: torch.as_tensor(value, device="cuda") for name, value in given.items()}
    for name, value in want.items():
        tensors[name] = torch.full(value.shape, float("nan"), dtype=torch.float64, device="cuda")
    for name in ("reserve", "workspace"):
        size = getattr(layer, f"{name}_bytes")
        key = "reserve_space" if name == "reserve" else name
        tensors[key] = torch.empty(size, dtype=torch.uint8, device="cuda")
    for name, tensor in tensors.items():
        layer.set(name, 0, tensor.data_ptr())
    stream = torch.cuda.current_stream().cuda_stream
    layer.forward(stream)
    layer.backward(stream)
    for name, value in want.items():
        got = tensors[name].cpu().numpy()
        np.testing.assert_allclose(got, value, rtol=1e-11, atol=1e-11, err_msg=name)
