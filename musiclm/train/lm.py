"""The three stages in training (MusicLM section 3.2): one task over token shards for all."""

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.data.shards import ShardHeader, TokenShards
from musiclm.device import pick_device
from musiclm.errors import UserError
from musiclm.lm.model import LMConfig, StageModel
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.task import Batch, Terms

VALIDATED = 16  # batches at most
MULAN_CODEBOOKS = "given.mulan.codebooks"


class LMTask:
    """Given streams in, cross-entropy of the predicted ones out."""

    def __init__(
        self,
        model_config: LMConfig,
        config: TrainConfig,
        shards: Path,
        expect: dict[str, str] | None = None,
        mulan_codebooks: Float[Tensor, "q v d"] | None = None,
    ):
        stage = model_config.stage
        self.noun = f"lm.{stage.name}"
        self.model = StageModel(model_config)
        self.anchors: dict[str, Tensor] = {}
        if mulan_codebooks is not None and model_config.mulan_dim and "mulan" in stage.given:
            self.model.set_mulan_codebooks(mulan_codebooks)
            # A stage that goes on with another MuLan must not read its tokens as the old one's.
            self.anchors = {MULAN_CODEBOOKS: self.model.state_dict()[MULAN_CODEBOOKS].clone()}
        self.modules: dict[str, nn.Module] = {"model": self.model}
        # Together a mean over levels: the total is nats a token.
        self.weights = dict.fromkeys(stage.terms, 1 / len(stage.terms))
        lengths = (config.crop_seconds or stage.seconds, *config.crop_turns)
        names = ("crop_seconds", *("crop_turns",) * len(config.crop_turns))
        for name, length in zip(names, lengths, strict=True):
            if not 0 < length <= stage.seconds:
                raise UserError(
                    f"{self.noun}: {name} {length:g} is more than the stage's {stage.seconds:g}"
                )
        self.seconds_per_batch = lengths[0] * config.batch
        train = TokenShards(shards, expect, "train")
        self._check(model_config, shards, train.header)
        self.header = train.header
        device = pick_device(config.device)
        self.turns = [
            train.crops(length, max(1, round(self.seconds_per_batch / length)), config.seed, device)
            for length in lengths
        ]
        valid = TokenShards(shards, expect, "valid")
        self.valid: list[Batch] = []
        if any(row.frames >= valid.frames(lengths[0]) for row in valid.rows):
            crops = valid.crops(lengths[0], config.batch, config.seed)
            count = -(-len(valid.rows) // config.batch)
            self.valid = [crops(step) for step in range(min(count, VALIDATED))]
        if config.compile:
            self.model.compile_for_training()

    def _check(self, config: LMConfig, shards: Path, header: ShardHeader) -> None:
        """Refuse shards that lack what the stage reads."""
        if config.text_share and not header.captions:
            raise UserError(
                f"{self.noun}: text_share {config.text_share:g} needs captions, and {shards} "
                "was made without: tokenize with --captions"
            )
        wanted = config.stage.acoustic
        if (header.acoustic_rate, header.acoustic_levels) != (wanted.rate, wanted.levels):
            raise UserError(
                f"{shards}: {header.acoustic_rate} acoustic frames of {header.acoustic_levels} "
                f"levels a second, and {self.noun} reads {wanted.rate} of {wanted.levels}"
            )

    def batch(self, step: int) -> Batch:
        """Streams over crops of one length, each length in its turn."""
        return self.turns[step % len(self.turns)](step // len(self.turns))

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """Cross-entropy by level."""
        yield "model", self.model.loss(batch, generator)

    def validate(self) -> dict[str, float]:
        """Nats a token on held-out rows, by level and over all; a uniform guess costs `chance`."""
        device = next(self.model.parameters()).device
        sums: dict[str, float] = {}
        for batch in self.valid:
            streams = {name: tokens.to(device) for name, tokens in batch.items()}
            for name, value in self.model.loss(streams, None).items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(self.valid)
        if not sums:
            return {}
        chance = math.log(self.model.config.stage.part.size)
        return sums | {"nats": sum(sums.values()) / len(sums), "chance": chance}

    def samples(self, folder: Path) -> None:
        """Tokens make no sound without the other parts."""

    def finish(self, folder: Path) -> None:
        """Export, with the fingerprints of the tokenizers that made the tokens."""
        export(folder, self.noun, self.model, self.model.config, self.header.fingerprints)
