"""Excerpts of scores and human drumming, from a small folder written here."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.excerpt import Excerpt, Track, find_window, key_of
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import perform
from musiclm.corpus.scores import Library
from musiclm.data.manifest import split_of
from musiclm.errors import UserError

symusic = pytest.importorskip("symusic")
SECONDS = 6.0
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def _write(path: Path, tracks: list[tuple[int, bool, list[tuple[float, int]]]]) -> None:
    score = symusic.Score(480)
    score.time_signatures.append(symusic.TimeSignature(0, 4, 4))
    score.tempos.append(symusic.Tempo(0, 120))
    for program, drums, notes in tracks:
        track = symusic.Track("part", program, drums)
        for start, pitch in notes:
            track.notes.append(symusic.Note(round(start * 480), 400, pitch, 90))
        score.tracks.append(track)
    score.dump_midi(str(path))


def _row(path: str, source: str, title: str, **more: object) -> dict[str, object]:
    row = {
        "path": path, "source": source, "title": title, "composer": "nobody", "bpm": 110.0,
        "licence": "CC0-1.0", "style": "irish reel", "key": "C major",
    }  # fmt: skip
    return row | more


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    tune = [(i / 2, SCALE[i % 8 if i % 16 < 8 else 7 - i % 8]) for i in range(160)]
    beat = [(i / 2, 36 if i % 4 == 0 else 38 if i % 4 == 2 else 42) for i in range(200)]
    _write(folder / "tune.mid", [(73, False, tune)])
    _write(folder / "beat.mid", [(0, True, beat)])
    grooves = [
        _row("beat.mid", "groove", f"rock {i}", groove_id=f"drummer/{i}", groove_style="rock",
             style="drums:rock", key=None, licence="CC-BY-4.0", bpm=float(bpm))
        for i, bpm in enumerate(range(60, 180, 2))
    ]  # fmt: skip
    rows = [_row("tune.mid", "ceol_rince", "the tune"), *grooves]
    (folder / "index.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def test_an_excerpt_starts_at_once_and_keeps_its_work_and_key(folder: Path) -> None:
    library = Library(folder)
    keys = set()
    for seed in range(12):
        piece = library.excerpt(np.random.default_rng(seed), SECONDS)
        assert piece is not None
        assert (piece.work, piece.source, piece.style) == ("nobody: the tune", "ceol_rince", "folk")
        strokes = perform(piece, np.random.default_rng(0), SECONDS)
        labels = describe(piece, strokes, SECONDS)
        assert strokes[0].start <= 0.02 and not labels["drums"]
        keys.add(labels["key"])
        assert labels["mode"] in ("major", None)
    assert len(keys) > 3  # transposed


def test_excerpts_are_functions_of_their_generator(folder: Path) -> None:
    first, second = (Library(folder).excerpt(np.random.default_rng(4), SECONDS) for _ in range(2))
    assert first == second


def test_human_drums_come_from_the_split_of_the_piece(folder: Path) -> None:
    library = Library(folder)
    replaced = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        piece = compose_piece(rng, SECONDS, texture="band", styles=("rock",))
        piece = replace(piece, work=f"rock {seed}")
        drummed = library.drum(rng, piece, SECONDS)
        if drummed is not piece:
            replaced += 1
            assert split_of(drummed.extra["groove"]) == split_of(piece.work)
            assert drummed.licence == "CC-BY-4.0"
            drums = [part for part in drummed.parts if part.drums]
            assert len(drums) == 1 and drums[0].human and drums[0].notes[0].start < 0.1
    assert replaced > 10


def test_drums_are_not_replaced_where_there_are_none(folder: Path) -> None:
    piece = compose_piece(np.random.default_rng(0), SECONDS, texture="ensemble")
    assert Library(folder).drum(np.random.default_rng(0), piece, SECONDS) is piece


def test_a_window_starts_on_a_bar_with_a_note_and_has_no_gap() -> None:
    start = np.concatenate([np.arange(0.5, 32.0), np.arange(48.0, 90.0)])
    track = Track(0, False, start, np.ones(len(start)), np.full(len(start), 60), start.astype(int))
    for seed in range(10):
        window = find_window(Excerpt((track,), ((0.0, "4/4"),)), np.random.default_rng(seed), 12.0)
        if window is not None:  # only the second stretch has notes on its bar lines
            assert window.start >= 48.0 and window.start % 4 == 0


def test_a_key_is_only_told_when_score_and_notes_agree() -> None:
    pitch = np.array([60, 64, 67, 72, 65, 69, 67, 71, 60, 64, 67, 60])
    track = Track(0, False, np.arange(12.0), np.ones(12), pitch, pitch)
    assert key_of([track], "C major", 0) == ("C", "major")
    assert key_of([track], "Eb major", 0) == (None, None)
    assert key_of([track], None, 0) == (None, None)


def test_an_index_that_is_not_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no index.jsonl in"):
        Library(tmp_path)
    (tmp_path / "index.jsonl").write_text('{"path": 1}')
    with pytest.raises(UserError, match="is not an index of scores"):
        Library(tmp_path)
