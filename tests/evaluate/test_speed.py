"""The benchmark measures one child at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
import speed  # noqa: E402


def test_a_child_is_timed_and_its_memory_is_its_own():
    # A child begins with the peak of the process that forked it, so the parent must be small.
    program = (
        "import os, sys, speed\n"
        "code = 'x = bytearray(200_000_000); import time; time.sleep(0.2)'\n"
        "heavy = speed.timed([sys.executable, '-c', code], dict(os.environ))\n"
        "small = speed.timed([sys.executable, '-c', 'pass'], dict(os.environ))\n"
        "assert heavy['wall_seconds'] >= 0.2\n"
        "assert heavy['peak_megabytes'] > small['peak_megabytes'] + 150\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=FOLDER, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_child_that_fails_says_why():
    with pytest.raises(SystemExit, match="no luck"):
        speed.timed([sys.executable, "-c", "raise SystemExit('no luck')"], dict(os.environ))


def test_every_stage_has_a_time(tiny_folder):
    seen = speed.stages(str(tiny_folder), 1.0)
    assert {"import", "load", "semantic", "coarse", "fine", "decode"} <= seen["seconds"].keys()
    assert all(seconds >= 0 for seconds in seen["seconds"].values())
    assert seen["real_time_factor"]["semantic"] > 0
