"""MERT as an ear (Li et al. 2023): music heard by masked prediction, from a folder on disk.

MERT-v1 has HuBERT's layout, so its weights are read into HuBERT. Versions with a second, constant-Q
input or another normalisation are refused. MAD takes the last of 24 layers.

    ear = Mert(Path("MERT-v1-95M"), layer=12)
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from musiclm.errors import UserError
from musiclm.evaluate.embedders.base import identity, windows
from musiclm.evaluate.embedders.pretrained import beside, pretrained, read_config

SECONDS = 5  # of the clips that MERT learned from
WINDOWS_AT_ONCE = 8
OTHERS = ("feature_extractor_cqt", "deepnorm")  # what HuBERT has no place for


class Mert:
    """The mean over time of one layer, for windows of five seconds at 24 kHz."""

    def __init__(self, folder: Path | str, layer: int | None = None) -> None:
        """`layer` counts from 1, 0 is what enters the first; the last by default."""
        config = read_config(folder, "mert_model", "hubert")
        for other in OTHERS:
            if config.get(other):
                raise UserError(f"{folder} is a MERT with {other}, which is not supported")
        # `attention_relax` only guards half precision against overflow: the result is the same.
        own = {k: v for k, v in config.items() if k not in (*OTHERS, "attention_relax")}
        self.model = pretrained("HubertModel", own | {"model_type": "hubert"}, folder)
        self.extractor = beside("Wav2Vec2FeatureExtractor", folder)
        layers = int(self.model.config.num_hidden_layers)
        self.layer = layers if layer is None else layer
        if not 0 <= self.layer <= layers:
            raise UserError(f"{folder} has layers 0 to {layers}, not {self.layer}")
        self.name = f"mert ({Path(folder).resolve().name}, layer {self.layer})"
        self.sample_rate = int(self.extractor.sampling_rate)
        self.dimension = int(self.model.config.hidden_size)
        told = {"kind": "mert", "layer": self.layer, "seconds": SECONDS, "rate": self.sample_rate}
        self.fingerprint = identity(self.model, told)

    @torch.no_grad()
    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """[t] -> [w d]."""
        parts = windows(samples, SECONDS * self.sample_rate)
        rows = []
        for start in range(0, len(parts), WINDOWS_AT_ONCE):
            some = list(parts[start : start + WINDOWS_AT_ONCE])
            heard = self.extractor(some, sampling_rate=self.sample_rate, return_tensors="pt")
            told = self.model(heard["input_values"].float(), output_hidden_states=True)
            rows.append(told.hidden_states[self.layer].mean(dim=1))
        return torch.cat(rows).numpy()
