"""The whole story at tiny size: compose, train every part, tokenise, generate; each part learns."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from soundfonts import needs_soundfont

from musiclm.mulan.losses import chance

ROOT = Path(__file__).parents[1]
LEGS, LEG, AGAIN = 30, 60, 75  # at most, seconds of each, and the code that asks for another

pytestmark = needs_soundfont


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    (folder / "musiclm").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m musiclm "$@"\n')
    (folder / "musiclm").chmod(0o755)
    environment = os.environ | {"MUSICLM": str(folder / "musiclm"), "OMP_NUM_THREADS": "1"}
    (folder / "out").mkdir()
    recipes = ROOT / "recipes"
    for _ in range(LEGS):  # each stopped wherever it is, as on a machine that is lent for minutes
        done = subprocess.run(
            ["bash", recipes / "legs.sh", str(LEG), recipes / "tiny.sh", folder / "tiny"],
            env=environment | {"PYTHONPATH": str(ROOT), "OUT": str(folder / "out")},
            capture_output=True,
            text=True,
        )
        if done.returncode != AGAIN:
            break
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "tiny"


def log(story, noun):
    rows = (story / "runs" / noun / "log.jsonl").read_text().splitlines()
    return [json.loads(row) for row in rows]


def last(story, noun, term):
    values = [row[term] for row in log(story, noun) if term in row]
    return sum(values[-2:]) / len(values[-2:])


def first(story, noun, term):
    return next(row[term] for row in log(story, noun) if term in row)


def test_the_story_ends_with_sound(story):
    samples, rate = soundfile.read(story / "first.wav")
    assert rate == 24_000 and len(samples) == 96_000 and abs(samples).max() > 0.01


def test_what_a_leg_finished_leaves_the_machine_in_pieces(story):
    """The pieces of a part, put together, are the part; none is larger than may travel."""
    for part in sorted((story / "system").glob("*.safetensors")):
        pieces = sorted((story.parent / "out").glob(part.name + ".*"))
        assert b"".join(piece.read_bytes() for piece in pieces) == part.read_bytes()
        assert max(piece.stat().st_size for piece in pieces) <= 15 * 2**20


def test_the_codec_learns(story):
    assert last(story, "codec", "log_mel") < 0.75 * first(story, "codec", "log_mel")


def test_w2v_bert_learns(story):
    codes = json.loads((story / "runs/semantic/config.json").read_text())["model"]["codes"]
    assert last(story, "semantic", "masked") < 0.85 * math.log(codes)


def test_mulan_learns(story):
    batch = json.loads((story / "runs/mulan/config.json").read_text())["train"]["batch"]
    assert last(story, "mulan", "contrastive") < 0.8 * chance(batch)


# Fine levels are nearly noise for a model this small: there is less to learn.
@pytest.mark.parametrize(("stage", "share"), [("semantic", 0.9), ("coarse", 0.9), ("fine", 0.95)])
def test_the_stages_learn(story, stage, share):
    assert last(story, f"lm.{stage}", "model.total") < share * math.log(1024)


def test_running_it_again_does_nothing_twice(story):
    before = {path: path.stat().st_mtime_ns for path in story.glob("system/*.safetensors")}
    assert len(before) == 6
    words = ["train", "codec", "--config", str(ROOT / "configs/tiny.toml"), "--quiet"]
    words += ["--data", str(story / "corpus/manifest.jsonl"), "--system", str(story / "system")]
    again = subprocess.run(
        [sys.executable, "-m", "musiclm", *words, "--runs", str(story / "runs")],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 2 and "holds a run already" in again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in story.glob("system/*.safetensors")}
