"""MuLan in training (arXiv 2208.12415): sound and its captions side by side, then the quantiser."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.mulan.losses import chance, contrastive_loss, recall
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.train.captions import Captions
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.run import write_json
from musiclm.train.task import Batch, Terms

VALIDATED = 500  # pairs: recall depends on how many there are to choose from
AT_ONCE = 16  # clips, outside training


@dataclass(frozen=True)
class MuLanTaskConfig:
    """What only this training knows: `[train.mulan.task]`."""

    fit_clips: int = 8192  # training clips that the quantiser is fitted on; not in the paper
    fit_crops: int = 2  # crops of each of them; not in the paper


class MuLanTask:
    """Each clip with one of its captions; everything else in the batch is a negative."""

    noun = "mulan"
    weights = {"contrastive": 1.0}

    def __init__(
        self,
        model_config: MuLanConfig,
        config: TrainConfig,
        clips: Sequence[Clip],
        task_config: MuLanTaskConfig | None = None,
        cache: Path | None = None,
    ):
        self.task_config = task_config or MuLanTaskConfig()
        captioned = [clip for clip in clips if clip.captions]
        self.train = [clip for clip in captioned if clip.split == "train"]
        if config.batch < 2 or len(self.train) < config.batch:
            raise UserError(
                f"mulan: a batch of {config.batch} pairs cannot be drawn from {len(self.train)} "
                "training clips with captions (and needs at least 2)"
            )
        self.model = MuLan(model_config)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.seed = config.seed
        self.seconds = config.crop_seconds or model_config.window_seconds
        self.crops = Crops(self.train, self.seconds, config.batch, config.seed, evenly="clips")
        self.seconds_per_batch = self.seconds * config.batch
        self.size = config.batch
        self.captions = Captions(captioned)
        if model_config.text.frozen:
            self.captions.compute(self.model, cache)
        self.valid = held_out(captioned, "valid", VALIDATED)

    def batch(self, step: int) -> Batch:
        """Waves [b 1 t] and the numbers of their captions [b]."""
        crops = self.crops.batch(step)
        rng = np.random.default_rng((self.seed, 2, step))
        return {"wave": crops.wave, "caption": self.captions.draw(crops.clips, rng)}

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """The contrastive loss; `chance` says what knowing nothing costs."""
        audio = self.model.embed_audio(batch["wave"], generator)
        text = self.captions.embed(self.model, batch["caption"])
        yield "model", {"contrastive": contrastive_loss(audio, text, self.model.log_tau)}

    def validate(self) -> dict[str, float]:
        """Retrieval among held-out pairs, the loss of batches of them, and chance beside both."""
        if len(self.valid) < 2:
            return {"chance": chance(self.size)}
        audio = self._hear(self.valid)
        text = self._read(self.valid)
        size = min(self.size, len(audio))
        batches = [
            contrastive_loss(a, t, self.model.log_tau)
            for a, t in zip(audio.split(size), text.split(size), strict=True)
            if len(a) == size
        ]
        return recall(audio, text) | {
            "recall_1_chance": 1 / len(audio),
            "contrastive": float(torch.stack(batches).mean()),
            "chance": chance(size),
            "temperature": self.model.temperature,
        }

    def _hear(self, clips: Sequence[Clip]) -> Float[Tensor, "b d"]:
        device = next(self.model.parameters()).device
        parts = [clips[first : first + AT_ONCE] for first in range(0, len(clips), AT_ONCE)]
        return torch.cat(
            [self.model.embed_audio(middles(part, self.seconds).to(device)) for part in parts]
        )

    def _read(self, clips: Sequence[Clip]) -> Float[Tensor, "b d"]:
        numbers = torch.tensor([self.captions.places[clip.id][0] for clip in clips])
        return torch.cat([self.captions.embed(self.model, part) for part in numbers.split(AT_ONCE)])

    def samples(self, folder: Path) -> None:
        """Nothing to hear."""

    def finish(self, folder: Path) -> None:
        """Fit the quantiser on training embeddings; export it with the towers."""
        tokenizer = MuLanTokenizer(self.model).eval()
        clips = min(self.task_config.fit_clips, len(self.train)) * self.task_config.fit_crops
        generator = torch.Generator().manual_seed(self.seed)
        audio, text = [], []
        for step in range(max(1, clips // self.crops.epochs.batch)):
            batch = self.batch(step)
            audio.append(self.model.embed_audio(batch["wave"].to(tokenizer.codebooks.device)))
            text.append(self.captions.embed(self.model, batch["caption"]))
        tokenizer.fit(torch.cat(audio), torch.cat(text), generator)
        export(folder, self.noun, tokenizer, self.model.config)
        if len(self.valid) >= 2:
            agreement = tokenizer.agreement(self._hear(self.valid), self._read(self.valid))
            figures = {"pairs": len(self.valid), "share": agreement.share}
            more = {"chance": agreement.chance, "cosine": agreement.cosine}
            write_json(folder / "mulan.agreement.json", figures | more)
