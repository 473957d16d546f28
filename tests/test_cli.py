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
