"""Plans and predictions through Python; the plans themselves are tested in tests/cpp."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tfrnn_ops import _core
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.gpu import prediction
from tfrnn_ops.bench.gpu.constants import Measured

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["gpu", "--plan", "--device", "H200", "--cell", "lstm", "--dtype", "bfloat16"]
SMALL += ["--units", "256,2048", "--batch", "1,64"]


def test_a_plan_says_what_it_is_and_why():
    plan = _core.gpu_plan("lstm", "bfloat16", 64, 256, device="H200")
    assert plan["policy"] == "cluster"
    assert plan["blocks"] == plan["unit_slices"] * plan["batch_slices"]
    assert plan["us"] == pytest.approx(sum(plan["us_of"].values()))
    assert "us a step predicted" in plan["reason"]
    assert set(plan["policies"]) == {"block", "cluster", "grid", "stepwise"}
    assert "bytes of shared memory" in plan["policies"]["block"]
    assert plan["policies"]["grid"]["us"] > plan["us"]


def test_every_argument_counts():
    def us(*args, **options):
        return _core.gpu_plan(*args, **options)["us"]

    base = us("lstm", "float32", 64, 512)
    assert us("gru", "float32", 64, 512) < base
    assert us("lstm", "float32", 64, 512, tf32=True) < base
    assert us("lstm", "bfloat16", 64, 512) < base
    assert us("lstm", "float32", 64, 512, directions=2) > base
    assert us("lstm", "float32", 64, 512, backward=True) != base
    assert us("lstm", "float32", 64, 512, constants={"clock_ghz": 0.1}) > base
    assert us("lstm", "float32", 64, 512, device="A100") != base
    assert {"projection", "layer_norm", "per_gate_dropout"} <= set(_core.gpu_features())
    options = {"vectors", "activations", "cell_clip", "cell_states"}
    reasons = set()
    for feature in set(_core.gpu_features()) - options:
        plan = _core.gpu_plan("lstm", "bfloat16", 8, 128, features=[feature])
        assert plan["policy"] == "stepwise"
        reasons.add(plan["reason"])
    assert len(reasons) == len(_core.gpu_features()) - len(options)
    for feature in options:
        plan = _core.gpu_plan("lstm", "bfloat16", 8, 128, features=[feature])
        assert plan["policy"] != "stepwise"
        with pytest.raises(ValueError, match="a group has at most 16 rows"):
            _core.gpu_plan("lstm", "bfloat16", 32, 64, features=[feature], override="block:rows=32")
    assert _core.gpu_plan("ind_rnn", "bfloat16", 8, 128)["policy"] == "stepwise"
    assert _core.gpu_plan("lstm", "bfloat16", 8, 128, override="grid")["policy"] == "grid"


def test_a_device_of_ones_own():
    device = next(d for d in _core.gpu_devices() if d.name == "H200")
    device.resident_clusters = [0] * len(device.resident_clusters)
    plan = _core.gpu_plan("lstm", "bfloat16", 64, 256, device=device)
    assert plan["policies"]["cluster"] == "the device has no clusters"
    assert max(_core.gpu_devices()[4].resident_clusters) > 0  # only the copy has changed


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (("rnn", "float32", 1, 1), {}, "cell must be one of lstm, gru, gru_reset_before"),
        (("lstm", "int8", 1, 1), {}, "dtype must be one of float16, bfloat16, float32"),
        (("lstm", "float32", -1, 1), {}, "expected batch >= 0, units >= 1"),
        (("lstm", "float32", 1, 0), {}, "found batch 1, units 0 and 1 directions"),
        (("lstm", "float32", 1, 1), {"directions": 3}, "and 3 directions"),
        (("lstm", "float32", 1, 1), {"device": "Voodoo"}, "found Voodoo"),
        (("lstm", "float32", 1, 1), {"constants": {"luck": 1}}, "found 'luck'"),
        (("lstm", "float32", 1, 1), {"features": ["luck"]}, "features: found 'luck'"),
        (("lstm", "float32", 1, 1), {"override": "luck"}, "TFRNN_GPU_PLAN='luck'"),
    ],
)
def test_mistakes_are_explained(args, options, message):
    with pytest.raises(ValueError, match=message):
        _core.gpu_plan(*args, **options)


def test_the_table_of_plans(capsys, tmp_path):
    document = tmp_path / "BENCHMARKS.md"
    section = prediction.SECTION
    document.write_text(f"before\n{section.begin}\nold\n{section.end}\nafter\n")
    assert main([*SMALL, "--reasons", "--directions", "1,2", "--file", str(document)]) == 0
    out = capsys.readouterr().out
    assert "H200, compute capability 9.0, 132 multiprocessors" in out
    assert "lstm, bfloat16, batch 64, 256 units, backward: " in out
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("### lstm, bfloat16") == 2
    assert "| units | batch 1 | batch 64 |" in text
    plan = _core.gpu_plan("lstm", "bfloat16", 64, 256)
    assert f"{plan['us']:.2f} C{plan['unit_slices']}x{plan['batch_slices']} / " in text
    assert "Nothing here was timed." in text


def test_the_documents_section_is_up_to_date():
    command = [*SMALL[:4], "--file", "BENCHMARKS.md"]
    text = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    section = text.split(prediction.SECTION.begin)[1].split(prediction.SECTION.end)[0]
    assert f"python -m tfrnn_ops.bench {' '.join(command)}" in section
    cells = [line for line in section.splitlines() if line.startswith("| 512 |")]
    plan = _core.gpu_plan("lstm", "bfloat16", 16, 512, device="H200")
    assert any(f"{plan['us']:.2f} " in cell for cell in cells), "run the command again"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plan", "--device", "Voodoo"], "--device: found 'Voodoo', expected one of T4, A100"),
        (["--plan", "--rounds", "3"], "--rounds: not with --plan"),
        (["--plan", "--shape", "1,1,1,1"], "--shape: not with --plan"),
        (["--plan", "--no-refcheck"], "--no-refcheck: not with --plan"),
        (["--device", "H200"], "--device: only with --plan"),
        (["--reasons"], "--reasons: only with --plan"),
        (["--shape", "1,1,1,1", "--batch", "3"], "--shape: not with --batch, --units or --time"),
        (["--plan", "--override", "luck"], "--override: TFRNN_GPU_PLAN='luck': found 'luck'"),
        (["--plan", "--constants", "/nowhere"], "--constants /nowhere: "),
    ],
)
def test_mistakes_in_options_are_explained(capsys, options, message):
    assert main(["gpu", *options]) == 2
    assert message in capsys.readouterr().err


def test_nothing_of_it_needs_tensorflow():
    program = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
        "from tfrnn_ops.bench.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *SMALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lstm, bfloat16" in done.stdout


# --- measured constants -----------------------------------------------------------------------


def microbench_csv(path, changes=()):
    values = {c["name"]: c["value"] for c in _core.gpu_constants(90)} | dict(changes)
    lines = ["name,setting,value", "arch,NVIDIA H200,90"]
    lines += [f"resident_clusters,blocks={blocks},{64 // blocks}" for blocks in (2, 4, 8)]
    lines += ["cluster_exchange_cycles,blocks=8,500"]
    lines += [f"{name},,{value:.6g}" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_measured_constants_are_read(tmp_path):
    measured = Measured.read(microbench_csv(tmp_path / "x.csv", {"launch_us": 9.5}))
    assert (measured.device, measured.arch) == ("NVIDIA H200", 90)
    assert measured.values["launch_us"] == 9.5
    assert measured.values["cluster_exchange_cycles"] == 420
    assert measured.resident_clusters == {2: 32, 4: 16, 8: 8}


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "name,setting,value\n", "name,setting,value\nx,,1\n"]
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="expected name,setting,value"):
        Measured.read(path)


def test_plans_with_measured_constants(capsys, tmp_path):
    path = microbench_csv(tmp_path / "x.csv", {"launch_us": 99})
    assert main([*SMALL, "--constants", str(path)]) == 0
    out = capsys.readouterr().out
    assert "constants, given: clock_ghz 1.9" in out
    assert "launch_us 99" in out
    assert "clusters of up to 8 blocks" in out
    assert "the constants were measured on the GPU" in out
    assert main(["gpu", "--plan", "--device", "A100", "--constants", str(path)]) == 2
    assert "measured on compute capability 9.0, A100 has 8.0" in capsys.readouterr().err


def test_measured_constants_become_a_table(capsys, tmp_path):
    path = microbench_csv(tmp_path / "x.csv", {"launch_us": 1.23456})
    tool = runpy.run_path(str(ROOT / "tools/microbench_table.py"))["main"]
    assert tool([str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("      {90,  // NVIDIA H200\n")
    assert '{"launch_us", 1.235, kMeasured},' in out
    table = (ROOT / "cuda/constants.cc").read_text()
    names = [line.split('"')[1] for line in out.splitlines() if '"' in line]
    assert names == [c["name"] for c in _core.gpu_constants(90)]
    assert all(f'{{"{name}", ' in table for name in names)

    path.write_text(path.read_text().replace("launch_us", "lunch_us"))
    assert tool([str(path)]) == 2
    assert "found no launch_us" in capsys.readouterr().err
