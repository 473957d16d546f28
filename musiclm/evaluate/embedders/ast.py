"""An AudioSet tagger for KLD: the Audio Spectrogram Transformer (Gong et al. 2021), from a folder.

The paper's KLD hears with a LEAF tagger of AudioSet that was not released; the field uses PaSST or
AST. As there, one distribution over all labels: the softmax of the logits.

    tagger = AstTagger(Path("ast-finetuned-audioset-10-10-0.4593"))
    dict(zip(tagger.labels, tagger.tag(samples)))
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from musiclm.evaluate.embedders.base import identity, windows
from musiclm.evaluate.embedders.pretrained import beside, pretrained, read_config

SECONDS = 10  # of a clip of AudioSet
WINDOWS_AT_ONCE = 4


class AstTagger:
    """The mean over windows of ten seconds at 16 kHz."""

    def __init__(self, folder: Path | str) -> None:
        """A folder with the model and its feature extractor."""
        config = read_config(folder, "audio-spectrogram-transformer")
        self.model = pretrained("ASTForAudioClassification", config, folder)
        self.extractor = beside("ASTFeatureExtractor", folder)
        self.name = f"ast ({Path(folder).resolve().name})"
        self.sample_rate = int(self.extractor.sampling_rate)
        names = {int(place): name for place, name in self.model.config.id2label.items()}
        self.labels: tuple[str, ...] = tuple(names[place] for place in sorted(names))
        self.groups: tuple[tuple[int, ...], ...] = (tuple(range(len(self.labels))),)
        self.fingerprint = identity(self.model, {"kind": "ast", "seconds": SECONDS})

    @torch.no_grad()
    def tag(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " c"]:
        """[t] -> [c]."""
        parts = windows(samples, SECONDS * self.sample_rate)
        rows = []
        for start in range(0, len(parts), WINDOWS_AT_ONCE):
            some = list(parts[start : start + WINDOWS_AT_ONCE])
            heard = self.extractor(some, sampling_rate=self.sample_rate, return_tensors="pt")
            rows.append(self.model(heard["input_values"].float()).logits.softmax(dim=-1))
        return torch.cat(rows).mean(dim=0).double().numpy()
