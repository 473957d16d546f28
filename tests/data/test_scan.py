"""Any folder of music becomes a manifest: nothing is lost, and growth changes nothing."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from odd_files import make_odd_files
from small_folders import scanned, sound, tar_of

from musiclm.data.manifest import Clip, split_of, write_manifest
from musiclm.data.scan import scan
from musiclm.data.sources.found import FOREIGN, Options, is_sound, suffix
from musiclm.data.sources.works import clip_id, folder_split, guess_work
from musiclm.errors import UserError


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder of loose files of several formats, captioned in several ways."""
    folder = tmp_path / "music"
    for number in range(1, 4):
        sound(folder / "Night Songs" / f"{number:02d} Moon.flac", seed=number)
    sound(folder / "wav" / "river_001.wav", 0.5)
    sound(folder / "wav" / "river_002.wav")
    sound(folder / "one.mp3")
    sound(folder / "two.ogg")
    sound(folder / "three.AIF")
    (folder / "one.txt").write_text("A calm piano,\nslow.\n\n\nA lullaby.\n")
    (folder / "two.json").write_text(
        json.dumps(
            {
                "title": "Two",
                "description": "Fast drums.",
                "genre": "rock",
                "moods": ["angry"],
                "keywords": "live, loud",
                "instrument": "drums",
                "bpm": 180,
                "key": "A minor",
                "license": "CC0-1.0",
                "source": "a garage",
                "work": "Second",
            }
        )
    )
    return folder


def test_a_folder_tree_with_sidecars(music, tmp_path):
    result, rows = scanned(music, tmp_path / "out.jsonl", licence="CC-BY-4.0", source="mine")
    assert list(rows) == sorted(rows) and len(rows) == 8 and result.kind == "folder"
    assert rows["wav/river_001.wav"].seconds == 0.5
    assert rows["one.mp3"].captions == ("A calm piano, slow.", "A lullaby.")
    assert (rows["one.mp3"].licence, rows["one.mp3"].source) == ("CC-BY-4.0", "mine")
    two = rows["two.ogg"]
    assert two.captions == ("Fast drums.", "rock, angry, drums, live, loud, 180 bpm, A minor")
    assert (two.licence, two.source, two.work) == ("CC0-1.0", "a garage", "Second")
    assert two.labels["tags"]["bpm"] == 180 and two.labels["tags"]["title"] == "Two"
    assert {rows[f"Night Songs/0{n} Moon.flac"].work for n in (1, 2, 3)} == {"Night Songs"}
    assert rows["wav/river_001.wav"].work == rows["wav/river_002.wav"].work == "river"
    assert all(clip.split == split_of(clip.work) for clip in rows.values())
    assert result.captioned == 2 and result.works == 5 and not result.problems
    assert sum(result.by_split.values()) == 8 and result.seconds == pytest.approx(2.25, abs=0.2)


def test_an_album_in_the_tags_is_the_work(tmp_path):
    sound(tmp_path / "m" / "x" / "a.flac", album="Blue", artist="Joni", license="ARR")
    sound(tmp_path / "m" / "y" / "b.flac", album="Blue", artist="Joni")
    _, rows = scanned(tmp_path / "m", tmp_path / "out.jsonl")
    assert {clip.work for clip in rows.values()} == {"Joni / Blue"}
    assert rows["x/a.flac"].licence == "ARR"


def test_growth_keeps_ids_works_and_splits_and_reads_only_what_is_new(music, tmp_path):
    before, old = scanned(music, music / "manifest.jsonl")
    assert before.read == 8
    for number in range(20):
        sound(music / f"A new album {number}" / "01.wav", seed=number)
    sound(music / "one.wav")
    sound(music / "wav" / "river_003.wav")
    (music / "wav" / "river_001.txt").write_text("A river.")
    after, new = scanned(music, music / "manifest.jsonl")
    assert after.read == 20 + 2 + 1  # the new ones, and the one with a new caption
    assert after.kind == "folder" and after.clips == 30
    for path, clip in old.items():
        assert (new[path].id, new[path].split, new[path].work) == (clip.id, clip.split, clip.work)
    assert new["wav/river_001.wav"].captions == ("A river.",)
    sound(music / "one.mp3", 1.0)
    (music / "two.ogg").unlink()
    third, rows = scanned(music, music / "manifest.jsonl")
    assert third.read == 1 and rows["one.mp3"].seconds == pytest.approx(1.0, abs=0.2)
    assert "two.ogg" not in rows and third.clips == 29
    fresh = scan(music, tmp_path / "music.jsonl")
    assert fresh.read == 29 and fresh.by_split == third.by_split


def test_workers_change_nothing(music, tmp_path):
    scan(music, tmp_path / "one.jsonl")
    scan(music, tmp_path / "two.jsonl", processes=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_no_split_divides_a_work(tmp_path):
    table = ["file,work,split"]
    for number in range(30):
        sound(tmp_path / "m" / f"{number}.wav")
        table.append(f"{number}.wav,W{number % 10},{('train', 'test')[number < 5]}")
    (tmp_path / "m" / "t.csv").write_text("\n".join(table))
    result, rows = scanned(tmp_path / "m", tmp_path / "out.jsonl")
    splits: dict[str, set[str]] = {}
    for clip in rows.values():
        splits.setdefault(clip.work, set()).add(clip.split)
    assert len(splits) == result.works == 10 and all(len(each) == 1 for each in splits.values())
    assert result.divided == 5
    assert splits["W0"] == {split_of("W0")} and splits["W9"] == {"train"}


def test_names():
    assert guess_work("Album/CD 2/01 A.wav") == "Album" and guess_work("000/000002.mp3") != "000"
    assert guess_work("song (3).wav") == guess_work("song - 04.wav") == "song"
    assert guess_work("a/b/c.wav", "file") == "a/b/c.wav" and guess_work("Bach/wav/c.wav") == "Bach"
    assert guess_work("12/34.wav", "folder") == "12" != guess_work("12/34.wav")
    assert folder_split("validation/a.wav") == "valid" == folder_split("data/val-0001.tar/a.wav")
    assert folder_split("testimony/a.wav") == "" == folder_split("train.wav")
    keys = ["a/b.wav", "a b.wav", "a-b.wav", "a/b.mp3", "ä/b.wav", "é/b.wav", "l" * 250 + ".wav"]
    ids = {clip_id(key) for key in keys}
    assert len(ids) == len(keys) and all("/" not in each and len(each) < 80 for each in ids)


def test_every_odd_file_is_in_the_manifest_or_among_the_problems(tmp_path):
    expected = make_odd_files(tmp_path / "odd")
    result, rows = scanned(tmp_path / "odd", tmp_path / "out.jsonl")
    reasons = dict(result.problems)
    assert len(expected) >= 40 and "around" in reasons
    for path, reason in expected.items():
        assert (path in rows) != (path in reasons), path
        if not reason:
            assert path in rows, reasons.get(path)
        if reason == "unreadable" and path != "header-only.flac":  # whose header is fine
            assert path in reasons, path
    lines = (tmp_path / "out.problems.jsonl").read_text().split("\n")[:-1]
    assert [tuple(json.loads(line).values()) for line in lines] == result.problems


def test_odd_things_in_a_folder(tmp_path):
    folder = tmp_path / "m"
    sound(folder / "fine.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "song.m4a").write_bytes(b"x")
    shutil.copy(folder / "fine.wav", os.fsencode(folder) + b"/\xff.wav")
    shutil.copy(folder / "fine.wav", folder / "two\u2028lines.wav")
    (folder / "fine.txt").write_bytes("Märsche".encode("latin-1"))
    (folder / "loop").symlink_to("..")
    (tmp_path / "outside").mkdir()
    sound(tmp_path / "outside" / "far.wav")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "link2").symlink_to(tmp_path / "outside")
    result, rows = scanned(folder, tmp_path / "manifest" / "m.jsonl")
    reasons = dict(result.problems)
    assert set(rows) == {"fine.wav", "link/far.wav", "two\u2028lines.wav"}
    assert rows["fine.wav"].captions == ()
    assert "UTF-8" in reasons["fine.txt"] and "UTF-8" in reasons["\\xff.wav"]
    assert "ordinary" in reasons["pipe.wav"] and ".m4a" in FOREIGN
    assert "FLAC" in reasons["song.m4a"]
    assert {"link2", "loop/m", "loop/outside"} & set(reasons) and len(reasons) >= 5


def test_a_folder_that_may_not_be_read_is_reported(tmp_path, monkeypatch):
    sound(tmp_path / "m" / "fine.wav")
    sound(tmp_path / "m" / "locked" / "a.wav")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root, who often runs tests, may read everything
    result, _ = scanned(tmp_path / "m", tmp_path / "out.jsonl")
    assert dict(result.problems) == {"locked": "folder cannot be read: Permission denied"}


def forked(work, delay: float) -> bool:
    """Run in a child that is killed after a while; whether it finished before."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    end = time.monotonic() + delay
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status == 0


def outputs(folder: Path) -> dict[str, bytes]:
    """All that a scan leaves, but for the temporary files of a kill."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.startswith(".") or path.name == ".unpacked.jsonl"
    }


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Loose files, captions, damage and tars: something to do at any moment."""
    data = sound(tmp_path / "x.wav").read_bytes()
    folder = tmp_path / "large"
    for number in range(100):
        album = folder / f"Album {number // 10}"
        album.mkdir(parents=True, exist_ok=True)
        (album / f"{number}.wav").write_bytes(data if number % 9 else data[:20])
        (album / f"{number}.txt").write_text(f"Caption {number}.")
    for shard in range(3):
        members = {f"{shard}-{n}.wav": data for n in range(30)}
        tar_of(folder / f"{shard}.tar", members | {f"{shard}-0.txt": b"The first."})
    return folder


def test_kills_at_random_moments_change_nothing(large, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start = time.perf_counter()
    scan(large, whole / "manifest.jsonl")
    span = time.perf_counter() - start
    rng, kills, ends = random.Random(0), 0, 0
    while kills < 8:
        if forked(lambda: scan(large, killed / "manifest.jsonl"), rng.uniform(0, span)):
            assert outputs(whole) == outputs(killed)
            shutil.rmtree(killed)
            ends += 1
        else:
            kills += 1
        assert ends < 40, "too slow to be killed"
    scan(large, killed / "manifest.jsonl")
    assert outputs(whole) == outputs(killed)


@pytest.mark.parametrize("after", [1, 60])
def test_a_killed_scan_goes_on_where_it_was(large, tmp_path, after):
    scan(large, tmp_path / "whole" / "manifest.jsonl")
    output, done = tmp_path / "killed" / "manifest.jsonl", []

    def suicide(count: int) -> None:
        done.append(count)
        if len(done) == after:
            os.kill(os.getpid(), signal.SIGKILL)

    assert not forked(lambda: scan(large, output, progress=suicide), 60.0)
    assert not output.exists()
    with (tmp_path / "killed" / "manifest.scan.jsonl").open("ab") as journal:
        journal.write(b'["Album 1/12.wav", [1, 2], {"sec')  # a line that was cut
    result = scan(large, output)
    assert result.read == 190 - after
    assert outputs(tmp_path / "whole") == outputs(tmp_path / "killed")


def test_mistakes_are_named(tmp_path, music):
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out" / "m.jsonl"
    with pytest.raises(UserError, match=f"{empty} holds no recordings: looked for .*WAV.*tar"):
        scan(empty, out)
    assert not out.parent.exists() or not list(out.parent.iterdir())
    with pytest.raises(UserError, match="no such folder: .*nowhere"):
        scan(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match="no such kind of folder: tape; there are auto, musiccaps"):
        scan(music, out, Options(kind="tape"))
    with pytest.raises(UserError, match="holds nothing of the kind webdataset"):
        scan(music, out, Options(kind="webdataset"))
    with pytest.raises(UserError, match=r"name it m\.jsonl"):
        scan(music, tmp_path / "m.txt")
    (tmp_path / "precious.jsonl").write_text("")
    with pytest.raises(UserError, match="precious.jsonl exists and no scan has made it"):
        scan(music, tmp_path / "precious.jsonl")
    with pytest.raises(UserError, match="neither a folder nor a table"):
        scan(music / "one.mp3", out)
    (empty / "bad.wav").write_text("text")
    with pytest.raises(UserError, match="no recording of .* 1 problem.* bad.wav: cannot be read"):
        scan(empty, out)
    (empty / "t.csv").write_text("path\na.wav\nb.wav\n")
    with pytest.raises(UserError, match="none of the 2 recordings"):
        scan(empty / "t.csv", out)


def test_a_manifest_is_a_table_too(music, tmp_path):
    clips = [
        Clip("x", str(music / "one.mp3"), 1.0, "test", "W", "S", "L", ("C",), {"style": "waltz"})
    ]
    write_manifest(music / "composed.jsonl", clips)
    _, rows = scanned(music, tmp_path / "out.jsonl")
    one = rows["one.mp3"]
    assert one.captions == ("C", "A calm piano, slow.", "A lullaby.")
    assert (one.work, one.split, one.source, one.licence) == ("W", "test", "S", "L")
    assert one.labels == {"style": "waltz"}


def test_what_counts_as_sound():
    assert is_sound("A.WAV") and is_sound("x.y.flac") and not is_sound("wav") and suffix("a") == ""
