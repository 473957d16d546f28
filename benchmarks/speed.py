"""Wall time and memory of the real command line, start-up included, and the time of each stage.

    python benchmarks/speed.py --model mini --duration 10 --threads 2

Prints one JSON object. `command` is a child process from its start to its end, as a person waits
for it; `inside` is a second process that times what the first one hides.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROMPT = "a calm solo piano piece, slow"


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini", help="a released system's name, or a folder")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds of music")
    parser.add_argument("--threads", type=int, default=2, help="for PyTorch in the child")
    parser.add_argument("--repeats", type=int, default=3, help="runs of the command")
    parser.add_argument("--stages", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        print(json.dumps(stages(options.model, options.duration)))
        return
    print(json.dumps(measure(options), indent=2))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The command as a person runs it, a few times, and one look inside."""
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "musiclm", "generate", PROMPT, "--quiet"]
        command += ["-o", str(Path(folder) / "clip.wav"), "--model", options.model]
        command += ["--duration", f"{options.duration:g}", "--device", "cpu"]
        runs = [timed(command, environment) for _ in range(options.repeats)]
    inside = [sys.executable, __file__, "--stages", "--model", options.model]
    inside += ["--duration", f"{options.duration:g}"]
    looked = subprocess.run(inside, env=environment, capture_output=True, text=True, check=True)
    wall = statistics.median(run["wall_seconds"] for run in runs)
    return {
        "model": options.model,
        "duration_seconds": options.duration,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "command": {
            "wall_seconds": wall,
            "real_time_factor": options.duration / wall,
            "peak_megabytes": max(run["peak_megabytes"] for run in runs),
            "runs": runs,
        },
        "inside": json.loads(looked.stdout.splitlines()[-1]),
    }


def timed(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run to the end: wall seconds, and the peak memory of that one child."""
    began = time.monotonic()
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    told = child.stderr.read().decode(errors="replace")
    # wait4 gives the usage of this child alone; RUSAGE_CHILDREN is the largest of all so far.
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed: {told.strip()[-500:]}")
    return {
        "wall_seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": megabytes(usage),
    }


def stages(model: str, duration: float) -> dict[str, Any]:
    """Seconds of import, loading, each stage and the rest, and their real-time factors."""
    began = time.monotonic()
    from musiclm.pipeline import MusicLM

    imported = time.monotonic()
    music = MusicLM.from_pretrained(model, "cpu")
    loaded = time.monotonic()
    spans: dict[str, list[float]] = {}
    last = [loaded]

    def watch(stage: str, done: int, total: int) -> None:
        # A stage reports after each step, so its span begins where the one before ended.
        now = time.monotonic()
        spans.setdefault(stage, [last[0], now])[1] = last[0] = now

    music.generate(PROMPT, duration, 1, progress=watch)
    ended = time.monotonic()
    seconds = {"import": imported - began, "load": loaded - imported}
    seconds |= {stage: end - start for stage, (start, end) in spans.items()}
    seconds["decode"] = ended - last[0]
    generating = (*spans, "decode")
    return {
        "seconds": seconds,
        "real_time_factor": {name: duration / max(seconds[name], 1e-9) for name in generating},
        "peak_megabytes": megabytes(resource.getrusage(resource.RUSAGE_SELF)),
    }


def megabytes(usage: resource.struct_rusage) -> float:
    """Peak resident memory; the unit is kilobytes on Linux and bytes on macOS."""
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
