"""MuLan of a system as an ear: the paper's own judge of fit (MCC, MusicLM section 4.4).

A generator that was conditioned on this MuLan pleases it more easily than it pleases others; its
name is in the report beside each figure.

    ear = MuLanEmbedder("mini")
    ear.embed(samples) @ ear.embed_text(["a calm piano piece"]).T
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float

from musiclm.evaluate.embedders.base import at_least, identity
from musiclm.mulan.mulan import MuLan
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.system import load_part, read_index, system_folder


class MuLanEmbedder:
    """Unit vectors of windows and of sentences, as the towers give them."""

    def __init__(self, model: str | Path = "mini") -> None:
        """The MuLan of a released system or of a system's folder."""
        folder = system_folder(model)
        index = read_index(folder)
        part = load_part(folder, "mulan", index, torch.device("cpu"))
        assert isinstance(part, MuLanTokenizer)
        self.mulan: MuLan = part.mulan
        self.name = f"mulan ({index['name']})"
        self.sample_rate = self.mulan.config.audio.sample_rate
        self.dimension = self.mulan.config.embed_dim
        self.fingerprint = identity(self.mulan, {"kind": "mulan", "version": 1})

    @torch.no_grad()
    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """A row for each window of the configuration; the mean of them is MuLan's of the clip."""
        wave = torch.from_numpy(np.ascontiguousarray(at_least(samples, 1), dtype=np.float32))
        parts = self.mulan.windows(wave[None, None])
        return self.mulan.embed_audio(rearrange(parts, "1 w t -> w 1 t")).float().numpy()

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Sentences -> unit vectors."""
        return self.mulan.embed_text(list(texts)).float().numpy()
