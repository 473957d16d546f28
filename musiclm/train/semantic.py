"""w2v-BERT in training (Chung et al. 2021), then k-means over one layer (MusicLM section 3.1)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.semantic.losses import LOSS_WEIGHTS, collapse_warnings
from musiclm.semantic.tokenizer import fit
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.task import Batch, Terms

VALIDATED = 64  # clips


@dataclass(frozen=True)
class SemanticTaskConfig:
    """What only this training knows: `[train.semantic.task]`."""

    fit_seconds: float = 3600.0  # of training audio that k-means sees; not in the paper


class SemanticTask:
    """Sound alone in; hidden frames to guess."""

    noun = "semantic"
    weights = LOSS_WEIGHTS

    def __init__(
        self,
        model_config: W2vBertConfig,
        config: TrainConfig,
        clips: Sequence[Clip],
        task_config: SemanticTaskConfig | None = None,
    ):
        self.task_config = task_config or SemanticTaskConfig()
        self.model = W2vBert(model_config)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.seed = config.seed
        seconds = config.crop_seconds or 10.0
        self.crops = Crops(
            [clip for clip in clips if clip.split == "train"], seconds, config.batch, config.seed
        )
        self.seconds_per_batch = seconds * config.batch
        valid = held_out(clips, "valid", VALIDATED)
        self.valid_wave = middles(valid, seconds) if valid else None

    def batch(self, step: int) -> Batch:
        """Waves [b 1 t]."""
        return {"wave": self.crops.batch(step).wave}

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """Contrastive, diversity, masked prediction."""
        yield "model", self.model(batch["wave"], generator).losses

    def validate(self) -> dict[str, float]:
        """Losses and accuracies with always the same frames hidden, and the collapse alarm."""
        if self.valid_wave is None:
            return {}
        generator = torch.Generator().manual_seed(self.seed)
        device = next(self.model.parameters()).device
        parts = self.valid_wave.split(8)
        sums: dict[str, float] = {}
        for wave in parts:
            output = self.model(wave.to(device), generator)
            for name, value in (output.losses | output.metrics).items():
                sums[name] = sums.get(name, 0.0) + value.item() * len(wave) / len(self.valid_wave)
        return sums | {"collapsed": float(bool(collapse_warnings(sums)))}

    def details(self) -> Mapping[str, Any]:
        """Nothing more."""
        return {}

    def diagnose(self, figures: Mapping[str, Any]) -> list[str]:
        """The alarm for a quantiser that has collapsed, and for codes that go unused."""
        if "masked_accuracy" not in figures:  # nothing is held out
            return []
        return collapse_warnings(figures)

    def samples(self, folder: Path) -> None:
        """Nothing to hear."""

    def finish(self, folder: Path) -> None:
        """Cluster the chosen layer's features into an alphabet, and export the tokenizer."""
        device = next(self.model.parameters()).device
        count = max(1, round(self.task_config.fit_seconds / self.seconds_per_batch))
        epoch = -(-len(self.crops.epochs.visits) // self.crops.epochs.batch)
        waves = (self.crops.batch(step).wave.to(device) for step in range(min(count, epoch)))
        generator = torch.Generator().manual_seed(self.seed)
        tokenizer = fit(self.model, waves, generator=generator)
        export(folder, self.noun, tokenizer, self.model.config)
