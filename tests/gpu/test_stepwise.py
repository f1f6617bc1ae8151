"""The CUDA kernels against the CPU engine; skipped where no GPU can run them."""

import numpy as np
import pytest

from tfrnn_ops import _core

torch = pytest.importorskip("torch")
obstacle = _core.cuda_obstacle() if _core.built_with_cuda else "built without CUDA"
pytestmark = pytest.mark.skipif(bool(obstacle), reason=obstacle or "")

CELLS = {"lstm": (2, 4, 1), "gru": (1, 3, 2), "simple_rnn": (1, 1, 1)}  # states, gates, biases


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("batch", "time", "features", "units"), [(1, 1, 1, 1), (3, 5, 7, 2), (17, 9, 31, 33)]
)
@pytest.mark.parametrize("cell", CELLS)
def test_forward_equals_the_cpu(cell, batch, time, features, units, masked):
    states, gates, biases = CELLS[cell]
    rng = np.random.default_rng(0)
    x = rng.normal(size=[batch, time, features])
    initial = [rng.normal(size=[batch, units]) for _ in range(states)]
    kernel = rng.normal(size=[features, gates * units])
    recurrent = rng.normal(size=[units, gates * units])
    bias = rng.normal(size=[biases, gates * units] if biases > 1 else [gates * units])
    mask = rng.random([batch, time]) < 0.6 if masked else None

    layer = _core.Layer64(cell, kernel, recurrent, bias, go_backwards=True)
    want, want_final, _ = layer.forward(x, initial, mask)

    def device(array):
        return torch.as_tensor(array, device="cuda")

    outputs = torch.empty([batch, time, units], dtype=torch.float64, device="cuda")
    final = [torch.empty([batch, units], dtype=torch.float64, device="cuda") for _ in initial]
    getattr(_core, f"cuda_{cell}")(
        device(x),
        [device(state) for state in initial],
        device(kernel),
        device(recurrent),
        device(bias),
        None if mask is None else device(mask),
        outputs,
        final,
        torch.empty(
            getattr(_core, f"cuda_{cell}_workspace")(time, batch, units, 8),
            dtype=torch.uint8,
            device="cuda",
        ),
        go_backwards=True,
        stream=torch.cuda.current_stream().cuda_stream,
    )
    for got, expected in zip([outputs, *final], [want, *want_final], strict=True):
        np.testing.assert_allclose(got.cpu().numpy(), expected, rtol=1e-12, atol=1e-12)
