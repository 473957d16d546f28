"""The command line: what a person types, and one clear line when it cannot work."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile


def run(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "musiclm", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


def refused(result, *named):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2, result
    assert len(lines) == 1 and lines[0].startswith("musiclm: "), result.stderr
    for name in named:
        assert str(name) in lines[0]


def test_generate_writes_what_it_says(tiny_folder, tmp_path):
    out = tmp_path / "x.wav"
    words = ("generate", "a calm piano", "-o", out, "--duration", 1, "--model", tiny_folder)
    result = run(*words, "-n", 2, "--seed", 7, "--json")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["seed"] for row in rows] == ["7", "8"]
    for row in rows:
        samples, rate = soundfile.read(row["path"])
        assert rate == 24_000 and len(samples) == 24_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-1.wav", "x-2.wav"]


def test_continue_from_needs_no_prompt(tiny_folder, tmp_path):
    soundfile.write(tmp_path / "clip.wav", 0.2 * np.sin(np.arange(44_100) / 20), 44_100)
    words = ("generate", "--continue-from", "clip.wav", "-o", "y.flac", "--duration", 1)
    result = run(*words, "--model", tiny_folder, "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(soundfile.read(tmp_path / "y.flac")[0]) == 48_000


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["generate"], "prompt"),
        (["generate", ""], "empty"),
        (["generate", "x" * 5000], "5000 characters"),
        (["generate", "🎵"], "English"),
        (["generate", "piano", "--duration", "0"], "duration"),
        (["generate", "piano", "--duration", "-3"], "duration"),
        (["generate", "piano", "--duration", "1e9"], "duration"),
        (["generate", "piano", "--duration", "nan"], "duration"),
        (["generate", "piano", "--model", "nobody"], "nobody"),
        (["generate", "piano", "-o", "nowhere/x.wav"], "nowhere"),
        (["generate", "piano", "-o", "x.txt"], "x.txt"),
        (["generate", "piano", "--continue-from", "missing.wav"], "missing.wav"),
        (["generate", "piano", "--temperature", "1", "-1", "1"], "temperature"),
        (["info", "nobody"], "nobody"),
        (["tokenize", "missing.wav", "-o", "t"], "missing.wav"),
        (["data", "compose", "-o", "c", "--soundfont", "missing.sf2"], "missing.sf2"),
        (["train", "codec", "--config", "no.toml", "--data", "d", "--system", "s"], "no.toml"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(tmp_path, words, named):
    refused(run(*words, cwd=tmp_path), named)
    assert list(tmp_path.iterdir()) == []


def test_not_a_number_is_a_usage_error(tmp_path):
    result = run("generate", "piano", "--duration", "soon", cwd=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr


def test_truncated_weights_are_named(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "cut")
    path = tmp_path / "cut" / "codec.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    refused(run("generate", "piano", "--model", tmp_path / "cut"), "codec.safetensors")


def test_info_names_every_part(tiny_folder):
    facts = json.loads(run("info", tiny_folder, "--json").stdout)
    assert {"codec", "semantic", "mulan", "lm.semantic", "lm.coarse", "lm.fine"} == set(
        facts["parts"]
    )


def test_a_folder_becomes_a_checked_manifest(tmp_path):
    music = tmp_path / "music" / "My Album"
    music.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.1, (4, 48_000))
    for number in range(3):
        soundfile.write(music / f"{number}.wav", noise[number], 24_000)
    soundfile.write(music / "silent.wav", np.zeros(48_000), 24_000)
    (music / "text.mp3").write_text("not music")
    (music / "0.txt").write_text("a noisy piece")
    manifest = tmp_path / "m.jsonl"
    scanned = run("data", "scan", music.parent, "-o", manifest, "--licence", "CC0-1.0", "--quiet")
    assert scanned.returncode == 0, scanned.stderr
    assert "4 clips of 1 works" in scanned.stdout and "m.problems.jsonl" in scanned.stdout
    checked = run("data", "check", manifest, "-o", tmp_path / "check", "--quiet", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["quarantined"] == 1
    bad = json.loads((tmp_path / "check" / "quarantine.jsonl").read_text())
    assert "silent" in bad["path"] and "silent" in str(bad["reasons"])
    clean = tmp_path / "check" / "manifest.checked.jsonl"
    counted = json.loads(run("data", "stats", clean, "--json").stdout)
    assert counted["clips"] == 3 and counted["licences"] == {"CC0-1.0": 0.0017}
    assert counted["captions"]["clips_with"] == 1
    assert "distinct captions" in run("data", "stats", clean).stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data", "scan", "nowhere", "-o", "m.jsonl"], "nowhere"),
        (["data", "scan", ".", "-o", "m.jsonl"], "WAV"),
        (["data", "scan", ".", "-o", "m.txt"], "m.jsonl"),
        (["data", "check", "nowhere", "-o", "check"], "nowhere"),
        (["data", "stats", "nowhere.jsonl"], "nowhere.jsonl"),
        (["data", "compose", "-o", "c", "--style", "yodel"], "yodel"),
        (["data", "compose", "-o", "c", "--soundfont", "no.sf2"], "no.sf2"),
    ],
)
def test_mistakes_about_data_get_one_line_and_leave_nothing(words, named, tmp_path):
    refused(run(*words, "--quiet" if words[1] != "stats" else "--json", cwd=tmp_path), named)
    assert not list(tmp_path.rglob("*.jsonl"))
