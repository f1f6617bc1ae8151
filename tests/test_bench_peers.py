"""What the benchmark compares: that everybody computes the same, and what each lacks."""

import numpy as np
import pytest

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops.bench import peers
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.cases import CELLS, Case, Shape, make_tensors
from tfrnn_ops.bench.options import OPTIONS
from tfrnn_ops.bench.peers import reference
from tfrnn_ops.bench.refcheck import Mismatch, can_check, check

TINY = Shape(3, 4, 2, 5)
RAGGED = Shape(3, 4, 2, 5, shortest=2)
QUICK = ["--quick", "--rounds", "2", "--seconds", "0.1"]


@pytest.mark.parametrize(("cell", "shape"), [*((c, TINY) for c in CELLS), ("lstm", RAGGED)])
def test_peers_compute_the_same(cell, shape):
    case = Case(cell, shape, "float32")
    tensors = make_tensors(case)
    want = {mode: reference(case, tensors, mode) for mode in ("forward", "train")}
    assert set(want["train"]) == {"outputs", *peers.GRADIENTS}
    for name, peer in peers.PEERS.items():
        if peer.missing(case) or (name == "xla" and (cell != "lstm" or shape != TINY)):
            continue  # compiling takes seconds
        for mode in want:
            instance = peer(case, tensors, mode)
            assert check(case, mode, name, instance.arrays(instance.run()), want[mode]) < 1e-5


def test_what_a_peer_lacks_is_known():
    assert "LSTM only" in peers.PEERS["block"].missing(Case("gru", TINY, "float32"))
    assert "mask" in peers.PEERS["block"].missing(Case("lstm", RAGGED, "float32"))
    assert "bfloat16" in peers.PEERS["block"].missing(Case("lstm", TINY, "bfloat16"))
    assert peers.PEERS["torch"].missing(Case("gru_reset_before", TINY, "float32")) is not None
    for case in (Case(cell, RAGGED, dtype) for cell in CELLS for dtype in ("float16", "bfloat16")):
        assert peers.Ours.missing(case) is peers.Keras.missing(case) is None


def planted(base, change):
    """The peer `base`, wrong in one tensor."""

    class Wrong(base):
        def arrays(self, result):
            arrays = super().arrays(result)
            return {**arrays, change: arrays[change] * 1.001}

    return Wrong


@pytest.mark.parametrize(("name", "wrong"), [("ours", "bias"), ("keras", "recurrent_kernel")])
def test_a_wrong_result_ends_the_run(monkeypatch, capsys, name, wrong):
    monkeypatch.setitem(peers.PEERS, name, planted(peers.PEERS[name], wrong))
    options = ["--shape", str(TINY), "--cell", "lstm", "--dtype", "float32", "--against", "keras"]
    assert main(["cpu", *QUICK, *options, "--mode", "train", "--refcheck"]) == 1
    captured = capsys.readouterr()
    assert f"wrong results: lstm 3,4,2,5 float32 train: {name} is wrong: {wrong}" in captured.err
    assert captured.out == ""


def test_nan_and_other_shapes_are_wrong():
    case, good = Case("lstm", TINY, "float32"), {"outputs": np.ones([3, 4, 5])}
    for bad in (good["outputs"] * np.nan, np.ones([3, 4, 6])):
        with pytest.raises(Mismatch):
            check(case, "forward", "keras", {"outputs": bad}, good)
    with pytest.raises(Mismatch):
        check(case, "forward", "keras", {}, good)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_runs_fused_and_equals_the_reference(option):
    for cell in OPTIONS[option].cells or ("gru", "simple_rnn"):
        case = Case(cell, TINY, "float32", option)
        tensors = make_tensors(case)
        for mode in ("forward", "train"):
            ours = peers.PEERS["ours"](case, tensors, mode)
            got = ours.arrays(ours.run())
            if can_check(case, mode):
                check(case, mode, "ours", got, reference(case, tensors, mode))


def test_only_what_has_an_option_is_measured_with_it():
    case = Case("lstm", TINY, "float32", "zoneout")
    absent = {name: peer.missing(case) for name, peer in peers.PEERS.items()}
    assert absent["ours"] is None
    assert absent["without"] is None
    assert absent["keras"] == "has no zoneout"
    assert all(absent[name] for name in ("xla", "block", "torch"))
    assert peers.PEERS["without"].missing(Case("lstm", TINY, "float32"))
    assert str(case) == f"lstm {TINY} zoneout float32"
