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
from musiclm.data.manifest import SPLITS, split_of
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
    keys, styles, alone = set(), set(), 0
    for seed in range(40):
        piece = library.excerpt(np.random.default_rng(seed), SECONDS)
        assert piece is not None
        assert (piece.work, piece.source) == ("nobody: the tune", "ceol_rince")
        assert piece.sections == ()  # those of the work are not known
        strokes = perform(piece, np.random.default_rng(0), SECONDS)
        labels = describe(piece, strokes, SECONDS)
        assert strokes[0].start <= 0.02
        keys.add(labels["key"])
        styles.add(piece.style)
        assert labels["mode"] in ("major", None)
        if not piece.chords:
            alone += 1
            assert piece.style == "folk" and not labels["drums"]
    assert len(keys) > 3  # transposed
    assert len(styles) > 5 and 3 < alone < 25  # most are set over styles of ours


def test_a_tune_set_over_a_style_keeps_its_notes(folder: Path) -> None:
    """Whoever plays it and in whatever key, the intervals of the scale remain."""
    steps = {b - a for a, b in zip(SCALE, SCALE[1:], strict=False)} | {0}
    settings = 0
    for seed in range(30):
        piece = Library(folder).excerpt(np.random.default_rng(seed), SECONDS)
        assert piece is not None
        if piece.chords:
            settings += 1
            melody = next(part for part in piece.parts if part.role == "melody")
            pitches = [note.pitch for note in melody.notes]
            moves = {abs(b - a) % 12 for a, b in zip(pitches, pitches[1:], strict=False)}
            assert moves <= steps | {12 - step for step in steps}
            assert piece.texture in ("band", "ensemble") and len(piece.parts) > 1
    assert settings > 8


def test_excerpts_are_functions_of_their_generator(folder: Path) -> None:
    first, second = (Library(folder).excerpt(np.random.default_rng(4), SECONDS) for _ in range(2))
    assert first == second


def test_a_library_of_one_split_holds_no_other_works(folder: Path) -> None:
    for split in SPLITS:
        library = Library(folder, split)
        assert {split_of(row.work) for row in library._grooves} == {split}
        found = library.excerpt(np.random.default_rng(0), SECONDS) is not None
        assert found == (split_of("nobody: the tune") == split)


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
            assert len(drums) == 1 and drums[0].human
            before = next(part for part in piece.parts if part.drums)
            bars = {int(note.start // 4) for note in before.notes}
            assert {int(note.start // 4) for note in drums[0].notes} <= bars  # rests are kept
    assert replaced > 10


def test_grooves_serve_the_styles_of_their_kind(folder: Path) -> None:
    row = Library(folder)._grooves[0]
    kinds = {"hiphop/groove6": "hip hop", "latin/reggaeton": "latin", "dance/disco": "disco",
             "jazz/funk": "funk", "afrocuban/bembe": "latin", "rock": "rock"}  # fmt: skip
    for groove, style in kinds.items():
        assert style in replace(row, groove=groove).serves
    assert "jazz" not in replace(row, groove="jazz/funk").serves
    assert replace(row, groove="middleeastern").serves == ()


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
