"""A check names every damaged file by its reason, loses none, and leaves sound music alone."""

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from odd_files import RATE, make_odd_files, put, tune
from soundfonts import INSTALLED, needs_soundfont

from musiclm.data import listen, verdicts
from musiclm.data.check import Check, check
from musiclm.data.faults import REASONS, Facts, Limits, judge
from musiclm.data.manifest import Clip, read_manifest, write_manifest
from musiclm.errors import UserError

LISTS = ("quarantine.jsonl", "warnings.jsonl", "report.json", "check.journal.jsonl")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("odd") / "music"
    return folder, make_odd_files(folder)


@pytest.fixture(scope="module")
def checked(odd: tuple[Path, dict[str, str]]) -> Check:
    return check(odd[0], odd[0].parent / "checked")


def _listed(output: Path) -> dict[str, dict]:
    files = (output / "quarantine.jsonl", output / "warnings.jsonl")
    rows = [json.loads(line) for file in files for line in file.read_text().split("\n")[:-1]]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


def _reasons(output: Path) -> dict[str, list[str]]:
    return {name: row["reasons"] for name, row in _listed(output).items()}


def _rows(manifest: Path) -> list[Clip]:
    """Clips with the paths that they were made with."""
    return [replace(clip, path=os.path.normpath(clip.path)) for clip in read_manifest(manifest)]


def _in_child(work: Callable[[], None]) -> int:
    """Run in a fork of this process; its status as `waitpid` gives it."""
    if not (child := os.fork()):
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def test_each_odd_file_is_named_by_its_reason_alone(odd, checked) -> None:
    _, expected = odd
    found = _reasons(checked.output)
    assert {name: found.get(name, []) for name in expected} == {
        name: [reason] * bool(reason) for name, reason in expected.items()
    }


def test_none_is_lost_and_the_counts_add_up(odd, checked) -> None:
    _, expected = odd
    assert checked.files == len(expected) >= 40
    assert checked.clean + checked.quarantined == checked.files
    assert set(_listed(checked.output)) <= set(expected)
    reasons = [reason for reason in expected.values() if reason]
    assert {name: tally.files for name, tally in checked.reasons.items()} == {
        name: reasons.count(name) for name in reasons
    }
    assert set(reasons) == set(REASONS) - {"wrong_seconds"}, "the set of odd files has all kinds"
    bad = len((checked.output / "quarantine.jsonl").read_text().split("\n")) - 1
    assert checked.quarantined == bad == sum(t.files for t in checked.reasons.values() if t.error)
    assert "near_duplicate" in checked.table() and f"{checked.files:8}" in checked.table()


def test_the_lists_say_where_and_why(odd, checked) -> None:
    row = _listed(checked.output)["near-4-later.wav"]
    assert row["copy_of"] == "near-0.wav" and "+2.3 s" in row["details"]["near_duplicate"]
    assert (checked.output / row["path"]).samefile(odd[0] / "near-4-later.wav")
    report = json.loads((checked.output / "report.json").read_text())
    assert report["reasons"]["truncated"]["files"] == 4
    assert report["channels"]["8"] == 1 and report["sample_rates"]["192000"] == 2
    assert checked.picture is not None and checked.picture.stat().st_size > 10_000
    assert checked.passed_over[0][0] == "around", "a link to the folder itself is not followed"


def test_on_two_processes_it_is_the_same_to_the_byte(odd, checked, tmp_path) -> None:
    check(odd[0], odd[0].parent / "again", processes=2)
    for name in LISTS:
        again = odd[0].parent / "again" / name
        assert again.read_bytes() == (checked.output / name).read_bytes(), name


def test_a_check_that_is_killed_ends_with_the_same_bytes(odd, checked, monkeypatch) -> None:
    output = odd[0].parent / "killed"
    done = 0

    def die_after(count: int) -> Callable[[int], None]:
        def advance(more: int) -> None:
            nonlocal done
            done += more
            if done >= count:
                os.kill(os.getpid(), signal.SIGKILL)

        return advance

    for count in (1, 40, 98):
        status = _in_child(lambda count=count: check(odd[0], output, progress=die_after(count)))
        assert os.WTERMSIG(status) == signal.SIGKILL
        with (output / "check.journal.jsonl").open("ab") as file:
            file.write(b'["copy-0.wav", [123')  # as a kill within a write leaves it
    monkeypatch.setattr(verdicts, "draw", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert os.WTERMSIG(_in_child(lambda: check(odd[0], output))) == signal.SIGKILL
    monkeypatch.undo()
    check(odd[0], output)
    for name in LISTS:
        assert (output / name).read_bytes() == (checked.output / name).read_bytes(), name
    assert not list(output.glob(".*")), "killed writers leave nothing behind"


def test_what_is_known_is_not_read_again_unless_it_changed(tmp_path, monkeypatch) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for seed in range(3):
        put(music / f"{seed}.wav", tune(seed))
    assert check(music, tmp_path / "out").quarantined == 0
    heard: list[str] = []

    def listening() -> Callable[[str], Facts]:
        return lambda path: heard.append(path) or listen.listen(path)

    monkeypatch.setattr("musiclm.data.check.listener", listening)
    put(music / "1.wav", np.zeros(3 * RATE))
    put(music / "3.wav", tune(3))
    assert check(music, tmp_path / "out").files == 4
    assert [Path(path).name for path in heard] == ["1.wav", "3.wav"]
    assert _reasons(tmp_path / "out") == {"1.wav": ["silent"]}


def test_a_manifest_is_left_alone_and_a_clean_one_is_written_beside(tmp_path) -> None:
    rows = []
    for seed, captions in enumerate([("calm",), (), ("a\0b",), tuple("piano"), ("fine",)]):
        path = put(tmp_path / f"{seed}.wav", tune(seed))
        rows.append(Clip(str(seed), str(path), 2.5, captions=captions, labels={"tempo": seed}))
    rows += [
        Clip("long", str(put(tmp_path / "long.wav", tune(9))), 9.0, captions=("long",)),
        Clip("gone", str(tmp_path / "gone.wav"), 1.0, captions=("gone",)),
        Clip("twice", rows[0].path, 2.5, captions=("twice",)),
    ]
    manifest = tmp_path / "manifest.jsonl"
    write_manifest(manifest, rows)
    before = manifest.read_bytes()
    result = check(tmp_path, tmp_path / "out")
    assert _reasons(tmp_path / "out") == {
        "1": ["caption_missing"],
        "2": ["caption_not_text"],
        "3": ["caption_not_text"],
        "long": ["wrong_seconds"],
        "gone": ["unreadable"],
        "twice": ["duplicate"],
    }
    assert result.manifest is not None
    assert _rows(result.manifest) == [rows[0], rows[1], rows[4], rows[5]]
    strict = check(manifest, tmp_path / "out", require_captions=True, shortest=2)
    assert strict.manifest is not None and manifest.read_bytes() == before
    assert _rows(strict.manifest) == [rows[0], rows[4], rows[5]]
    with pytest.raises(UserError, match="would be replaced"):
        check(strict.manifest, tmp_path / "out")


def test_a_folder_without_sound_is_named(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no music here")
    with pytest.raises(UserError, match="no sound files"):
        check(tmp_path, tmp_path / "out")


@needs_soundfont
def test_no_clip_of_our_own_corpus_is_quarantined(tmp_path) -> None:
    from musiclm.corpus.compose import Recipe, compose

    compose(tmp_path, Recipe(5.0, 3, (INSTALLED,)), clips=36, progress=False)
    result = check(tmp_path, tmp_path / "out")
    assert result.files == result.clean == 36, (tmp_path / "out/quarantine.jsonl").read_text()


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert listen.listen(str(tmp_path / "pipe.wav")).faults == {"unreadable": "not a file"}


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_the_memory_does_not_grow_with_the_file(tmp_path, kind) -> None:
    path = tmp_path / f"long.{kind}"
    with soundfile.SoundFile(path, "w", 48_000, 2) as file:
        second = tune(1, 1.0, 48_000, 2)
        for _ in range(600):
            file.write(second)

    def measure() -> None:
        listen.listen(str(put(tmp_path / "short.wav", second, 48_000)))  # what is loaded once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = listen.listen(str(path)).seconds
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        (tmp_path / "grown").write_text(f"{seconds} {grown / 1024}")

    _in_child(measure)
    seconds, megabytes = map(float, (tmp_path / "grown").read_text().split())
    assert seconds == 600 and megabytes < 20, "decoded it is 230 MB"


def test_a_copy_in_another_shape_is_no_reason_to_lose_the_better_one(tmp_path) -> None:
    wave = tune(5, 12.0)
    put(tmp_path / "a-excerpt.wav", wave[3 * RATE : 9 * RATE])
    put(tmp_path / "b-whole.wav", wave)
    put(tmp_path / "c-damaged.wav", wave)
    data = (tmp_path / "c-damaged.wav").read_bytes()
    (tmp_path / "c-damaged.wav").write_bytes(data[:-5000])
    louder = soxr.resample(wave * 1.5, RATE, 44_100)
    put(tmp_path / "d-other-rate.flac", louder, 44_100)
    check(tmp_path, tmp_path / "out")
    assert _reasons(tmp_path / "out") == {
        "a-excerpt.wav": ["near_duplicate"],
        "c-damaged.wav": ["truncated"],
        "d-other-rate.flac": ["near_duplicate"],
    }


@pytest.mark.parametrize(
    ("rate", "subtype", "hertz"),
    [(8_000, "PCM_U8", 60), (24_000, "PCM_U8", 200), (192_000, "PCM_16", 40), (44_100, "ULAW", 90)],
)
def test_a_coarse_or_slow_wave_is_not_called_clipped(tmp_path, rate, subtype, hertz) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(3 * rate) / rate)
    fine = listen.listen(str(put(tmp_path / "fine.wav", 0.999 * tone, rate, subtype)))
    assert judge(fine, Limits()) == {}
    cut = listen.listen(str(put(tmp_path / "cut.wav", np.clip(2 * tone, -0.8, 0.8), rate, subtype)))
    assert list(judge(cut, Limits())) == ["clipped"]


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3", "wav"])
def test_no_damage_raises_and_sums_find_every_changed_byte(tmp_path, kind) -> None:
    rng = np.random.default_rng(0)
    whole = put(tmp_path / f"whole.{kind}", tune(1, 1.5)).read_bytes()
    path = tmp_path / f"damaged.{kind}"
    for trial in range(40):
        data = bytearray(whole)
        place = int(rng.integers(9_000 if kind in ("flac", "ogg") else 0, len(data) - 400))
        if trial % 2:
            data[place] ^= 1 << int(rng.integers(8))
        else:
            del data[place : place + int(rng.integers(1, 300))]
        path.write_bytes(data)
        facts = listen.listen(str(path))
        assert facts.faults or kind in ("mp3", "wav"), (trial, place)
        assert set(facts.faults) <= set(REASONS)
    shutil.copy(tmp_path / f"whole.{kind}", path)
    assert listen.listen(str(path)).faults == {}
