"""Folders become an experiment: matched by name or prompt, and what is left out is said."""

import shutil

import numpy as np
import pytest
import soundfile

from musiclm.errors import UserError
from musiclm.listen.experiment import ANCHOR, REFERENCE, gather


def refused(match, *words, **options):
    with pytest.raises(UserError, match=match) as caught:
        gather(*words, **options)
    assert "\n" not in str(caught.value)


def test_clips_are_matched_by_name(experiment, texts):
    assert experiment.systems == ("oak", "pine", "willow")
    assert [prompt.text for prompt in experiment.prompts] == texts
    assert len(experiment.groups) == 3 and len(experiment.clips) == 12
    assert experiment.notes == ()


def test_or_by_prompt_where_names_have_nothing_in_common(tmp_path, write, texts):
    for i, prompt in enumerate(texts):
        write(tmp_path / "a", f"a{i}.wav", prompt)
        write(tmp_path / "b", f"other-{3 - i}.flac", prompt)
    found = gather([tmp_path / "a", tmp_path / "b"])
    assert {prompt.text for prompt in found.prompts} == set(texts)
    assert found.clips["a", texts[0]].name == "a0.wav"
    assert found.clips["b", texts[0]].name == "other-3.flac"


def test_what_has_no_partner_is_named_and_left_out(tmp_path, write):
    for name in ("one", "two", "three", "four"):
        write(tmp_path / "a", f"{name}.wav", f"a {name}")
    write(tmp_path / "b", "one.mp3", "a one")
    write(tmp_path / "b", "two.ogg", "a different two")
    write(tmp_path / "b", "four.wav", "a four")
    (tmp_path / "b" / "broken.wav").write_bytes(b"RIFFnothing")
    samples = np.full(30_000, np.nan, np.float32)
    soundfile.write(tmp_path / "b" / "three.wav", samples, 24_000, "FLOAT")
    found = gather([tmp_path / "a", tmp_path / "b"])
    assert [prompt.key for prompt in found.prompts] == ["four", "one"]
    notes = "; ".join(found.notes)
    assert "broken.wav" in notes and "three.wav" in notes
    assert "not in every folder: three" in notes and "disagree on the prompt: two" in notes


def test_a_prompts_file_counts_more_than_the_files(folders, tmp_path):
    table = tmp_path / "prompts.csv"
    table.write_text("file,prompt\n0.wav,a new text\n1.wav,another\n")
    found = gather(folders, prompts=table)
    assert [prompt.text for prompt in found.prompts] == ["a new text", "another"]
    assert "without a prompt: 2, 3" in found.notes[0]


def test_quality_needs_no_prompts(tmp_path, write):
    for system in "ab":
        write(tmp_path / system, "1.wav", None)
    assert len(gather([tmp_path / "a", tmp_path / "b"], "quality").prompts) == 1
    refused("without a prompt: 1", [tmp_path / "a", tmp_path / "b"])


def test_folders_of_one_name_are_told_apart(tmp_path, write):
    for run in ("first", "second"):
        write(tmp_path / run / "clips", "1.wav", "a bell")
    found = gather([tmp_path / "first" / "clips", tmp_path / "second" / "clips"])
    assert found.systems == ("first/clips", "second/clips")


def test_mushra_has_a_hidden_reference_and_an_anchor(folders):
    found = gather(folders[1:], "mushra", reference=folders[0])
    assert found.groups == (("pine", "willow", REFERENCE, ANCHOR),)


def test_the_fingerprint_is_of_what_is_heard(folders, tmp_path, write, texts):
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in folders]
    whole = gather(folders).fingerprint
    assert gather(copies[::-1]).fingerprint == whole  # moved, and in another order
    write(copies[0], "0.wav", texts[0], 777.0)
    assert gather(copies).fingerprint != whole
    assert gather(folders, "quality").fingerprint != whole
    assert gather(folders, seconds=5).fingerprint != whole


def test_mistakes_are_one_line(folders, tmp_path, write):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "one", "lonely.wav", "alone")
    refused("two folders", folders[:1])
    refused("given twice", [folders[0], folders[0]])
    refused("no such folder", [folders[0], tmp_path / "nowhere"])
    refused("holds no sound files", [folders[0], tmp_path / "empty"])
    refused("nothing to compare", [folders[0], tmp_path / "one"])
    refused("needs --reference", folders, "mushra")
    refused("is for mushra", folders, reference=folders[0])
    refused("--seconds", folders, seconds=0)
    refused("no such prompts file", folders, prompts=tmp_path / "prompts.csv")
    (tmp_path / "bad.jsonl").write_text('{"nothing": 1}\n')
    refused("line 1", folders, prompts=tmp_path / "bad.jsonl")
