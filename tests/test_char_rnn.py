"""The character model: training, checkpoints, generation, comparison."""

import csv
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tolerance import assert_close, assert_same_bits

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops._programs import UserError, require
from tfrnn_ops.examples.char_rnn import checkpoint, corpus, generate, schedule, trainer
from tfrnn_ops.examples.char_rnn.__main__ import main
from tfrnn_ops.examples.char_rnn.model import Architecture, CharModel

TEXT = "It was the best of times, it was the worst of times.\n" * 40
SMALL = ["--units", "8", "--layers", "1", "--embedding", "4", "--batch", "4", "--steps", "8"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def train(text, tmp_path):
    """Trains a tiny model into a folder of the name given; later options win."""

    def run(out, *options):
        folder = tmp_path / out
        return main(["train", "--text", text, "--out", str(folder), *SMALL, *options]), folder

    return run


def tiny_model(vocabulary="\n abc", cell="gru", library="tfrnn_ops", embedding=4):
    return CharModel(Architecture(cell, 2, 8, embedding, 0.0, vocabulary), library)


# --- model and schedule ---------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
@pytest.mark.parametrize("embedding", [4, 0])
def test_carried_state_joins_chunks(cell, embedding):
    model = tiny_model(cell=cell, embedding=embedding)
    ids = np.random.default_rng(0).integers(0, 5, [3, 7])
    whole, final = model(ids, model.initial_state(3))
    state, parts = model.initial_state(3), []
    for part in (ids[:, :4], ids[:, 4:5], ids[:, 5:]):
        scores, state = model(part, state)
        parts.append(scores)
    assert_close(tf.concat(parts, 1), whole)
    assert_close(tf.nest.flatten(state), tf.nest.flatten(final))


def test_limits_end_at_the_first_reached():
    limits = schedule.Limits(minutes=1, epochs=2, max_steps=None)
    assert limits.done(step=5, seconds=15, steps_per_epoch=10) == 0.25
    assert limits.done(step=15, seconds=15, steps_per_epoch=10) == 0.75
    assert limits.done(step=15, seconds=99, steps_per_epoch=10) == 1


def test_learning_rate_rises_then_falls():
    rates = [schedule.learning_rate(1.0, step, step / 1000) for step in range(1001)]
    assert rates[0] < rates[schedule.WARMUP_STEPS] > rates[500] > rates[1000]
    assert rates[1000] == pytest.approx(schedule.FINAL_LEARNING_RATE)


# --- train ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["--cell", "lstm"], ["--cell", "simple_rnn"], []])
def test_training_lowers_the_loss(train, options, capsys):
    status, folder = train("run", "--max-steps", "200", "--learning-rate", "0.03", *options)
    assert status == 0
    curves = checkpoint.load(folder / "last.npz").progress["curves"]
    assert curves["training"][-1][1] < curves["training"][0][1] - 1
    assert curves["validation"][-1][1] < 2
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr()
    assert "bits per character" in shown.out
    assert all(word in shown.err for word in ("epoch", "bits/char", "chars/s"))


def test_events_for_tensorboard(train):
    _, folder = train("run", "--max-steps", "20", "--validate-every", "10")
    (file,) = (folder / "logs").iterdir()
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(file))
    ]
    points = {(e.step, v.tag) for e in events for v in e.summary.value}
    assert {(20, "training_loss"), (20, "validation_loss"), (10, "validation_loss")} <= points


def press_ctrl_c_at(step, monkeypatch):
    train_step = trainer.Trainer.train_step

    def interrupted(self, done):
        loss = train_step(self, done)
        if self.step == step:
            signal.raise_signal(signal.SIGINT)
        return loss

    monkeypatch.setattr(trainer.Trainer, "train_step", interrupted)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_resumed_equals_uninterrupted(train, monkeypatch, cell):
    # 57 steps an epoch; the interruption comes inside the second.
    options = ["--cell", cell, "--max-steps", "80", "--dropout", "0.3", "--validate-every", "20"]
    _, whole = train("whole", *options)
    with monkeypatch.context() as patch:
        press_ctrl_c_at(65, patch)
        status, parts = train("parts", *options)
    assert status == 130
    assert checkpoint.load(parts / "last.npz").progress["step"] == 65
    assert train("parts", *options, "--resume")[0] == 0

    for name in ("last.npz", "best.npz"):
        got, want = (checkpoint.load(folder / name) for folder in (parts, whole))
        assert got.progress["step"] == want.progress["step"]
        assert got.progress["curves"]["validation"] == want.progress["curves"]["validation"]
        assert (
            got.arrays.keys() == want.arrays.keys() == {"weights", "optimizer", "dropout", "state"}
        )
        for group, arrays in want.arrays.items():
            assert len(got.arrays[group]) == len(arrays)
            assert_same_bits(got.arrays[group], arrays)


def test_resume_of_a_finished_run_says_so(train, capsys):
    train("run", "--max-steps", "2")
    assert train("run", "--max-steps", "2", "--resume")[0] == 0
    assert "nothing left to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--units", "9"], "units: the checkpoint has 8, this run 9"),
        (["--cell", "lstm"], "cell: the checkpoint has 'gru', this run 'lstm'"),
        (["--vocabulary", "5"], "vocabulary: the checkpoint has"),
        (["--batch", "2"], "batch: the checkpoint has 4, this run 2"),
    ],
)
def test_resume_refuses_other_settings(train, capsys, options, named):
    _, folder = train("run", "--max-steps", "1")
    before = (folder / "last.npz").read_bytes()
    assert train("run", "--max-steps", "2", "--resume", *options)[0] == 2
    assert named in capsys.readouterr().err
    assert (folder / "last.npz").read_bytes() == before


def test_old_checkpoints_are_not_lost_by_accident(train, capsys):
    _, folder = train("run", "--max-steps", "1")
    assert train("run", "--max-steps", "2")[0] == 2
    assert "--resume" in capsys.readouterr().err
    assert train("run", "--max-steps", "2", "--overwrite")[0] == 0
    assert checkpoint.load(folder / "last.npz").progress["step"] == 2


def test_training_that_diverges_stops(train, capsys):
    status, folder = train("run", "--max-steps", "50", "--learning-rate", "1e38")
    assert status == 2
    assert "--learning-rate" in capsys.readouterr().err
    assert not list(folder.glob("*.npz"))


# --- checkpoints ----------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_crash_while_writing_keeps_the_old_checkpoint(tmp_path, monkeypatch, failure):
    path = tmp_path / "last.npz"
    content = checkpoint.Checkpoint({}, {}, {"step": 1}, {"weights": [np.ones(3)]})
    checkpoint.save(path, content)

    def write_half(file, **arrays):
        file.write(b"half")
        raise failure

    monkeypatch.setattr(checkpoint.np, "savez", write_half)
    content.progress["step"] = 2
    with pytest.raises(UserError if isinstance(failure, OSError) else KeyboardInterrupt):
        checkpoint.save(path, content)
    assert [p.name for p in tmp_path.iterdir()] == ["last.npz"]
    assert checkpoint.load(path).progress == {"step": 1}


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_other_files_are_not_checkpoints(tmp_path, content):
    path = tmp_path / "best.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a checkpoint of this program"):
        checkpoint.load(path)


def test_other_arrays_are_not_checkpoints(tmp_path):
    np.savez(tmp_path / "best.npz", facts=np.array(json.dumps({"format": "another"})))
    with pytest.raises(UserError, match="another"):
        checkpoint.load(tmp_path / "best.npz")
    np.savez(tmp_path / "best.npz", weights=np.ones(3))
    with pytest.raises(UserError, match="facts"):
        checkpoint.load(tmp_path / "best.npz")


# --- generate -------------------------------------------------------------------------------


def written(model, prime="ab", length=50, temperature=1.0, seed=0):
    return "".join(generate.generate(model, prime, length, temperature, seed))


def test_same_seed_same_text():
    model = tiny_model()
    text = written(model, length=50)
    assert len(text) == 50
    assert written(model, length=50) == text
    assert written(model, length=80)[:50] == text
    assert written(model, length=50, seed=1) != text


def test_cold_generation_takes_the_likeliest():
    models = [tiny_model(library=library) for library in ("tfrnn_ops", "keras")]
    models[1].set_weights(models[0].get_weights())
    vocabulary = corpus.Vocabulary("\n abc")
    text = "ab"
    while len(text) < 42:
        scores, _ = models[0](vocabulary.encode(text)[np.newaxis], models[0].initial_state(1))
        text += vocabulary.symbols[np.argmax(scores[0, -1])]
    for model in models:
        assert written(model, length=40, temperature=0) == text[2:]
        assert written(model, length=40, temperature=1e-30) == text[2:]


def test_unknown_symbol_is_never_written():
    model = tiny_model("ab" + corpus.UNKNOWN)
    model.scores.bias.assign([0.0, 0.0, 50.0])
    assert set(written(model)) == {"a", "b"}
    assert corpus.UNKNOWN not in written(model, temperature=0)


def test_generate_from_a_trained_model(train, capsys):
    _, folder = train("run", "--max-steps", "5")
    capsys.readouterr()
    command = ["generate", "--checkpoint", str(folder), "--prime", "It ", "--length", "70"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert text.startswith("It ")
    assert len(text) == 3 + 70 + 1
    assert main([*command, "--checkpoint", str(folder / "last.npz"), "--library", "keras"]) == 0
    assert capsys.readouterr().out == text

    assert main([*command, "--prime", "ñ Ω"]) == 2
    assert "--prime: found 'ñ', 'Ω'" in capsys.readouterr().err
    assert main(["generate", "--checkpoint", str(folder / "nowhere")]) == 2
    assert "no checkpoint at" in capsys.readouterr().err


def test_generate_into_a_closed_pipe(train):
    _, folder = train("run", "--max-steps", "1")
    command = [sys.executable, "-m", "tfrnn_ops.examples.char_rnn", "generate"]
    command += ["--checkpoint", str(folder), "--length", "200000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(20)
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode == 0
    assert b"Traceback" not in error


# --- compare --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_compare(text, tmp_path, capsys, cell):
    table, picture = tmp_path / "steps.csv", tmp_path / "losses.png"
    options = ["--csv", str(table), "--plot", str(picture), "--max-steps", "20", "--warmup", "2"]
    options += ["--cell", cell, "--dropout", "0.2", "--learning-rate", "0.03"]
    assert main(["compare", "--text", text, *SMALL, *options]) == 0
    shown = capsys.readouterr().out
    assert "times as fast as keras" in shown
    assert "largest difference of the losses over 22 steps" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    ours, theirs = (
        np.array([row[f"{name}_loss"] for row in rows], float) for name in ("tfrnn_ops", "keras")
    )
    assert len(ours) == 22
    assert ours[-1] < ours[0] - 0.1
    # Tiny differences grow while training goes on; those of the first step are rounding.
    assert_close(ours[0], theirs[0], "float32")
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "found an empty file"),
        (b"\xff\xfe\x00text", "byte 0xff at offset 0, which is not UTF-8"),
        (b"abc\x00def", "NUL characters"),
        (b"too short", "found 9 characters, expected at least"),
    ],
)
def test_bad_text(tmp_path, capsys, content, message):
    path = tmp_path / "bad.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["train", "--text", str(path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["train", "--units", "0"],
        ["train", "--steps", "2.5"],
        ["train", "--minutes", "-1"],
        ["train", "--learning-rate", "nan"],
        ["train", "--dropout", "1"],
        ["train", "--cell", "transformer"],
        ["train", "--resume", "--overwrite"],
        ["generate", "--temperature", "-0.5"],
        ["generate", "--length", "many"],
        [],
    ],
)
def test_bad_options(options, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(options)
    assert exit_.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_bad_places(train, text, tmp_path, capsys):
    assert train("text.txt", "--max-steps", "1")[0] == 2
    assert "--out" in capsys.readouterr().err
    assert train("missing", "--max-steps", "1", "--resume")[0] == 2
    assert "no checkpoint at" in capsys.readouterr().err
    assert not (tmp_path / "missing").exists()
    nowhere = str(tmp_path / "nowhere" / "steps.csv")
    assert main(["compare", "--text", text, *SMALL, "--csv", nowhere]) == 2
    assert "found no folder" in capsys.readouterr().err


def test_too_few_validation_characters(train, capsys):
    assert train("run", "--validation-characters", "31")[0] == 2
    assert "found 31, expected at least 32" in capsys.readouterr().err


def test_missing_dependency_says_what_to_install():
    with pytest.raises(UserError, match=r"pip install 'tfrnn_ops\[examples\]'"):
        require("tfrnn_ops_has_no_such_dependency", "examples")
