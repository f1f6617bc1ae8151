"""The GPU benchmark, as far as it goes without a GPU: everything but the timing."""

import csv

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

import torch

from tfrnn_ops import _core
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu import cases, check, clock, command, runner, table
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GPU_DTYPES, GpuCase
from tfrnn_ops.bench.gpu.cudnn.library import CudnnError
from tfrnn_ops.bench.gpu.peers import GPU_PEERS, TITLES, PyTorch
from tfrnn_ops.bench.gpu.results import GpuMeasurement, drift, joined, rows, write_csv
from tfrnn_ops.bench.gpu.tensors import from_torch, make_tensors, to_torch

TINY, RAGGED = Shape(3, 4, 2, 5), Shape(3, 4, 2, 5, shortest=2)
NO_GPU = command.obstacle()


def arguments(*argv):
    return command.parser().parse_args(argv)


# --- without a GPU ----------------------------------------------------------------------------


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_fails(capsys):
    assert main(["gpu", "--quick"]) == 1
    captured = capsys.readouterr()
    assert f"cannot measure: {NO_GPU}. `--plan` predicts without a GPU." in captured.err
    assert captured.out == ""


def test_what_stands_in_the_way_is_named(monkeypatch):
    monkeypatch.setattr(_core, "built_with_cuda", False)
    assert command.obstacle() == "tfrnn_ops was built without CUDA"
    monkeypatch.setattr(_core, "built_with_cuda", True)
    monkeypatch.setattr(_core, "cuda_obstacle", lambda: "no driver", raising=False)
    assert command.obstacle() == "no driver"
    monkeypatch.setattr(_core, "cuda_obstacle", lambda: "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "PyTorch finds no GPU" in command.obstacle()


# --- cases and arguments ----------------------------------------------------------------------


def test_the_whole_grid_and_parts_of_it():
    whole = command.settings(arguments())
    grid = len(cases.UNITS) * len(cases.BATCHES)
    assert len({str(case.shape) for case in whole.cases}) == len(cases.all_shapes()) > grid
    assert len(whole.cases) == 2 * len(GPU_DTYPES) * len(cases.all_shapes())
    assert {case.dtype for case in whole.cases} == set(GPU_DTYPES)
    assert whole.modes == list(cases.GPU_MODES)
    assert whole.rounds == 30
    assert whole.refcheck

    some = command.settings(
        arguments(
            *("--batch", "1,8", "--units", "64", "--time", "50", "--directions", "1,2"),
            *("--cell", "gru", "--dtype", "tf32", "--rounds", "3", "--no-refcheck"),
        )
    )
    assert [str(case) for case in some.cases] == [
        "gru 1,50,64,64 tf32",
        "gru 8,50,64,64 tf32",
        "gru 1,50,64,64 tf32 bidirectional",
        "gru 8,50,64,64 tf32 bidirectional",
    ]
    assert (some.rounds, some.fewest_rounds, some.refcheck) == (3, 3, False)
    quick = command.settings(arguments("--quick", "--seconds", "9"))
    assert {str(case.shape) for case in quick.cases} == set(cases.QUICK_SHAPES)
    assert (quick.repeats, quick.budget) == (1, 9.0)
    assert command.shapes(arguments("--shape", "3,2..4,5,6")) == [Shape(3, 4, 5, 6, shortest=2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "1,0"], "argument --batch: found '0', expected a whole number from 1"),
        (["--dtype", "float64"], "argument --dtype: found 'float64'"),
        (["--against", "keras"], "argument --against: found 'keras'"),
        (["--mode", "fast"], "argument --mode: found 'fast'"),
        (["--directions", "3"], "argument --directions: found '3'"),
    ],
)
def test_mistakes_in_options_are_explained(capsys, options, message):
    with pytest.raises(SystemExit, match="2"):
        main(["gpu", *options])
    assert message in capsys.readouterr().err


def test_a_shortened_case_keeps_what_it_is():
    case = GpuCase("gru", Shape(3, 100, 5, 7, shortest=30), "tf32", 2)
    assert str(case.shortened(16)) == "gru 3,16..16,5,7 tf32 bidirectional"
    assert case.shortened(50).shape == Shape(3, 50, 5, 7, shortest=30)
    assert case.shortened(500) == case
    assert case.storage == "float32"


# --- tensors, references, errors --------------------------------------------------------------


@pytest.mark.parametrize("cell", GPU_CELLS)
def test_weights_go_to_pytorch_and_back(cell):
    weights = make_tensors(GpuCase(cell, TINY, "float32"), "cpu").weights[0]
    theirs = to_torch(cell, weights)
    assert [t.shape for t in theirs[:2]] == [
        weights.kernel.T.shape,
        weights.recurrent_kernel.T.shape,
    ]
    back = from_torch(cell, theirs)
    for name, tensor in vars(back).items():
        assert torch.equal(tensor, getattr(weights, name)), name


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", [TINY, RAGGED])
@pytest.mark.parametrize("cell", GPU_CELLS)
def test_pytorch_equals_the_cpu_engine(cell, shape, directions):
    """The reference of the GPU benchmark against an engine that shares no code with it."""
    case = GpuCase(cell, shape, "float32", directions)
    tensors = make_tensors(case, "cpu").to(dtype=torch.float64)
    peer = PyTorch(case, tensors, "train")
    peer.run(0)
    got = {name: tensor.numpy() for name, tensor in peer.results().items()}
    mask = None if shape.mask is None else shape.mask.T
    doutputs = np.split(tensors.doutputs.numpy(), directions, axis=-1)
    outputs, dinputs = [], 0.0
    for d, weights in enumerate(tensors.weights):
        layer = _core.Layer64(
            cell,
            *(w.numpy() for w in vars(weights).values()),
            time_major=True,
            go_backwards=d == 1,
            zero_output_for_mask=True,
        )
        initial = [state[d].numpy() for state in tensors.initial]
        y, final, _ = layer.forward(tensors.inputs[0].numpy(), initial, mask, keep_reserve=True)
        order = slice(None, None, -1 if d else 1)
        outputs.append(y[order])
        back = layer.backward(doutputs[d][order], [np.zeros_like(state) for state in initial])
        dinputs = dinputs + back["x"]
        suffix = "_1" if d else ""
        for name in ("kernel", "recurrent_kernel", "bias"):
            np.testing.assert_allclose(got[f"d{name}{suffix}"], back[name], atol=1e-12)
        for i in range(len(initial)):
            np.testing.assert_allclose(got[f"final_{i}"][d], final[i], atol=1e-12)
            np.testing.assert_allclose(got[f"dinitial_{i}"][d], back["initial"][i], atol=1e-12)
    np.testing.assert_allclose(got["outputs"], np.concatenate(outputs, axis=-1), atol=1e-12)
    np.testing.assert_allclose(got["dinputs"], dinputs, atol=1e-12)


def test_only_the_first_steps_are_compared():
    case = GpuCase("lstm", Shape(2, 40, 3, 4), "float32")
    tensors = make_tensors(case, "cpu")
    want = check.reference(case, tensors, "train")
    assert want["outputs"].shape == (check.STEPS, 2, 4)
    assert want["outputs"].dtype == torch.float64
    peer = PyTorch(case.shortened(check.STEPS), tensors.first(check.STEPS), "train")
    peer.run(0)
    errors = check.errors(peer.results(), want)
    check.require_right(case, "train", errors)
    assert 0 < check.worst(errors)[1] < 1e-6


def test_wrong_results_are_found():
    case = GpuCase("lstm", TINY, "float32")
    good = {"outputs": torch.ones(2, 3, dtype=torch.float64), "dbias": torch.ones(4).double()}
    bad = {**good, "dbias": good["dbias"] * 1.001}
    assert check.worst(check.errors(bad, good)) == ("dbias", pytest.approx(1e-3))
    with pytest.raises(check.Mismatch, match=r"dbias differs from float64 by 0\.001"):
        check.require_right(case, "train", check.errors(bad, good))
    unwritten = {**good, "outputs": torch.full((2, 3), float("nan"))}
    with pytest.raises(check.Mismatch, match="outputs differs from float64 by inf"):
        check.require_right(case, "train", check.errors(unwritten, good))
    with pytest.raises(check.Mismatch, match="expected"):
        check.errors({"outputs": good["outputs"]}, good)


# --- timing -----------------------------------------------------------------------------------


def test_turns_are_long_enough_and_not_too_long():
    assert clock.calls_for(1e-5, turn=4e-3) == clock.MOST_CALLS
    assert clock.calls_for(1e-3, turn=4e-3) == 4
    assert clock.calls_for(1.1e-3, turn=4e-3) == 4
    assert clock.calls_for(1.0, turn=4e-3) == 1
    assert clock.calls_for(0.0) == clock.MOST_CALLS


class Fake:
    """A peer whose calls take no time, on the CPU."""

    note = "as planned"

    def __init__(self, case, tensors, mode):
        self.inputs = tensors.inputs

    @classmethod
    def missing(cls, case, mode):
        return "has no such cell" if case.cell == "gru" else None

    def run(self, input_set):
        assert 0 <= input_set < len(self.inputs)


class NoGraph(Fake):
    note = None

    def run(self, input_set):
        if isinstance(input_set, bool):
            raise RuntimeError("operation not permitted when stream is capturing\nmore")


class Failing(Fake):
    def run(self, input_set):
        raise CudnnError("cudnnRNNForward: CUDNN_STATUS_NOT_SUPPORTED\nmore")


@pytest.fixture
def fakes(monkeypatch):
    for name, peer in (("ours", Fake), ("torch", NoGraph), ("cudnn_static", Failing)):
        monkeypatch.setitem(GPU_PEERS, name, peer)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(
        "tfrnn_ops.bench.gpu.clock.seconds_per_call", lambda enqueue, calls, sets: 1e-3
    )

    def captured(run, input_sets):
        run(False)  # NoGraph knows by this that it is captured
        return run

    monkeypatch.setattr(runner, "captured", captured)


def test_a_row_has_everybody_and_says_who_is_absent(fakes):
    case = GpuCase("lstm", TINY, "float32")
    s = runner.Settings([case], ["forward"], ["torch", "cudnn_static"], rounds=3, fewest_rounds=3)
    tensors = make_tensors(case, "cpu")
    m = runner.measure(s, case, "forward", tensors)
    assert {peer: set(ways) for peer, ways in m.seconds.items()} == {
        "ours": {"eager", "graph"},
        "torch": {"eager"},
    }
    assert m.seconds["ours"]["eager"] == [1e-3] * 3
    assert m.absent == {
        "cudnn_static": "failed with CudnnError: cudnnRNNForward: CUDNN_STATUS_NOT_SUPPORTED"
    }
    assert m.notes["ours"] == "as planned"
    assert m.notes["torch"] == "no graph: operation not permitted when stream is capturing"
    other = GpuCase("gru", TINY, "float32")
    nothing = runner.measure(s, other, "forward", tensors)
    assert nothing.absent["ours"] == "has no such cell"
    assert nothing.seconds == {}


# --- results ----------------------------------------------------------------------------------


def made_up(mode="train", factor=1.0):
    """Ours takes 1 ms of 500 steps as a graph, PyTorch 3 ms; a round is disturbed."""
    case = GpuCase("lstm", Shape(16, 500, 768, 768), "float16")
    ours = {"eager": [2e-3, 2e-3, 2e-3], "graph": [1e-3 * factor, 4e-3, 1e-3 * factor]}
    return GpuMeasurement(
        case,
        mode,
        {"ours": ours, "torch": {"eager": [3e-3, 12e-3, 3e-3]}},
        {"cudnn_small_h": "failed with CudnnError: no"},
        {"ours": 1e-3, "torch": 2e-3},
        {"ours": "grid:48x2"},
    )


def test_what_follows_from_timings():
    m = made_up()
    assert (m.best("ours"), m.best("torch")) == ("graph", "eager")
    assert m.us_per_step("ours").median == pytest.approx(2.0)
    assert m.us_per_step("torch").median == pytest.approx(6.0)
    assert m.speedup("torch").median == pytest.approx(3.0)


def test_repeats_become_one_and_their_difference_is_told():
    repeats = [made_up(), made_up(factor=1.1), made_up("forward")]
    whole = joined(repeats)
    assert [m.mode for m in whole] == ["train", "forward"]
    assert whole[0].seconds["ours"]["graph"] == [1e-3, 4e-3, 1e-3, 1.1e-3, 4e-3, 1.1e-3]
    assert len(repeats[0].seconds["ours"]["graph"]) == 3
    assert drift(repeats) == pytest.approx(0.1)
    assert drift(repeats[2:]) == 0.0


def test_tables_show_time_ratio_and_who_is_absent():
    found = [made_up(), made_up()]
    (sheet,) = table.sheets(found, TITLES)
    assert sheet.title == "lstm, float16"
    assert sheet.header[2:] == ["tfrnn_ops us/step", "PyTorch us/step", "cuDNN small H us/step"]
    assert sheet.rows == [["16,500,768,768", "train", "2 [2, 8] g", "3.00x (6) e", "-"]]
    notes = table.notes(found, TITLES)
    assert "cuDNN small H: failed with CudnnError: no (1 of 1 rows)" in notes
    assert any("float16, largest error" in line and "PyTorch 2.0e-03" in line for line in notes)
    assert "medians of repeats differ by up to 0%" in notes


def test_files_are_written(tmp_path):
    write_csv([made_up()], tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(list(rows([made_up()]))) == 4
    assert lines[1]["how"] == "graph"
    assert float(lines[1]["us_per_step"]) == pytest.approx(2.0)
    assert lines[1]["note"] == "grid:48x2"
    assert lines[3]["note"] == "failed with CudnnError: no"
    table.draw([made_up(), made_up("forward")], TITLES, tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_prints_and_writes_everything(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "obstacle", lambda: "")
    complete = [True]
    monkeypatch.setattr(
        runner, "run", lambda s: runner.GpuRun({"GPU": "a fast one"}, [made_up()], complete[0])
    )
    document = tmp_path / "BENCHMARKS.md"
    empty = f"{table.SECTION.begin}\n{table.SECTION.end}\n"
    document.write_text(empty)
    files = ["--csv", tmp_path / "x.csv", "--plot", tmp_path / "x.png", "--file", document]
    assert main(["gpu", "--quick", *map(str, files)]) == 0
    assert "a fast one" in capsys.readouterr().out
    assert "| 16,500,768,768 | train | 2 [2, 6.08] g |" in document.read_text()
    assert "python -m tfrnn_ops.bench gpu --quick" in document.read_text()

    def failed(_):
        m = made_up()
        m.absent["ours"] = f"{runner.FAILED} RuntimeError: no luck"
        return runner.GpuRun({}, [m], True)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run", failed)
        assert main(["gpu"]) == 1
    assert (
        "our kernels failed: lstm 16,500,768,768 float16 train: failed" in capsys.readouterr().err
    )
    complete[0] = False
    document.write_text(empty)
    assert main(["gpu", "--file", str(document)]) == 130
    assert document.read_text() == empty
    assert "interrupted" in capsys.readouterr().err
    assert main(["gpu", "--csv", str(tmp_path / "no" / "x.csv")]) == 2


def test_wrong_results_end_the_run(monkeypatch, capsys):
    def run(_):
        raise check.Mismatch("dbias differs")

    monkeypatch.setattr(command, "obstacle", lambda: "")
    monkeypatch.setattr(runner, "run", run)
    assert main(["gpu"]) == 1
    assert "wrong results: dbias differs" in capsys.readouterr().err
