"""w2v-BERT in training (Chung et al. 2021), then k-means over one layer (MusicLM section 3.1).

Musical features need no training: of them `MusicalTask` makes tokens by k-means alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.device import pick_device
from musiclm.semantic.losses import LOSS_WEIGHTS, collapse_warnings
from musiclm.semantic.musical_tokenizer import MusicalConfig, MusicalTokenizer
from musiclm.semantic.tokenizer import W2vBertTokenizer
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.task import Batch, Terms

VALIDATED = 64  # clips
SECONDS = 10.0  # of a crop, unless the configuration says otherwise


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
        self.crops = _crops(config, clips)
        self.seconds_per_batch = self.crops.seconds * config.batch
        valid = held_out(clips, "valid", VALIDATED)
        self.valid_wave = middles(valid, self.crops.seconds) if valid else None

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
        tokenizer = W2vBertTokenizer(self.model)
        tokenizer.to(next(self.model.parameters()).device)
        waves = _heard(self.crops, self.task_config.fit_seconds, tokenizer.mean.device)
        tokenizer.fit(waves, torch.Generator().manual_seed(self.seed))
        export(folder, self.noun, tokenizer, self.model.config)


class MusicalTask:
    """Sound alone in; no module learns by steps, `finish` clusters the musical features."""

    noun = "semantic"

    def __init__(
        self,
        model_config: MusicalConfig,
        config: TrainConfig,
        clips: Sequence[Clip],
        task_config: SemanticTaskConfig | None = None,
    ):
        self.task_config = task_config or SemanticTaskConfig()
        self.tokenizer = MusicalTokenizer(model_config).to(pick_device(config.device))
        self.modules: dict[str, nn.Module] = {}
        self.weights: dict[str, float] = {}
        self.seed = config.seed
        self.crops = _crops(config, clips)
        self.seconds_per_batch = self.crops.seconds * config.batch

    def batch(self, step: int) -> Batch:
        """Waves [b 1 t]."""
        return {"wave": self.crops.batch(step).wave}

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """None."""
        yield from ()

    def validate(self) -> dict[str, float]:
        """Nothing to validate."""
        return {}

    def samples(self, folder: Path) -> None:
        """Nothing to hear."""

    def finish(self, folder: Path) -> None:
        """Cluster the features into an alphabet, and export the tokenizer."""
        waves = _heard(self.crops, self.task_config.fit_seconds, self.tokenizer.mean.device)
        self.tokenizer.fit(waves, torch.Generator().manual_seed(self.seed))
        export(folder, self.noun, self.tokenizer, self.tokenizer.config)


def _crops(config: TrainConfig, clips: Sequence[Clip]) -> Crops:
    train = [clip for clip in clips if clip.split == "train"]
    return Crops(train, config.crop_seconds or SECONDS, config.batch, config.seed)


def _heard(crops: Crops, seconds: float, device: torch.device) -> Iterator[Tensor]:
    """The first `seconds` of training audio in the order of training, at most an epoch."""
    batch = crops.epochs.batch
    count = max(1, round(seconds / (crops.seconds * batch)))
    epoch = -(-len(crops.epochs.visits) // batch)
    for step in range(min(count, epoch)):
        yield crops.batch(step).wave.to(device)
