"""What brings the tokens of text near those of audio: variants of MuLan's quantiser, in one table.

    python benchmarks/text_gap.py --model my-system --data corpus/manifest.jsonl --held test.jsonl

The towers stay as they are; every variant is fitted on clips of the training split and their
captions, and held against clips that neither the towers nor the quantiser have met. `docs/log.md`
says what was kept.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.data.manifest import Clip, read_manifest
from musiclm.evaluate.mulan import embed_clips, embed_texts
from musiclm.evaluate.report import report, row, save, show, table
from musiclm.evaluate.retrieval import recall_row
from musiclm.evaluate.sound import sample
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.system import load_part, read_index, system_folder

SHOWN = (1, 2, 3, 4)  # levels
GROWING = (32, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024, 1024)
Pairs = tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]


def variants(config: MuLanConfig) -> dict[str, MuLanConfig]:
    """Configurations of the quantiser by what they change; the towers are the same."""
    plain = dataclasses.replace(config, level_codes=(), pair_means=False, text_map=False)
    sizes = {f"{k} codes at each level": (k,) * config.levels for k in (256, 64, 32, 16)}
    sizes["32 to 1024 codes"] = GROWING
    found = {
        "audio alone, 1024 codes at each level": plain,
        "the same, text mapped": dataclasses.replace(plain, text_map=True),
        "pair means": dataclasses.replace(plain, pair_means=True),
        "pair means, text mapped": dataclasses.replace(plain, pair_means=True, text_map=True),
    }
    for name, codes in sizes.items():
        fewer = dataclasses.replace(plain, level_codes=codes)
        found[name] = fewer
        found[f"{name}, pair means, text mapped"] = dataclasses.replace(
            fewer, pair_means=True, text_map=True
        )
    return found


def fitted(config: MuLanConfig, learned: Pairs) -> MuLanTokenizer:
    """A quantiser of one variant; its towers are never asked."""
    tokenizer = MuLanTokenizer(MuLan(config)).eval()
    tokenizer.fit(*learned, torch.Generator().manual_seed(0))
    return tokenizer


def line(name: str, tokenizer: MuLanTokenizer, held: Pairs) -> dict:
    """Agreement by level beside chance, how near the tokens are, and retrieval through them."""
    audio, text = held
    found = tokenizer.agreement(audio, text)
    cells = {f"level_{q}": f"{found.share[q - 1]:.3f} ({found.chance[q - 1]:.3f})" for q in SHOWN}
    ours = tokenizer.tokenize_embeddings(tokenizer.centre_audio(audio))
    theirs = tokenizer.tokenize_embeddings(tokenizer.centre_text(text))
    kept = torch.nn.functional.cosine_similarity(
        tokenizer.decode(ours), tokenizer.centre_audio(audio)
    )
    recall = recall_row(name, tokenizer.decode(theirs), tokenizer.decode(ours))
    both = (ours[:, :3] == theirs[:, :3]).all(dim=1).float().mean()
    return row(
        name,
        **cells,
        first_three=float(both),
        near_1=found.near[0],
        near_3=found.near[2],
        near_all=found.near[-1],
        audio_kept=float(kept.mean()),
        recall_at_10=recall["recall_at_10"]["value"],
    )


def embed(tokenizer: MuLanTokenizer, clips: list[Clip], seed: int) -> Pairs:
    """Clips and a caption of each."""
    rng = np.random.default_rng(seed)
    captions = [str(rng.choice(clip.captions)) for clip in clips]
    return embed_clips(tokenizer, clips, 8), embed_texts(tokenizer, captions)


def main() -> None:
    """Print the table; `--output` keeps it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--data", type=Path, required=True, help="a manifest to fit on")
    parser.add_argument("--held", type=Path, required=True, help="a manifest of held-out clips")
    parser.add_argument("--fit", type=int, default=4000, help="clips to fit on, at most")
    parser.add_argument("--pairs", type=int, default=1000, help="held-out clips, at most")
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    folder = system_folder(asked.model)
    tokenizer = load_part(folder, "mulan", read_index(folder), torch.device("cpu"))
    assert isinstance(tokenizer, MuLanTokenizer)
    learned = sample([c for c in read_manifest(asked.data, "train") if c.captions], asked.fit, 0)
    held = sample([c for c in read_manifest(asked.held, "test") if c.captions], asked.pairs, 0)
    pairs = embed(tokenizer, learned, 0), embed(tokenizer, held, 1)
    rows = [
        line(name, fitted(config, pairs[0]), pairs[1])
        for name, config in variants(tokenizer.mulan.config).items()
    ]
    notes = ("share of clips whose token is that of their caption, chance in brackets",)
    about = f"fitted on {len(learned)} training clips, {len(held)} held-out clips"
    figures = report("text gap", about, [table("Quantisers of the same towers", rows)], notes)
    show(figures)
    if asked.output:
        save(figures, asked.output)


if __name__ == "__main__":
    main()
