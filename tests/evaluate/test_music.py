"""Judging folders side by side: every table, paired differences, and input that is not whole."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest
import soundfile

from musiclm.audio import SAMPLE_RATE, read
from musiclm.errors import UserError
from musiclm.evaluate.clips import open_folder, open_reference, write_prompts
from musiclm.evaluate.judges import Judges, judged
from musiclm.evaluate.music import music, plain
from musiclm.evaluate.music_clips import save_csv
from musiclm.evaluate.pairing import shared
from musiclm.evaluate.report import markdown


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def judges(tiny_folder, cache):
    """The small ear only: redrawn distances of many dimensions take seconds."""
    return Judges.load(("mulan",), model=tiny_folder, cache=cache)


@pytest.fixture(scope="module")
def folders(corpus, tmp_path_factory):
    """Clips as the corpus has them, and the same prompts answered by noise of the wrong tempo."""
    root = tmp_path_factory.mktemp("systems")
    rng = np.random.default_rng(0)
    for name in ("good", "bad"):
        (root / name).mkdir()
        rows = []
        for clip in corpus[:12]:
            samples = read(clip.path).samples[: 5 * SAMPLE_RATE]
            if name == "bad":
                samples = (0.1 * rng.standard_normal(len(samples))).astype(np.float32)
            soundfile.write(root / name / f"{clip.id}.wav", samples, SAMPLE_RATE)
            rows.append((f"{clip.id}.wav", clip.captions[0], clip.labels))
        write_prompts(root / name, rows)
    return [open_folder(root / name) for name in ("good", "bad")]


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "manifest.jsonl"
    path.write_text("".join(json.dumps(vars(clip)) + "\n" for clip in corpus))
    return open_reference(path)


@pytest.fixture(scope="module")
def figures(folders, reference, tiny_folder, cache):
    judges = Judges.load(model=tiny_folder, cache=cache)
    return music(folders, judges, reference=reference)


def rows(figures, title):
    (found,) = [one["rows"] for one in figures["tables"] if one["title"].startswith(title)]
    return {(line["what"], line.get("judged_by")): line for line in found}


def test_what_was_judged_is_counted(figures):
    counted = rows(figures, "Judged")
    assert counted["good", None]["judged"] == 12 and counted["good", None]["with_facts"] == 12
    assert counted["reference", None]["judged"] == 12
    assert figures["reference"] == (
        "good: 12 clips judged; bad: 12 clips judged; "
        f"reference {figures['reference'].split('reference ')[1].split(':')[0]}: 12 clips judged"
    )
    json.dumps(figures, allow_nan=False)
    assert "| FAD, judge |" in markdown(figures)


def test_noise_is_farther_from_music(figures):
    distances = rows(figures, "Distance")
    for what in ("FAD, judge", "KAD, judge", "MAD, judge", "FAD at infinity, judge"):
        line = distances[what, None]
        assert line["good"]["value"] < line["bad"]["value"], what
        assert line["good"]["n"] == 12
    assert ("FAD, mulan (tiny)", None) in distances
    coverage = distances["coverage, judge", None]
    assert coverage["good"]["value"] > coverage["bad"]["value"]
    divergence = distances["KLD of the sets' labels, judge", None]
    assert divergence["good"]["value"] < divergence["bad"]["value"]


def test_fit_stands_beside_shuffled_pairs(figures):
    line = rows(figures, "Fit")["text and sound, mulan (tiny)", None]
    assert line["good"]["n"] == 12 and -1 <= line["good, shuffled"] <= 1


def test_control_stands_beside_chance(figures):
    control = rows(figures, "Control")
    tempo = control["tempo, half or double", "signal"]
    assert tempo["good"]["value"] > 0.9 > tempo["good, chance"]
    assert tempo["bad"]["value"] < tempo["good"]["value"]
    assert control["drums", "judge"]["good"]["n"] == 12


def test_structure_and_health(figures):
    found = rows(figures, "Structure")
    assert found["silent", None]["good"]["value"] == 0.0
    band = found["99 % of the energy below (Hz)", None]
    assert band["bad"]["value"] > 11_000 > band["good"]["value"]


def test_differences_are_over_shared_prompts(figures):
    found = rows(figures, "bad less good, over 12 shared prompts")
    line = found["FAD, judge", None]
    assert line["difference"]["low"] > 0 and line["told_apart"] == "yes"
    assert found["tempo, half or double (signal)", None]["difference"]["high"] < 0
    assert found["clipped", None]["told_apart"] == "no"


def test_a_folder_does_not_differ_from_itself(folders, reference, judges):
    again = music([folders[0], folders[0]], judges, reference=reference)
    found = rows(again, "good (2) less good (1)")
    assert all(line["told_apart"] == "no" for line in found.values())
    assert all(abs(line["difference"]["value"]) < 1e-9 for line in found.values())


def test_differences_pair_by_prompt_and_not_by_order(folders, judges):
    good = folders[0]
    turned = dataclasses.replace(good, recordings=good.recordings[::-1], name="turned")
    found = rows(music([good, turned], judges), "turned less good")
    assert all(abs(line["difference"]["value"]) < 1e-6 for line in found.values())


def test_strangers_share_no_prompts(folders, judges):
    few = dataclasses.replace(folders[0], recordings=folders[0].recordings[:3])
    other = dataclasses.replace(folders[1], recordings=folders[1].recordings[3:6])
    assert shared(few.recordings, other.recordings) == []
    found = music([few, other], judges)
    assert not any("less" in one["title"] for one in found["tables"])
    assert any("share 0 prompts" in note for note in found["notes"])


def test_a_clip_is_heard_once(folders, judges):
    told = []
    judged(folders[0], "good", judges, lambda what, done, total: told.append(what))
    kept = sorted(judges.cache.rglob("*.safetensors"))
    stamps = [path.stat().st_mtime_ns for path in kept]
    judged(folders[0], "good", judges)
    assert stamps == [path.stat().st_mtime_ns for path in kept] and kept
    assert {"analysis", "judge", "mulan (tiny)"} == set(told)


def test_paired_divergence_where_the_reference_has_the_prompts(folders, judges):
    found = rows(music([folders[1], folders[0]], judges, reference=folders[0]), "Distance")
    line = found["KLD clip by clip, judge", None]
    assert line["good"]["value"] == 0.0 < line["bad"]["value"]


def test_paired_divergence_from_a_set_that_the_prompts_describe(folders, judges, reference):
    described = music(folders, judges, reference=reference, described="good")
    line = rows(described, "Distance from the reference")["KLD clip by clip, judge", None]
    assert "good" not in line and line["bad"]["value"] > 0.0


def test_input_that_is_not_whole(tmp_path, corpus, judges, reference):
    made = tmp_path / "made"
    made.mkdir()
    for clip in corpus[:3]:
        soundfile.write(made / f"{clip.id}.wav", read(clip.path).samples[::3], 8_000)
    soundfile.write(made / "silent.flac", np.zeros(48_000), 24_000)
    bad = np.zeros(48_000, np.float32)
    bad[7] = math.inf
    soundfile.write(made / "nan.wav", bad, 24_000, subtype="FLOAT")
    (made / "broken.mp3").write_bytes(b"ID3" + bytes(200))
    found = music([open_folder(made)], judges, reference=reference)
    counted = rows(found, "Judged")["made", None]
    assert (counted["judged"], counted["not_judged"], counted["with_prompt"]) == (4, 2, 0)
    assert sorted(fault["file"].rpartition("/")[2] for fault in found["faults"]) == [
        "broken.mp3",
        "nan.wav",
    ]
    assert any("nan.wav: samples that are not finite" in note for note in found["notes"])
    assert "made: 1 of 4 clips are silent" in found["notes"]
    assert rows(found, "Distance")["FAD, mulan (tiny)", None]["made"]["n"] == 4
    json.dumps(found, allow_nan=False)


def test_one_clip(folders, judges, reference):
    alone = dataclasses.replace(folders[0], recordings=folders[0].recordings[:1])
    found = music([alone], judges, reference=reference)
    assert not any(what.startswith("FAD") for what, _ in rows(found, "Distance"))
    assert any("FAD needs 2 generated clips" in note for note in found["notes"])
    json.dumps(found, allow_nan=False)
    markdown(found)


def test_a_csv_has_a_row_for_each_clip(figures, tmp_path):
    save_csv(figures["clips"], tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 24 and lines[0]["folder"] == "good" and lines[0]["clip"] == "0"
    assert float(lines[0]["outlier (mahalanobis), judge"]) > 0


def test_nothing_to_judge(judges):
    with pytest.raises(UserError, match="no folder"):
        music([], judges)


def test_plain_leaves_numbers_alone():
    assert plain({"a": 1, "b": "x", "c": [1.5, None]}) == {"a": 1, "b": "x", "c": [1.5, None]}
