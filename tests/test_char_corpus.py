"""The texts of the character model: symbols, streams, and what is held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops._programs import UserError
from tfrnn_ops.examples.char_rnn import corpus


@settings(deadline=None)
@given(st.text(min_size=1))
def test_vocabulary_round_trip(text):
    vocabulary = corpus.Vocabulary.of(text, len(text) + 1)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    assert vocabulary.decode(ids) == text


def test_vocabulary_keeps_the_most_frequent():
    vocabulary = corpus.Vocabulary.of("aaaabbbccd", 3)
    assert vocabulary.symbols == "ab" + corpus.UNKNOWN
    assert vocabulary.decode(vocabulary.encode("abcd!")) == "ab" + 3 * corpus.UNKNOWN


def test_vocabulary_without_unknown_refuses_strange_characters():
    with pytest.raises(ValueError, match="é"):
        corpus.Vocabulary("abc").encode("abé")


def test_streams_are_contiguous():
    ids = np.arange(103, dtype=np.int32)
    streams = corpus.Streams(ids, batch=3, steps=5)
    assert (streams.chunks, streams.characters) == (6, 90)
    inputs, targets = map(
        np.hstack, zip(*(streams.chunk(n) for n in range(streams.chunks)), strict=True)
    )
    np.testing.assert_array_equal(targets, inputs + 1)
    np.testing.assert_array_equal(inputs, np.arange(30) + np.array([[0], [34], [68]]))


def test_split_holds_out_the_last_tenth():
    training, validation = corpus.split(np.arange(1000), 1, 9, 10**6)
    assert training.chunk(0)[0][0, 0] == 0
    assert training.chunk(training.chunks - 1)[1].max() < 900
    assert validation.chunk(0)[0][0, 0] == 900
    assert corpus.split(np.arange(1000), 1, 9, 20)[1].chunks == 2


def test_standard_library_is_the_default_text():
    text = corpus.read_text(None)
    assert len(text) == corpus.LIBRARY_CHARACTERS
    assert text == corpus.read_text(None)
    assert text.count("import ") > 100


def test_standard_library_without_source(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(UserError, match="--text"):
        corpus.read_text(None)
