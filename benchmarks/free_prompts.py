"""Eighty sentences of free English, written by hand after no template, and what they ask for.

    python benchmarks/free_prompts.py CLIPS [--model mini] [--seed 0]
    musiclm evaluate music CLIPS --reference test/manifest.jsonl -o report

Sentences and facts lie beside this file. The clips are what `evaluate music` judges: drums, tempo
class, mode where it is said or plain, the family of a solo.
"""

import argparse
import json
from pathlib import Path

from musiclm import MusicLM
from musiclm.audio import Waveform
from musiclm.evaluate.clips import write_prompts
from musiclm.evaluate.control import sing

PROMPTS = Path(__file__).with_suffix(".jsonl")


def main() -> None:
    """Generate a clip for each sentence, ten at a time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    asked = [json.loads(line) for line in PROMPTS.read_text().splitlines()]
    texts = [row.pop("prompt") for row in asked]
    model = MusicLM.from_pretrained(arguments.model)
    waves = sing(model, texts, seed=arguments.seed, duration=10.0, batch=10)
    arguments.clips.mkdir(parents=True, exist_ok=True)
    names = [f"{i:02d}.wav" for i in range(len(texts))]
    for name, text, samples in zip(names, texts, waves, strict=True):
        Waveform(samples).save(arguments.clips / name, {"prompt": text})
    write_prompts(arguments.clips, list(zip(names, texts, asked, strict=True)))


if __name__ == "__main__":
    main()
