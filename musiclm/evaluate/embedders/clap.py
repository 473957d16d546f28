"""LAION-CLAP as an ear (Wu et al. 2023): sound and sentences in one space, from a folder on disk.

The CLAP score is the cosine of a clip and its caption. Checkpoints differ much: the ones trained on
music follow raters best, so the folder's name is part of the ear's name.

    ear = Clap(Path("larger_clap_music"))
    ear.embed(samples) @ ear.embed_text(["a calm piano piece"]).T
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.evaluate.embedders.base import identity, windows
from musiclm.evaluate.embedders.pretrained import beside, pretrained, read_config

WINDOWS_AT_ONCE = 8


class Clap:
    """Unit vectors of sentences, and of windows as long as its extractor says: ten seconds."""

    def __init__(self, folder: Path | str) -> None:
        """A folder with the model, its feature extractor and its tokenizer."""
        config = read_config(folder, "clap")
        self.model = pretrained("ClapModel", config, folder)
        self.extractor = beside("ClapFeatureExtractor", folder)
        self.tokenizer = beside("AutoTokenizer", folder)
        self.name = f"clap ({Path(folder).resolve().name})"
        self.sample_rate = int(self.extractor.sampling_rate)
        self.window = int(self.extractor.nb_max_samples)
        self.dimension = int(self.model.config.projection_dim)
        told = {"kind": "clap", "rate": self.sample_rate, "window": self.window}
        self.fingerprint = identity(self.model, told)

    @torch.no_grad()
    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """A row for each window; a shorter clip repeats, as in CLAP's own training."""
        parts = windows(samples, self.window)
        rows = []
        for start in range(0, len(parts), WINDOWS_AT_ONCE):
            some = list(parts[start : start + WINDOWS_AT_ONCE])
            heard = self.extractor(some, sampling_rate=self.sample_rate, return_tensors="pt")
            # Where no window is longer than ten seconds the extractor calls one of them longer, at
            # random; none of ours is.
            longer = torch.zeros(len(some), 1, dtype=torch.bool)
            features = heard["input_features"].float()
            rows.append(_pooled(self.model.get_audio_features(features, is_longer=longer)))
        return torch.cat(rows).numpy()

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Sentences -> unit vectors."""
        most = self.model.config.text_config.max_position_embeddings - 2  # RoBERTa starts at two
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=most, return_tensors="pt"
        )
        told = self.model.get_text_features(tokens["input_ids"], tokens["attention_mask"])
        return _pooled(told).numpy()


def _pooled(told: object) -> Tensor:
    """The projected vectors; older releases of the library return them bare."""
    vectors = told if isinstance(told, Tensor) else told.pooler_output  # type: ignore[attr-defined]
    return torch.nn.functional.normalize(vectors.float(), dim=-1)
