"""Folders of recordings: what is judged, what is not and why, and which prompt is whose."""

import json

import numpy as np
import pytest
import soundfile

from musiclm.audio import Waveform
from musiclm.errors import UserError
from musiclm.evaluate.clips import heard, open_folder, open_reference, write_prompts


def tone(seconds=2.0, rate=24_000, hertz=220.0):
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def save(path, samples, rate=24_000, **keywords):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **keywords)
    return path


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    for name in ("a.wav", "b.wav", "c.wav"):
        save(made / name, tone())
    return made


def prompts_of(found):
    return {one.name: one.prompt for one in found.recordings}


def test_any_format_rate_length_and_channels(tmp_path):
    made = tmp_path / "made"
    save(made / "a.wav", tone(rate=8_000), 8_000)
    save(made / "b.flac", np.stack([tone(rate=44_100)] * 2, axis=1), 44_100)
    save(made / "c.ogg", tone(3.0, 48_000), 48_000)
    save(made / "d.mp3", tone(5.0, 32_000), 32_000)
    save(made / "deeper" / "e.wav", np.stack([tone(1.5)] * 5, axis=1), subtype="FLOAT")
    found = open_folder(made)
    assert [one.name for one in found.recordings] == ["a", "b", "c", "d", "deeper/e"]
    assert not found.faults and found.name == "made" and found.counted == "5 clips judged"
    seconds = [len(heard(one)) / 24_000 for one in found.recordings]
    assert seconds == pytest.approx([2.0, 2.0, 3.0, 5.0, 1.5], abs=0.1)
    assert heard(found.recordings[0], 16_000).shape == (32_000,)
    assert heard(found.recordings[1]).dtype == np.float32


def test_what_cannot_be_judged_has_a_reason_and_the_others_are_judged(folder):
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.mp3").write_text("no music at all\n" * 100)
    (folder / "phone.m4a").write_bytes(b"....ftyp")
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    bad = tone()
    bad[100] = np.nan
    save(folder / "nan.wav", bad, subtype="FLOAT")
    save(folder / "loud.wav", 100 * tone(), subtype="FLOAT")
    save(folder / "short.wav", tone(0.2))
    save(folder / "nothing.wav", tone(0.0))
    whole = (folder / "a.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    found = open_folder(folder)
    assert [one.name for one in found.recordings] == ["a", "b", "c"]
    reasons = {one.path.name: one.reason for one in found.faults}
    for name, word in {
        "empty.wav": "empty",
        "text.mp3": "decoded",
        "phone.m4a": ".m4a files cannot be read",
        "gone.wav": "No such file",
        "nan.wav": "NaN",
        "loud.wav": "full scale",
        "short.wav": "0.2 s",
        "nothing.wav": "no sound",
        "cut.wav": "ends before",
    }.items():
        assert word in reasons.pop(name), name
    assert not reasons
    assert found.counted == "3 clips judged, 9 not"


def test_silence_and_hidden_files(folder):
    save(folder / "silent.wav", np.zeros(48_000))
    save(folder / ".partial.wav", tone())
    save(folder / ".trash" / "old.wav", tone())
    found = open_folder(folder)
    assert [one.name for one in found.recordings] == ["a", "b", "c", "silent"]


def test_the_same_name_twice_keeps_its_extension(tmp_path):
    save(tmp_path / "made" / "a.wav", tone())
    save(tmp_path / "made" / "a.flac", tone())
    save(tmp_path / "made" / "b.flac", tone())
    assert [one.name for one in open_folder(tmp_path / "made").recordings] == [
        "a.flac",
        "a.wav",
        "b",
    ]


def test_a_folder_without_anything_to_judge(tmp_path):
    with pytest.raises(UserError, match="no such folder: .*nowhere"):
        open_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no sound files"):
        open_folder(tmp_path / "empty")
    (tmp_path / "empty" / "a.wav").write_bytes(b"")
    with pytest.raises(UserError, match="none of 1 files can be judged; a.wav: .*empty"):
        open_folder(tmp_path / "empty")


def test_prompts_from_metadata(tmp_path):
    for kind in ("wav", "flac", "ogg", "mp3"):
        (tmp_path / "made").mkdir(exist_ok=True)
        path = tmp_path / "made" / f"{kind}.{kind}"
        Waveform(tone()).save(path, {"prompt": f"a tone in {kind}"})
    save(tmp_path / "made" / "none.wav", tone())
    found = prompts_of(open_folder(tmp_path / "made"))
    assert found.pop("none") is None
    assert found == {kind: f"a tone in {kind}" for kind in ("wav", "flac", "ogg", "mp3")}


def test_the_folders_own_prompts_and_their_facts(folder):
    write_prompts(
        folder,
        [("a.wav", "a calm flute", {"bpm": 70.0}), ("b.wav", None, {}), ("lost.wav", "a", {})],
    )
    found = open_folder(folder)
    assert prompts_of(found) == {"a": "a calm flute", "b": None, "c": None}
    assert [one.facts for one in found.recordings] == [{"bpm": 70.0}, {}, {}]
    (fault,) = found.faults
    assert fault.path.name == "lost.wav" and "not there" in fault.reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.jsonl", '{"file": "a.wav", "prompt": "x"}\n{"file": "b", "prompt": "y"}\n'),
        ("p.csv", 'file,prompt\na.wav,x\n"./b.wav",y\n'),
        ("p.csv", "\ufeffcaption,other,filename\nx,1,a.wav\ny,2,b.wav\n"),
        ("p.txt", "x\ny\n\n"),
    ],
)
def test_prompts_that_are_named(folder, tmp_path, name, text):
    (folder / "c.wav").unlink()
    path = tmp_path / name
    path.write_text(text if name != "p.txt" else "x\ny\n", encoding="utf-8")
    assert prompts_of(open_folder(folder, path)) == {"a": "x", "b": "y"}


def test_a_text_counts_broken_files_too(folder, tmp_path):
    (folder / "b.wav").write_bytes(b"")
    path = tmp_path / "p.txt"
    path.write_text("first\nsecond\nthird\n")
    assert prompts_of(open_folder(folder, path)) == {"a": "first", "c": "third"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "x\ny\n", "p.txt has 2 lines for 3 clips"),
        ("p.jsonl", '{"file": "z.wav", "prompt": "x"}\n', r"names 1 file \(z.wav\) not in .*made"),
        ("p.csv", "file,prompt\na.wav,x\nz1,y\nz2,y\nz3,y\nz4,y\n", "4 files .* and 1 more"),
        ("p.csv", "a,b\n1,2\n", "no columns file and prompt, but a, b"),
        ("p.csv", "file,prompt\n", "has no rows"),
        ("p.csv", "file,prompt\na.wav,x\na.wav,y\n", "line 3 names a.wav again"),
        ("p.jsonl", '{"file": "a.wav"\n', "line 1 is not"),
        ("p.jsonl", "[1, 2]\n", "line 1 is not"),
        ("p.jsonl", '{"file": "a.wav", "prompt": 3}\n', "prompt must be text"),
        ("p.jsonl", '{"file": "a.wav", "facts": [3]}\n', "facts an object"),
        ("p.json", "{}", "must be .jsonl, .csv or .txt"),
        ("p.csv", "ytid,start_s,caption\n-0Gj8-vB1q4,30,soul\n", "names none of the clips"),
    ],
)
def test_prompts_that_do_not_fit(folder, tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        open_folder(folder, path)
    assert "\n" not in str(caught.value)


def test_prompts_that_are_not_text(folder, tmp_path):
    with pytest.raises(UserError, match="no such prompts file"):
        open_folder(folder, tmp_path / "nowhere.csv")
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="cannot read the prompts"):
        open_folder(folder, tmp_path / "p.csv")


def test_musiccaps_names_clips_by_ytid(tmp_path):
    made = tmp_path / "made"
    save(made / "-0Gj8-vB1q4.wav", tone())
    save(made / "[-0vPFx-wRRI]-[30-40].wav", tone())
    save(made / "other.wav", tone())
    table = tmp_path / "musiccaps.csv"
    table.write_text(
        'ytid,start_s,end_s,caption\n-0Gj8-vB1q4,30,40,"soul,\nsad"\n'
        "-0vPFx-wRRI,30,40,a voice\n-0xzrMun0Rs,30,40,not made\n"
    )
    found = prompts_of(open_folder(made, table))
    assert found == {
        "-0Gj8-vB1q4": "soul, sad",
        "[-0vPFx-wRRI]-[30-40]": "a voice",
        "other": None,
    }


def test_a_reference_may_be_a_manifest(corpus, tmp_path):
    path = tmp_path / "manifest.jsonl"
    rows = [
        vars(clip) | {"captions": [*clip.captions, "and more words than those"]} for clip in corpus
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for place in (path, tmp_path):
        found = open_reference(place)
        assert len(found.recordings) == 12
        assert found.recordings[0].facts["tempo_class"] == "slow"
        assert found.recordings[0].prompt == max(rows[36]["captions"], key=len)
    assert len(open_reference(path, split="train").recordings) == 36
    assert len(open_reference(path, split="valid").recordings) == 48
    rows[40]["path"] = "nowhere.wav"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert open_reference(path).counted == "11 clips judged, 1 not"


def test_a_reference_may_be_a_folder(folder):
    assert open_reference(folder).counted == "3 clips judged"
