"""Rendering and writing a corpus: deterministic, resumable, loud enough, honest about faults."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from soundfonts import BY_SPEED, INSTALLED, needs_soundfont

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus import render
from musiclm.corpus.compose import Recipe, compose, compose_clip
from musiclm.corpus.mix import PEAK, mix
from musiclm.corpus.perform import Stroke
from musiclm.corpus.piece import Note, Part, Piece
from musiclm.corpus.render import Synth, find_soundfonts
from musiclm.data.manifest import read_manifest, split_of
from musiclm.errors import UserError

FAST = tuple(path for path in BY_SPEED if path.suffix == ".sf2")[:2] or tuple(BY_SPEED[:1])
CLIPS, SECONDS = 6, 2.0


def _make(out: Path, processes: int = 1, clips: int = CLIPS, seed: int = 5) -> Path:
    return compose(
        out,
        Recipe(SECONDS, seed, FAST),
        clips=clips,
        processes=processes,
        progress=False,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "one"
    _make(out)
    return out


@needs_soundfont
def test_clips_do_not_depend_on_processes_or_on_how_many_there_are(
    corpus: Path, tmp_path: Path
) -> None:
    _make(tmp_path, processes=2, clips=CLIPS + 2)
    for path in sorted((corpus / "clips").iterdir()):
        assert path.read_bytes() == (tmp_path / "clips" / path.name).read_bytes()
    lines = (corpus / "manifest.jsonl").read_text().splitlines()
    assert lines == (tmp_path / "manifest.jsonl").read_text().splitlines()[:CLIPS]


@needs_soundfont
def test_a_run_continues_where_it_stopped(corpus: Path) -> None:
    manifest = corpus / "manifest.jsonl"
    before = manifest.read_bytes()
    kept, lost = corpus / "clips/000000.wav", corpus / "clips/000003.wav"
    times = kept.stat().st_mtime_ns
    samples, truth = lost.read_bytes(), lost.with_suffix(".json").read_bytes()
    lost.write_bytes(samples[:1000])  # cut off in the middle
    lost.with_suffix(".json").unlink()
    lost.with_suffix(".mid").write_bytes(b"")
    manifest.unlink()
    _make(corpus)
    assert kept.stat().st_mtime_ns == times
    assert lost.read_bytes() == samples
    assert lost.with_suffix(".json").read_bytes() == truth
    assert lost.with_suffix(".mid").read_bytes()[:4] == b"MThd"
    assert manifest.read_bytes() == before


@needs_soundfont
def test_a_folder_keeps_to_its_settings(corpus: Path) -> None:
    with pytest.raises(UserError, match="begun with another seed"):
        _make(corpus, seed=6)


@pytest.mark.skipif(len(FAST) < 2, reason="only one soundfont is installed")
def test_every_soundfont_is_heard_and_the_music_does_not_depend_on_them(
    corpus: Path, tmp_path: Path
) -> None:
    clips = read_manifest(corpus)
    assert {clip.labels["soundfont"] for clip in clips} == {path.name for path in FAST}
    assert json.loads((corpus / "corpus.json").read_text())["soundfonts"] == [p.name for p in FAST]
    compose(tmp_path, Recipe(SECONDS, 5, FAST[:1]), clips=2, progress=False)
    for before, after in zip(clips, read_manifest(tmp_path), strict=False):
        assert before.labels | {"soundfont": FAST[0].name} == after.labels
        notes = [Path(clip.path).with_suffix(".mid").read_bytes() for clip in (before, after)]
        assert notes[0] == notes[1]


@needs_soundfont
def test_clips_are_whole_and_neither_silent_nor_clipped(corpus: Path) -> None:
    for clip in read_manifest(corpus):
        samples, rate = soundfile.read(clip.path)
        info = soundfile.info(clip.path)
        assert (rate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        assert len(samples) == SECONDS * SAMPLE_RATE
        assert np.abs(samples).max() < 0.95
        assert -26 < 20 * np.log10(np.sqrt(np.mean(samples**2))) < -14
        assert np.abs(samples[: SAMPLE_RATE // 4]).max() > 0.01  # it starts at once
        assert clip.split == split_of(clip.work) and len(clip.captions) >= 4
        json.dumps(clip.labels)


@needs_soundfont
def test_a_note_sounds_at_its_pitch_and_time() -> None:
    assert INSTALLED is not None
    synth = Synth(INSTALLED)
    piece = Piece(parts=(Part(73, "melody", [Note(0.0, 1.0, 81, 90)]),), bpm=60.0)
    samples = synth.play(piece, [Stroke(0.5, 1.5, 0, 81, 90, 0)], 2.0)
    assert np.abs(samples[: SAMPLE_RATE // 2 - 240]).max() < 1e-3
    spectrum = np.abs(np.fft.rfft(samples[SAMPLE_RATE * 3 // 4 : SAMPLE_RATE * 5 // 4]))
    hertz = np.argmax(spectrum) * 2.0
    assert min(abs(hertz - 880.0), abs(hertz - 1760.0)) < 12.0
    again = synth.play(piece, [Stroke(0.5, 1.5, 0, 81, 90, 0)], 2.0)
    assert (samples == again).all()


def test_splits_are_stable_and_in_proportion() -> None:
    splits = [split_of(f"pop 1-{i}") for i in range(4000)]
    assert splits == [split_of(f"pop 1-{i}") for i in range(4000)]
    assert 0.87 < splits.count("train") / 4000 < 0.93
    assert 0.03 < splits.count("valid") / 4000 < 0.07


def test_mixing_keeps_length_and_bounds_peaks() -> None:
    rng = np.random.default_rng(0)
    clicks = np.zeros(SAMPLE_RATE, np.float32)
    clicks[::6000] = 1.0
    for dynamics in ("soft", "medium", "loud"):
        samples = mix(clicks, rng, dynamics)
        assert samples.shape == clicks.shape and samples.dtype == np.float32
        assert 0 < np.abs(samples).max() <= PEAK


def test_a_missing_soundfont_names_the_package_and_the_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(render, "SOUNDFONTS", ())
    monkeypatch.setattr(render, "HELD_OUT", ())
    with pytest.raises(UserError, match="musescore-general-soundfont-small.*--soundfont"):
        find_soundfonts()
    with pytest.raises(UserError, match="no such soundfont: nowhere.sf2"):
        find_soundfonts([Path("nowhere.sf2")])


def test_the_judges_soundfont_is_heard_only_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lite, general, small, judge = (tmp_path / name for name in ("l.sf3", "g.sf3", "t.sf2", "f.sf2"))
    monkeypatch.setattr(render, "SOUNDFONTS", ((lite, general), (small,)))
    monkeypatch.setattr(render, "HELD_OUT", (judge,))
    judge.touch()
    assert find_soundfonts() == (judge,)
    general.touch()
    small.touch()
    assert find_soundfonts() == (general, small)
    lite.touch()
    assert find_soundfonts() == (lite, small)
    assert find_soundfonts([judge]) == (judge,)


def test_a_missing_renderer_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    with pytest.raises(UserError, match="pip install --no-deps tinysoundfont"):
        Synth(tmp_path / "any.sf2")


def test_a_corpus_of_one_split_has_the_same_music_and_no_other_works(tmp_path: Path) -> None:
    recipes = [Recipe(SECONDS, 5, FAST, split=split) for split in (None, "test")]
    for index in range(8):
        anyones, held_out = (compose_clip(recipe, index, None)[0] for recipe in recipes)
        assert split_of(held_out.work) == "test"
        assert held_out.parts == anyones.parts
    with pytest.raises(UserError, match="no such split: tests"):
        compose(tmp_path, Recipe(split="tests"), clips=1)


def test_an_unknown_style_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such style: polka"):
        compose(tmp_path, Recipe(styles=("polka",)), clips=1)
