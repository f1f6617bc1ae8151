"""Which path a call takes where TensorFlow has a GPU, and what `explain` tells; without a GPU."""

import functools

import pytest
import tensorflow as tf
from cells import call, every_cell_and_ind_rnn, random_tensors
from emulated_gpu import needs_emulated_gpu, on_emulated_gpu
from options import options_of

import tfrnn_ops
from tfrnn_ops import _build_info, _cells, _core, _gpu, _tensorflow
from tfrnn_ops.fused.common import FusedOp
from tfrnn_ops.options import Options
from tfrnn_ops.path import Request, decide

INPUTS = tf.zeros([2, 5, 3])
DEVICES = {device.name: device for device in _core.gpu_devices()}


@pytest.fixture
def gpu(monkeypatch):
    """TensorFlow and the CUDA kernels believe in an H200, until an op is run."""
    monkeypatch.setattr(_tensorflow, "has_gpu", lambda: True)
    monkeypatch.setattr(_tensorflow, "devices_with_kernel", lambda op: {"CPU", "GPU"})
    monkeypatch.setattr(_core, "cuda_obstacle", lambda: "", raising=False)
    monkeypatch.setattr(_core, "cuda_device", lambda: DEVICES["H200"], raising=False)
    monkeypatch.setattr(_core, "gpu_reserve_bytes", lambda *_, **__: 7, raising=False)
    _gpu.obstacle.cache_clear()
    yield
    _gpu.obstacle.cache_clear()


@pytest.fixture
def old_gpu(gpu, monkeypatch):
    """A GPU that has no kernels."""
    monkeypatch.setattr(_core, "cuda_device", old_device)


@pytest.mark.usefixtures("gpu")
def test_a_plan_is_told():
    layer = tfrnn_ops.LSTM(512)
    explanation = tfrnn_ops.explain(layer, INPUTS)
    assert explanation.path == "fused"
    assert explanation.device == "GPU"
    assert [note.split(":")[0] for note in explanation.notes] == ["GPU plan forward"]
    assert "us a step predicted" in explanation.notes[0]
    notes = tfrnn_ops.explain(layer, INPUTS, training=True).notes
    assert [note.split(":")[0] for note in notes] == ["GPU plan forward", "GPU plan backward"]
    assert tfrnn_ops.explain(layer).notes == ()  # the batch is not known
    assert explanation.gradient_bytes == 7


@pytest.mark.usefixtures("gpu")
def test_the_plan_is_that_of_the_call(monkeypatch):
    text = tfrnn_ops.explain(tfrnn_ops.GRU(512, reset_after=False), INPUTS).notes[0]
    assert "stepwise" in text
    assert "the reset gate acts before the product" in text
    monkeypatch.setenv("TFRNN_GPU_PLAN", "grid")
    assert ": grid:" in tfrnn_ops.explain(tfrnn_ops.LSTM(512), INPUTS).notes[0]
    monkeypatch.setenv("TFRNN_GPU_PLAN", "luck")
    assert "raises FailedPreconditionError" in tfrnn_ops.explain(tfrnn_ops.LSTM(4), INPUTS).notes[0]


@pytest.mark.usefixtures("gpu")
@every_cell_and_ind_rnn
@pytest.mark.parametrize("training", [False, True])
def test_every_option_has_a_kernel(case, training):
    for option, arguments in options_of(case).items():
        explanation = tfrnn_ops.explain(case.layer(4, **arguments), INPUTS, training=training)
        assert explanation.reasons == (), option
        assert explanation.device == "GPU"


@pytest.mark.usefixtures("old_gpu")
def test_a_gpu_without_kernels_takes_the_reference_path():
    layer = tfrnn_ops.LSTM(4)
    (reason,) = tfrnn_ops.explain(layer, INPUTS).reasons
    assert reason.startswith("GPU: ")
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="compute capability 7.0"):
        layer(INPUTS)
    with tf.device("/CPU:0"):
        explanation = tfrnn_ops.explain(layer, INPUTS)
        assert explanation.path == "fused"
        assert explanation.device == "CPU"
        layer(INPUTS)  # a warning is an error


@pytest.mark.usefixtures("gpu")
def test_factors_of_the_state_have_kernels():
    request = Request(_cells.LSTM, Options(), state_dropout=True)
    assert request.gpu_features == ("state_dropout",)
    assert decide(request).path == "fused"
    plan = _gpu.plan("lstm", "float32", 2, 512, features=request.gpu_features)
    assert "dropout of the state that a step starts from has kernels of one launch a step" in plan


@pytest.mark.usefixtures("gpu")
def test_integers_pick_rows():
    layer = tfrnn_ops.LSTM(4, input_dim=3)
    told = tfrnn_ops.explain(layer, INPUTS[..., 0]).options["input_dim"]
    assert "pick rows of the kernel" in told


@pytest.mark.usefixtures("gpu")
def test_both_directions_have_one_plan():
    explanation = tfrnn_ops.explain(tfrnn_ops.Bidirectional(tfrnn_ops.LSTM(512)), INPUTS)
    assert "both directions run in one call" in explanation.notes[0]
    assert [note.split(":")[0] for note in explanation.notes[1:]] == ["GPU plan forward"]
    assert all(part.notes == () for part in explanation.parts)


@pytest.mark.usefixtures("old_gpu")
@pytest.mark.parametrize("device", ["/CPU:0", "/GPU:0"])
def test_a_graph_knows_where_it_is_traced(device):
    layer, paths = tfrnn_ops.LSTM(4), []
    layer.build(INPUTS.shape)

    @tf.function
    def inside():
        with tf.device(device):
            paths.append(tfrnn_ops.explain(layer, INPUTS).path)
        return tf.constant(0)

    inside.get_concrete_function()
    assert paths == ["fused" if device == "/CPU:0" else "reference"]


@pytest.mark.usefixtures("old_gpu")
def test_a_function_is_traced_for_each_device():
    layer, paths = tfrnn_ops.LSTM(4), []
    layer.build(INPUTS.shape)

    @tf.function
    def inside():
        paths.append(tfrnn_ops.explain(layer, INPUTS).path)
        return tf.constant(0)

    inside.get_concrete_function()
    with tf.device("/CPU:0"):
        inside.get_concrete_function()
    inside.get_concrete_function()
    assert paths == ["reference", "fused"]


def test_the_device_asked_for():
    asked = _tensorflow.device_asked_for
    assert asked() is None
    with tf.device("/GPU:0"):
        assert asked() == "GPU"
        with tf.device("CPU"):
            assert asked() == "CPU"
    with tf.Graph().as_default():
        assert asked() is None
        with tf.device("/job:worker"):
            assert asked() is None
            with tf.device("/GPU:1"):
                assert asked() == "GPU"
                with tf.compat.v1.device(lambda op: "/CPU:0"):
                    assert asked() is None
                with tf.device(None):
                    assert asked() is None


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "cuda_obstacle",
            lambda: "the driver supports CUDA 12",
            "GPU: the driver supports CUDA 12",
        ),
        ("cuda_device", lambda: old_device(), "compute capability 7.0; the kernels need 7.5"),
    ],
)
def test_a_machine_that_cannot_run_the_kernels(monkeypatch, name, value, reason):
    monkeypatch.setattr(_core, name, value)
    explanation = tfrnn_ops.explain(tfrnn_ops.LSTM(4), INPUTS)
    assert explanation.path == "reference"
    assert reason in explanation.reasons[0]


def old_device():
    device = _core.GpuDevice()
    device.name, device.arch, device.multiprocessors = "V100", 70, 80
    return device


@pytest.mark.skipif(not _build_info.CUDA, reason="built without CUDA")
@needs_emulated_gpu
@every_cell_and_ind_rnn
@pytest.mark.parametrize("recompute", [None, 2])
def test_bytes_kept_for_the_gradient(case, monkeypatch, recompute):
    """They are those that the GPU's op puts out."""
    kept = []
    original = FusedOp.function

    def function(self, suffix):
        run = original(self, suffix)

        @functools.wraps(run)
        def watched(*args, **kwargs):
            results = run(*args, **kwargs)
            kept.append(tf.size(results[-1]))
            return results

        return run if suffix else watched

    monkeypatch.setattr(FusedOp, "function", function)
    tensors = random_tensors(case, 3, 5, 4, 7, dtype="float32")
    options = {"zoneout": 0.1, "recompute": recompute}
    options |= {"cell_zoneout": 0.2} if case.states > 1 else {}

    def run():
        call(case.function, case, tensors, **options)
        return kept[0]

    got = on_emulated_gpu(run)
    layer = case.layer(7, **options)
    monkeypatch.setattr(_gpu, "has_op", lambda op: True)
    monkeypatch.setattr(_gpu, "obstacle", lambda: "")
    monkeypatch.setattr(_core, "cuda_device", lambda: DEVICES["H200"])
    assert tfrnn_ops.explain(layer, tensors.inputs).gradient_bytes == got > 0
