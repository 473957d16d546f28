"""The picture of the README: spectrograms of what a system makes of three prompts.

python benchmarks/pictures.py docs/prompts.png
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

from musiclm import MusicLM

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

PROMPTS = (
    "a slow, calm solo piano",
    "a solo flute playing a fast folk dance, no drums",
    "an upbeat rock band with drums and electric guitar",
)


def main(path: Path) -> None:
    """Generate with seed 1 and draw."""
    clips = MusicLM.from_pretrained("mini", "cpu").generate(list(PROMPTS), 10.0, 1)
    figure, rows = plt.subplots(1, len(clips), figsize=(15, 4), sharey=True)
    for axis, clip in zip(np.atleast_1d(rows), clips, strict=True):
        axis.specgram(clip.samples + 1e-7, NFFT=1024, noverlap=768, Fs=24_000, vmin=-130, vmax=-40)
        axis.set(title=clip.metadata["prompt"], xlabel="seconds", ylim=(0, 8000))
        axis.title.set_size(9)
    rows[0].set_ylabel("Hz")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/prompts.png"))
