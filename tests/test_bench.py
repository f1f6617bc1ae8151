"""The benchmark: its arithmetic, its command line, and a run of small shapes."""

import csv
import importlib.util
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops import _core
from tfrnn_ops._programs import UserError, require
from tfrnn_ops.bench import ceilings, peers, report, table, timing
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.cases import SHAPES, Case, Shape, make_tensors
from tfrnn_ops.bench.results import Measurement, Run, row
from tfrnn_ops.bench.stats import paired_ratio, summarize

TINY = Shape(3, 4, 2, 5)
RAGGED = Shape(3, 4, 2, 5, shortest=2)
QUICK = ["--quick", "--rounds", "2", "--seconds", "0.1"]


class Clock:
    """Tells a time that only goes on when a call takes some."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def taking(self, seconds):
        def call():
            self.now += seconds
            return self.now

        return call


# --- statistics -------------------------------------------------------------------------------


def test_summary_is_the_median_and_two_percentiles():
    summary = summarize(np.random.default_rng(0).permutation(101) / 100)
    assert (summary.median, summary.low, summary.high) == pytest.approx((0.5, 0.16, 0.84))


def test_ratio_is_taken_round_by_round():
    ours = [1.0, 1.1, 1.0, 50.0, 0.9]
    theirs = [2 * t for t in ours]
    assert vars(paired_ratio(theirs, ours)) == pytest.approx({"median": 2, "low": 2, "high": 2})
    # Of these the ratio of the medians would be 1.
    assert paired_ratio([1, 10, 100], [2, 10, 10]).median == 1.0
    assert paired_ratio([4, 10, 100], [2, 10, 10]).median == 2.0
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1.0, 2.0], [1.0])


# --- rounds -----------------------------------------------------------------------------------


def test_everybody_is_first_equally_often_and_has_different_neighbours():
    rounds = [timing.turns("abcd", number) for number in range(8)]
    assert all(sorted(turns) == list("abcd") for turns in rounds)
    assert sorted(turns[0] for turns in rounds) == sorted("abcd" * 2)
    before_b = {turns[turns.index("b") - 1] for turns in rounds if turns[0] != "b"}
    assert before_b == {"a", "c"}


def test_calls_are_timed_after_an_untimed_one():
    clock = Clock()
    durations = iter([100.0, 1.0, 2.0, 3.0, 4.0])
    mean = timing.seconds_per_call(lambda: clock.taking(next(durations))(), 5.0, clock)
    assert mean == 2.0


@pytest.mark.parametrize(("budget", "expected"), [(1e9, 7), (6.0, 4), (0.0, 3)])
def test_rounds_end_with_the_budget_but_not_before_the_fewest(budget, expected):
    clock, ended = Clock(), []
    slots = {"a": clock.taking(1.0), "b": clock.taking(1.0)}
    got = timing.run_rounds(slots, 7, budget, 3, lambda: ended.append(1), clock)
    assert {name: len(values) for name, values in got.items()} == {"a": expected, "b": expected}
    assert len(ended) == expected
    assert sorted(itertools.chain(*got.values())) == list(range(1, 2 * expected + 1))


# --- cases and ceilings -----------------------------------------------------------------------


def test_shapes_read_as_they_are_written():
    for shape in SHAPES:
        assert Shape.parse(str(shape)) == shape
    assert Shape.parse("32, 20..200, 256, 128") == Shape(32, 200, 256, 128, shortest=20)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,0", "0,2,3,4", "1,0,2,2", "1,9..3,2,2", "1,0..3,2,2", "1,-1,2,2"]
)
def test_a_bad_shape_is_explained(text):
    with pytest.raises(ValueError, match="expected batch,time,features,units"):
        Shape.parse(text)


def test_lengths_and_operations():
    shape = Shape(5, 9, 2, 3, shortest=1)
    assert sorted(shape.lengths) == [1, 3, 5, 7, 9]
    assert shape.mask.sum(1).tolist() == shape.lengths.tolist()
    assert shape.steps == 25
    case = Case("gru", shape, "float32")
    assert case.flops("forward") == 2 * 25 * 3 * 3 * (2 + 3)
    assert case.flops("train") == 3 * case.flops("forward")
    assert case.recurrent_bytes == 4 * 3 * 3 * 3
    assert case.bytes_read("train") == 2 * (9 * case.recurrent_bytes + 4 * 3 * 3 * 2)
    # 2 * 32 * 100 * 1024 * 512 operations at 576 GFLOP/s
    assert Case("lstm", SHAPES[1], "float32").flops("forward") / 576e9 == pytest.approx(
        5.83e-3, 0.01
    )


def test_ragged_gradients_are_zero_where_nothing_counts():
    doutputs = make_tensors(Case("lstm", RAGGED, "float32")).doutputs
    assert (np.abs(doutputs).max(axis=2) > 0).tolist() == RAGGED.mask.tolist()


def test_weights_are_read_from_where_they_fit():
    capacity = {"L1": 10, "L2": 100, "L3": 1000, "DRAM": float("inf")}
    bandwidths = ceilings.Bandwidths({"L2": 4.0, "L3": 2.0, "DRAM": 1.0}, capacity)
    seconds = [bandwidths.seconds_at_least(8e9, size, threads=2) for size in (20, 200, 2000, 20000)]
    assert seconds == [0.0, 2.0, 4.0, 8.0]


def test_ceilings_are_plausible():
    assert ceilings._count("0-3,8,10-11") == 7
    assert 4 << 10 <= ceilings.cache_sizes()[1][0] <= 1 << 20
    assert 0.1 < ceilings.measure_fma(0.001, 1) < 10_000
    bandwidths = ceilings.measure_bandwidths(0.001, 1)
    assert all(0.01 < gbytes < 10_000 for gbytes in bandwidths.gbytes.values())


@pytest.mark.parametrize(
    "call",
    [
        lambda: _core.fma_gflops(0.0, 1),
        lambda: _core.fma_gflops(0.001, 0),
        lambda: _core.read_gbytes(1024, float("nan"), 1),
    ],
)
def test_ceilings_refuse_bad_arguments(call):
    with pytest.raises(ValueError, match="must be"):
        call()


# --- results ----------------------------------------------------------------------------------


def made_up(**changes):
    """Ours takes 2 s, Keras 6 s; rounds 2 and 3 are disturbed; 1 GFLOP/s is possible."""
    capacity = {"L1": 0.0, "L2": 1e6, "L3": 1e9, "DRAM": float("inf")}
    case = Case("lstm", Shape(1, 1000, 500, 500), "float32")
    values = {
        "case": case,
        "mode": "forward",
        "seconds": {"ours": [8.0, 16.0, 9.0], "keras": [24.0, 48.0, 9.0]},
        "fma_gflops": [1.0, 0.5, 1.0],
        "fma_gflops_one_thread": 0.6,
        "bandwidths": ceilings.Bandwidths({"L2": 4.0, "L3": 2.0, "DRAM": 1.0}, capacity),
        "threads": 1,
        "absent": {"torch": "is not installed: pip install torch"},
        "errors": {"ours": 1e-7, "keras": 2e-7},
    }
    return Measurement(**{**values, **changes})


def test_what_follows_from_timings():
    m = made_up()
    assert m.flops == 2 * 1000 * 2000 * 1000  # 4 s of arithmetic
    assert m.time("ours").median == 9.0
    assert m.gflops("ours") == pytest.approx(4 / 9)
    assert m.fraction_of_fma("ours") == pytest.approx(4 / 8)
    assert m.speedup("keras").median == 3.0
    # 1000 times 4 MB from the third cache, at 2 GB/s: less than the arithmetic; and then more.
    assert m.fraction_of_roof("ours") == m.fraction_of_fma("ours")
    slow = ceilings.Bandwidths({"L2": 1.0, "L3": 0.5, "DRAM": 0.5}, m.bandwidths.capacity)
    assert made_up(bandwidths=slow).fraction_of_roof("ours") == pytest.approx(8.008 / 9.0)


def test_tables_show_ratio_share_and_who_is_absent():
    run = Run("the command", {"CPU": "a fast one"}, 3.0, 0.1, [made_up()])
    text = table.markdown(run)
    assert "| 1,1000,500,500 | forward | 9000 [8320, 13760] | 0.444 | 50% | 50% |" in text
    assert "3.00x (24000 ms) | - |" in text
    assert "PyTorch is not installed: pip install torch (1 of 1 rows)" in text
    assert "load average was 3.00" in text
    assert "float32 results were checked; largest errors: tfrnn_ops 1.0e-07; Keras 2.0e-07" in text
    assert "the command" in text
    assert "a fast one" in text


def test_json_keeps_everything(tmp_path):
    run = Run("the command", {"CPU": "a fast one"}, 3.0, 0.1, [made_up(), made_up(mode="train")])
    run.write_json(tmp_path / "run.json")
    assert Run.read_json(tmp_path / "run.json") == run


@pytest.mark.parametrize("text", ["", "{}", '{"measurements": [1]}'])
def test_another_json_file_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match="not a file that --json wrote"):
        Run.read_json(tmp_path / "x.json")


def test_report_replaces_what_is_between_the_marks(tmp_path):
    path = tmp_path / "BENCHMARKS.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    run = Run("the command", {}, 0.0, 0.0, [made_up()])
    for _ in range(2):
        report.write(run, path)
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("### lstm, float32") == 1


# --- command line -----------------------------------------------------------------------------


def test_a_quick_run_writes_all_files(tmp_path, capsys):
    files = {kind: tmp_path / f"run.{kind}" for kind in ("csv", "json", "png")}
    options = ["--shape", str(TINY), "--shape", str(RAGGED), "--against", "keras,block,torch"]
    document = tmp_path / "BENCHMARKS.md"
    document.write_text(f"{report.BEGIN}\n{report.END}\n")
    written = ["--csv", files["csv"], "--json", files["json"], "--plot", files["png"]]
    shown = ["report", *QUICK, *options, "--cell", "lstm", "--dtype", "float32", "--refcheck"]
    assert main([*shown, *map(str, written), "--file", str(document)]) == 0

    captured = capsys.readouterr()
    assert "lstm, float32" in captured.out
    assert "BlockLSTM has no mask (2 of 4 rows)" in captured.out
    assert "round" in captured.err
    with open(files["csv"], newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(r["shape"], r["mode"]) for r in rows} == {
        (shape, mode) for shape in (str(TINY), str(RAGGED)) for mode in ("forward", "train")
    }
    assert {r["peer"] for r in rows} >= {"ours", "keras", "block"}
    assert all(float(r["ms"]) > 0 and int(r["rounds"]) == 2 for r in rows)
    tree = json.loads(files["json"].read_text())
    assert all(len(m["seconds"]["ours"]) == 2 for m in tree["measurements"])
    run = Run.read_json(files["json"])
    ours = [row(m, "ours") for m in run.measurements]
    assert ours == [m["peers"][0] for m in tree["measurements"]]
    assert files["png"].read_bytes().startswith(b"\x89PNG")

    recorded = document.read_text()
    document.write_text(f"{report.BEGIN}\n{report.END}\n")
    assert main(["report", "--file", str(document), "--from", str(files["json"])]) == 0
    assert document.read_text() == recorded
    assert "--cell lstm" in recorded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cell", "lstm,rnn"], "argument --cell: found 'rnn', expected one or more of lstm,gru"),
        (["--shape", "1,2,3"], "argument --shape: found '1,2,3', expected batch,time,features"),
        (["--dtype", "int8"], "argument --dtype: found 'int8'"),
        (["--against", "ours"], "argument --against: found 'ours'"),
        (["--mode", "test"], "argument --mode: found 'test'"),
        (["--threads", "0"], "argument --threads: found '0', expected a whole number from 1"),
        (["--seconds", "-1"], "argument --seconds: found '-1', expected a number above 0"),
    ],
)
def test_mistakes_in_options_are_explained(capsys, options, message):
    with pytest.raises(SystemExit, match="2"):
        main(["cpu", *options])
    assert message in capsys.readouterr().err


def test_mistakes_in_files_are_found_before_measuring(tmp_path, capsys):
    nowhere = tmp_path / "nowhere" / "x"
    (tmp_path / "plain.md").write_text("no marks\n")
    for arguments, message in [
        (["cpu", "--csv", str(nowhere)], f"{nowhere}: found no folder {nowhere.parent}"),
        (["report", "--file", str(nowhere)], f"--file {nowhere}: No such file"),
        (["report", "--file", str(tmp_path / "plain.md")], "plain.md: expected, once and in this"),
    ]:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.out == ""


def test_another_number_of_threads_in_a_running_tensorflow_is_refused(capsys):
    tf.zeros([1])
    assert main(["cpu", *QUICK, "--threads", "77"]) == 2
    assert "--threads 77: TensorFlow runs already" in capsys.readouterr().err


def test_peers_that_are_missing_or_fail_are_named(monkeypatch, capsys):
    class Failing(peers.Keras):
        def run(self):
            raise RuntimeError("no kernel\nand more")

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    monkeypatch.setitem(peers.PEERS, "keras", Failing)
    options = ["--shape", str(TINY), "--cell", "gru", "--dtype", "float32", "--mode", "forward"]
    assert main(["cpu", *QUICK, *options, "--against", "keras,torch"]) == 0
    out = capsys.readouterr().out
    assert "PyTorch is not installed: pip install torch (1 of 1 rows)" in out
    assert "Keras failed with RuntimeError: no kernel (1 of 1 rows)" in out


def test_a_missing_package_is_named():
    with pytest.raises(UserError, match=r"pip install 'tfrnn_ops\[bench\]'"):
        require("no_such_package_at_all", "bench")


def test_ctrl_c_shows_what_there_is(monkeypatch, capsys, tmp_path):
    measured = []

    def measure(*_):
        if measured:
            raise KeyboardInterrupt
        measured.append(made_up())
        return measured[0]

    monkeypatch.setattr("tfrnn_ops.bench.runner.measure", measure)
    document = tmp_path / "BENCHMARKS.md"
    document.write_text(f"{report.BEGIN}\n{report.END}\n")
    assert main(["report", *QUICK, "--file", str(document)]) == 130
    captured = capsys.readouterr()
    assert "lstm, float32" in captured.out
    assert "interrupted" in captured.err
    assert document.read_text() == f"{report.BEGIN}\n{report.END}\n"
