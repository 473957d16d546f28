"""Tables, archives and data sets of others: what they say of a recording reaches the manifest."""

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest
from small_folders import scanned, sound, tar_of

from musiclm.data.manifest import read_manifest
from musiclm.data.scan import scan
from musiclm.data.sources.found import Options
from musiclm.errors import UserError


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_audiocraft(tmp_path, name):
    songs, egs = tmp_path / "songs", tmp_path / "egs"
    egs.mkdir()
    sound(songs / "a.wav")
    (songs / "a.json").write_text(json.dumps({"description": "A harp.", "artist": "X"}))
    sound(songs / "b.wav")
    (songs / "b-info.json").write_text(json.dumps({"caption": "A lute."}))
    lines = [
        {"path": str(songs / "a.wav"), "duration": 9.9, "sample_rate": 1, "info_path": None},
        {"path": "/elsewhere/songs/b.wav", "duration": 1, "info_path": "songs/b-info.json"},
        {"path": "/elsewhere/songs/gone.wav", "duration": 1.0},
    ]
    text = "\n".join(map(json.dumps, lines)) + "\nnot json\n"
    data = text.encode()
    (egs / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    result = scan(egs, tmp_path / "out.jsonl", Options(audio=tmp_path))
    one, two = read_manifest(tmp_path / "out.jsonl")
    assert result.kind.startswith("audiocraft") and result.missing == 1
    assert one.captions == ("A harp.",) and two.captions == ("A lute.",)
    assert one.seconds == 0.25, "the header is believed, not the table"
    assert [path for path, _ in result.problems] == [f"{name}, row 4"]


def test_a_table_and_the_files_that_it_does_not_name(tmp_path):
    folder = tmp_path / "m"
    for name in ("a", "b", "c"):
        sound(folder / "clips" / f"{name}.wav", seed=ord(name))
    (folder / "songs.csv").write_text(
        "\ufeffpath,caption,licence,source,album,artist,split\n"
        'clips/a.wav,"First, of a.",CC0-1.0,web,Alb,Art,test\n'
        "clips/a.wav,Second of a.,CC0-1.0,web,Alb,Art,test\n"
        "b,Of b.,,,,,\n"
        "d.wav,Of nothing.,,,,,\n",
        encoding="utf-8",
    )
    result, rows = scanned(folder, folder / "manifest.jsonl")
    assert result.kind == "table+folder" and result.missing == 2
    assert rows["clips/a.wav"].captions == ("First, of a.", "Second of a.")
    assert (rows["clips/a.wav"].split, rows["clips/a.wav"].work) == ("test", "Art / Alb")
    assert rows["clips/a.wav"].licence == "CC0-1.0" and rows["clips/c.wav"].captions == ()
    missing = (folder / "manifest.problems.jsonl").read_text()
    assert "d.wav" in missing and missing.count("\n") == 2
    result, rows = scanned(folder / "songs.csv", tmp_path / "o.jsonl", audio=folder / "clips")
    assert list(rows) == ["clips/a.wav", "clips/b.wav"], "the rows of the table alone"
    assert rows["clips/b.wav"].captions == ("Of b.",) and result.missing == 1


def test_columns_by_name(tmp_path):
    sound(tmp_path / "m" / "a.wav")
    table = tmp_path / "m" / "t.tsv"
    table.write_text("where\tHow it sounds\tcaption\na.wav\tQuiet.\tNo\n")
    with pytest.raises(UserError, match="no column of paths"):
        scan(table, tmp_path / "o.jsonl")
    options = Options(path_column="where", caption_column="How it sounds")
    scan(tmp_path / "m", tmp_path / "o.jsonl", options)
    assert read_manifest(tmp_path / "o.jsonl")[0].captions == ("Quiet.",)
    with pytest.raises(UserError, match="no column named nowhere"):
        scan(table, tmp_path / "o.jsonl", Options(path_column="nowhere"))
    with pytest.raises(UserError, match="no column named nothing"):
        scan(table, tmp_path / "o.jsonl", Options(path_column="where", caption_column="nothing"))


def test_musiccaps(tmp_path):
    folder = tmp_path / "clips"
    names = {
        "-0Gj8-vB1q4.wav": "-0Gj8-vB1q4",
        "[_0SdAVK79lg]-[30-40].wav": "_0SdAVK79lg",
        "Some title [0vPFx-wRRI_].wav": "0vPFx-wRRI_",
        "0xzrMun0Rs9_30000_40000.wav": "0xzrMun0Rs9",
        "1EctWJ-LVmk_30.5.wav": "1EctWJ-LVmk",
        "1PvFO-IJ90Y-120.flac": None,  # another excerpt of the video
        "unrelated.wav": None,
    }
    table = ["ytid,start_s,end_s,aspect_list,caption,is_balanced_subset"]
    for name, ytid in names.items():
        sound(folder / name)
        start = 30.5 if ytid == "1EctWJ-LVmk" else 30
        if ytid:
            table.append(f'{ytid},{start},{start + 10},"[\'sad\', ""it\'s slow""]",Of {ytid}.,True')
    table += ["1PvFO-IJ90Y,30,40,[],Here.,True", "2unse-chk1A,0,10,[],Gone.,True"]
    (tmp_path / "musiccaps.csv").write_text("\n".join(table))
    options = Options(audio=folder, licence="various")
    result = scan(tmp_path / "musiccaps.csv", tmp_path / "out.jsonl", options)
    clips = {os.path.basename(clip.path): clip for clip in read_manifest(tmp_path / "out.jsonl")}
    assert result.kind == "musiccaps" and result.missing == 2 and len(clips) == 5
    for name, ytid in names.items():
        assert (name in clips) == (ytid is not None)
        if ytid:
            assert clips[name].captions == (f"Of {ytid}.", "sad, it's slow")
            assert clips[name].work == ytid and clips[name].licence == "various"
            assert clips[name].labels["caption_licence"] == "CC-BY-SA-4.0"
    assert {path for path, _ in result.problems} == {
        "clips/1PvFO-IJ90Y-120.flac",
        "clips/unrelated.wav",
    }
    (tmp_path / "deep" / "er").mkdir(parents=True)
    table = shutil.copy(tmp_path / "musiccaps.csv", tmp_path / "deep" / "er" / "m.csv")
    result = scan(Path(table), tmp_path / "far.jsonl", options)
    assert ".../unrelated.wav" in dict(result.problems) and result.clips == 5
    ids = {clip.id for clip in read_manifest(tmp_path / "far.jsonl")}
    shutil.copytree(folder, tmp_path / "other" / "place")
    elsewhere = Options(audio=tmp_path / "other" / "place")
    scan(Path(table), tmp_path / "farther.jsonl", elsewhere)
    assert ids == {clip.id for clip in read_manifest(tmp_path / "farther.jsonl")}


def test_webdataset(tmp_path):
    data = sound(tmp_path / "x.flac", 0.5).read_bytes()
    folder = tmp_path / "shards"
    tar_of(
        folder / "train-000.tar",
        {
            "a.flac": data,
            "a.txt": b"A horn.",
            "a.json": b'{"license": "CC0-1.0", "album": "Horns", "genre": "jazz"}',
            "sub/b.1.flac": data,
            "sub/b.txt": b"Of b.",
            "../evil.flac": data,
            "movie.m4a": b"x",
            "broken.flac": b"nothing",
            "c.json": b"{",
        },
    )
    whole = tar_of(folder / "more" / "test-000.tar", {f"{n}.flac": data for n in "defg"})
    whole.write_bytes(whole.read_bytes()[: -len(data) - 11_000])
    tar_of(folder / "words.tar", {"a.txt": b"text"})
    sound(folder / "loose.wav")
    result, rows = scanned(folder, tmp_path / "out.jsonl")
    assert result.kind == "webdataset+folder"
    up = "../out.unpacked"
    assert set(rows) >= {
        "loose.wav",
        f"{up}/train-000.tar/a.flac",
        f"{up}/train-000.tar/sub/b.1.flac",
        f"{up}/more/test-000.tar/d.flac",
    }
    a = rows[f"{up}/train-000.tar/a.flac"]
    assert a.captions == ("jazz", "A horn.") or a.captions == ("A horn.", "jazz")
    assert (a.licence, a.work, a.split, a.seconds) == ("CC0-1.0", "Horns", "train", 0.5)
    assert rows[f"{up}/train-000.tar/sub/b.1.flac"].captions == ("Of b.",)
    assert rows[f"{up}/more/test-000.tar/d.flac"].split == "test"
    reasons = dict(result.problems)
    assert "leads out" in reasons["train-000.tar/../evil.flac"]
    assert "recognised" in reasons["train-000.tar/broken.flac"]
    assert "train-000.tar/c.json" in reasons and "train-000.tar/movie.m4a" in reasons
    assert any("damaged" in reason for reason in reasons.values())
    assert "no recording" in reasons["words.tar"]
    assert not (tmp_path / "evil.flac").exists()
    again, same = scanned(folder, tmp_path / "out.jsonl")
    assert again.read == 0 and same == rows and again.problems == result.problems


def arrow_table(rows: list[dict[str, object]]):
    pyarrow = pytest.importorskip("pyarrow")
    audio = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    return pyarrow.Table.from_pydict(
        {
            "audio": pyarrow.array([row["audio"] for row in rows], audio),
            "caption": [row["caption"] for row in rows],
        }
    )


def test_huggingface_shards(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow.ipc
    import pyarrow.parquet

    data = sound(tmp_path / "x.mp3").read_bytes()
    folder = tmp_path / "set"
    beside = sound(folder / "train" / "beside.wav")
    rows = [
        {"audio": {"bytes": data, "path": "one.mp3"}, "caption": "One."},
        {"audio": {"bytes": data, "path": None}, "caption": "Two."},
        {"audio": {"bytes": None, "path": beside.name}, "caption": "Three."},
    ]
    with pyarrow.ipc.new_stream(
        str(folder / "train" / "data-00000-of-00001.arrow"), arrow_table(rows).schema
    ) as stream:
        stream.write_table(arrow_table(rows))
    (folder / "train" / "state.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# A set\n")
    pyarrow.parquet.write_table(arrow_table(rows[:2]), folder / "test-00000-of-00001.parquet")
    (folder / "cut.parquet").write_bytes(b"PAR1 and no more")
    result, clips = scanned(folder, folder / "manifest.jsonl")
    assert result.kind == "huggingface+folder" and result.clips == 5
    up = "manifest.unpacked"
    assert clips[f"{up}/train/data-00000-of-00001.arrow/one.mp3"].captions == ("One.",)
    assert clips[f"{up}/train/data-00000-of-00001.arrow/000001.mp3"].captions == ("Two.",)
    assert clips["train/beside.wav"].captions == ("Three.",)
    for name, clip in clips.items():
        assert clip.split == ("train" if "train/" in name else "test")
        assert clip.licence == "cc-by-4.0"
    assert [path for path, _ in result.problems] == ["cut.parquet"]
    again, same = scanned(folder, folder / "manifest.jsonl")
    assert same == clips and again.kind == result.kind


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_huggingface_audiofolder(tmp_path, kind):
    folder = tmp_path / "set"
    for split in ("train", "validation", "test"):
        sound(folder / split / "clips" / "1.wav")
        row = {"file_name": "clips/1.wav", "text": f"In {split}."}
        table = folder / split / f"metadata.{kind}"
        if kind == "csv":
            table.write_text("file_name,text\n" + ",".join(row.values()))
        elif kind == "jsonl":
            table.write_text(json.dumps(row))
        else:
            parquet = pytest.importorskip("pyarrow.parquet")
            rows = pytest.importorskip("pyarrow").Table.from_pylist([row])
            parquet.write_table(rows, table)
    result, rows = scanned(folder, tmp_path / "out.jsonl")
    assert result.kind == "huggingface+folder" and not result.problems
    assert {clip.captions[0]: clip.split for clip in rows.values()} == {
        "In train.": "train",
        "In validation.": "valid",
        "In test.": "test",
    }


def test_a_missing_pyarrow_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "data.arrow").write_bytes(b"")
    with pytest.raises(UserError, match="data.arrow needs pyarrow"):
        scan(tmp_path, tmp_path / "m.jsonl")
