"""The paper's protocol: its captions, a run that goes on where it stopped, its table."""

import hashlib
import json

import pytest

from musiclm.errors import UserError
from musiclm.evaluate.clips import open_folder
from musiclm.evaluate.judges import Judges
from musiclm.evaluate.music import music
from musiclm.evaluate.musiccaps import PAPER, among, make, protocol, read_musiccaps

HEAD = "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,"
HEAD += "is_balanced_subset,is_audioset_eval\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "musiccaps.csv"
    rows = [
        f'id{i:09d},30,40,"/m/1,/m/2","[\'a\']","a calm tune,\nnumber {i}",3,{i % 2 == 0},True\n'
        for i in range(8)
    ]
    path.write_text(HEAD + "".join(rows))
    return path


def digests(clips):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in clips.glob("*.wav")}


def test_rows_and_parts_of_them(table):
    whole = read_musiccaps(table)
    assert len(whole) == 8 and {one.text for one in whole} == {
        f"a calm tune, number {i}" for i in range(8)
    }
    assert read_musiccaps(table, number=3) == whole[:3]
    assert read_musiccaps(table, number=99) == whole
    balanced = read_musiccaps(table, balanced=True)
    assert {int(one.name[2:]) % 2 for one in balanced} == {0} and len(balanced) == 4


def test_tables_that_are_not_musiccaps(tmp_path, table):
    with pytest.raises(UserError, match="no such file"):
        read_musiccaps(tmp_path / "nowhere.csv")
    with pytest.raises(UserError, match="must be 1 or more"):
        read_musiccaps(table, number=0)
    other = tmp_path / "other.csv"
    for text, said in {
        "a,b\n1,2\n": "has no column ytid, start_s, caption",
        HEAD: "has no rows",
        HEAD + "x,0,1,,,,3,False,True\n": "no ytid or no caption",
        HEAD + "x,0,1,,,a,3,False,True\n" * 2: "holds x twice",
    }.items():
        other.write_text(text)
        with pytest.raises(UserError, match=said):
            read_musiccaps(other)
    other.write_text(HEAD + "x,0,1,,,a tune,3,False,True\n")
    with pytest.raises(UserError, match="no row of the balanced subset"):
        read_musiccaps(other, balanced=True)


def test_a_run_goes_on_where_it_stopped(tiny, table, tmp_path):
    captions = read_musiccaps(table)
    at_once = digests(make(tiny, captions, tmp_path / "one", duration=1.0, batch=3))
    assert set(at_once) == {f"{one.name}.wav" for one in captions}

    def stop(what, done, total):
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tiny, captions, tmp_path / "two", duration=1.0, batch=3, progress=stop)
    clips = tmp_path / "two" / "clips"
    part = digests(clips)
    assert len(part) == 3
    stamp = (clips / f"{captions[0].name}.wav").stat().st_mtime_ns
    (clips / f"{captions[1].name}.wav").unlink()
    make(tiny, captions, tmp_path / "two", duration=1.0, batch=3)
    assert digests(clips) == at_once
    assert (clips / f"{captions[0].name}.wav").stat().st_mtime_ns == stamp
    found = open_folder(clips)
    assert {one.prompt for one in found.recordings} == {one.text for one in captions}


def test_another_run_is_not_mixed_in(tiny, table, tmp_path):
    captions = read_musiccaps(table, number=1)
    make(tiny, captions, tmp_path, duration=1.0)
    with pytest.raises(UserError, match="was begun with .* name another folder"):
        make(tiny, captions, tmp_path, duration=1.0, seed=1)


def test_a_caption_without_english_is_left_out(tiny, table, tmp_path):
    table.write_text(HEAD + "aaaaaaaaaaa,0,10,,,a tune,3,F,T\nbbbbbbbbbbb,0,10,,,音楽,3,F,T\n")
    captions = read_musiccaps(table)
    clips = make(tiny, captions, tmp_path / "run", duration=1.0)
    assert set(digests(clips)) == {"aaaaaaaaaaa.wav"}


def test_the_papers_table_stands_beside_ours(tiny, tiny_folder, table, tmp_path):
    captions = read_musiccaps(table, number=3)
    clips = make(tiny, captions, tmp_path / "run", duration=1.0)
    few = among(open_folder(clips), captions[:2])
    assert len(few.recordings) == 2
    judges = Judges.load(("mulan",), model=tiny_folder, cache=tmp_path / "cache")
    figures = protocol(music([few], judges), captions[:2])
    rows = {line["what"]: line for line in figures["tables"][-1]["rows"]}
    assert set(rows) == {*PAPER, "clips (ours)"}
    assert rows["MusicLM"]["FAD, VGGish"] == 4.0 and rows["MusicLM"]["wins of 600"] == 312
    ours = rows["clips (ours)"]
    assert ours["MuLan cycle consistency"]["n"] == 2 and ours["FAD, VGGish"] == "not measured"
    assert any("not comparable" in note for note in figures["notes"])
    with pytest.raises(UserError, match="holds no clip of the 1 captions"):
        among(few, captions[2:])


@pytest.fixture
def run(tiny_folder, tmp_path):
    from typer.testing import CliRunner

    import musiclm.cli.judging  # noqa: F401 - registers the verb
    from musiclm.cli.app import app

    def call(*words):
        own = ("--model", tiny_folder, "--cache", tmp_path / "cache", "--embedder", "mulan")
        return CliRunner().invoke(app, [str(w) for w in ("evaluate", "music", *words, *own)])

    return call


def test_the_command_makes_clips_and_a_report(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr("musiclm.evaluate.musiccaps.SECONDS", 1.0)
    out = tmp_path / "out"
    told = run("--musiccaps", table, "--number", 1, "-o", out, "--json")
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert figures["claim"] == "musiccaps" and figures["clips"][0]["folder"] == "tiny"
    assert {"index.html", "report.json", "report.md", "clips.csv", "clips"} <= {
        path.name for path in out.iterdir()
    }
    again = run(out / "clips", "--prompts", table, "--quiet")
    assert again.exit_code == 0 and "1 clip judged" in again.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a folder of clips"),
        (["nowhere"], "no such folder: nowhere"),
        (["nowhere", "--number", "3"], "--balanced and --number are of --musiccaps"),
        (["--musiccaps", "nowhere.csv"], "name a folder for them with -o"),
        (["--musiccaps", "nowhere.csv", "-o", "x"], "no such file: nowhere.csv"),
        (["nowhere", "-o", __file__], "is a file; the report needs a folder"),
        (["nowhere", "--tagger", "ear"], "no ear called 'ear'"),
    ],
)
def test_mistakes_are_one_line(run, words, said):
    told = run(*words)
    assert isinstance(told.exception, UserError) and said in str(told.exception)
