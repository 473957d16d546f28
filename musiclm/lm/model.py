"""A stage as a model: tokens that are given, tokens that are predicted, and the loss between them.

MusicLM, section 3.2: p(semantic | MuLan) and p(acoustic | semantic, MuLan), one decoder each.

>>> from musiclm.lm.stages import SEMANTIC
>>> config = LMConfig(SEMANTIC, DecoderConfig(dim=32, layers=1, heads=2, hidden=64))
>>> model = StageModel(config)
>>> streams = {"mulan": torch.zeros(2, 12).long(), "semantic": torch.zeros(2, 25).long()}
>>> list(model.loss(streams, torch.Generator()))
['level_1']

A sequence is the prefix (one position for each given token), then one position for each step of the
pattern. The position of step s reads what step s - 1 wrote (a learned vector at the first), plus
the aligned tokens of the frame that step s begins, and predicts the cells of step s.

Shapes: b batch, n frames, q levels, s steps, p prefix, d width, v vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.errors import UserError
from musiclm.lm.decoder import Decoder, DecoderConfig, MuLanEmbedding, TokenEmbedding
from musiclm.lm.stages import SEMANTIC, Stage


@dataclass(frozen=True)
class LMConfig:
    """One stage: its row of the hierarchy, its decoder, and how training hides what it is given."""

    stage: Stage = SEMANTIC
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # Width of the MuLan centroids that MuLan tokens are read as; 0 is the paper's plain table.
    mulan_dim: int = 0
    # None of the following is in the paper. They teach what guidance needs (nothing of the streams
    # in `guides`), what a coarse match of text and audio needs (only the first MuLan levels), and
    # tolerance of the mistakes of the stage before.
    guides: tuple[str, ...] = ("mulan",)
    null_share: float = 0.1
    shallow_share: float = 0.5
    noise_share: float = 0.05
    # Rows that are told by MuLan's tokens of a caption instead of those of the sound, where a
    # recording has captions. The paper trains on sound alone.
    text_share: float = 0.0

    def __post_init__(self) -> None:
        """Shares are probabilities."""
        shares = (self.null_share, self.shallow_share, self.noise_share, self.text_share)
        if not all(0 <= share <= 1 for share in shares) or self.mulan_dim < 0:
            raise UserError(f"{self.stage.name}: shares must lie in [0, 1], mulan_dim must be >= 0")
        for name in self.guides:
            if name not in self.stage.parts:
                raise UserError(
                    f"{self.stage.name}: no stream {name!r} to guide; {list(self.stage.parts)}"
                )


def level_loss(
    hidden: Float[Tensor, "s d"], head: Float[Tensor, "v d"], target: Int[Tensor, " s"], empty: int
) -> Float[Tensor, ""]:
    """Cross-entropy of one level in nats; cells that hold `empty` cost nothing."""
    return F.cross_entropy(F.linear(hidden, head).float(), target, ignore_index=empty)


class StageModel(nn.Module):
    """p(predicted tokens | given tokens)."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.config = config
        part, dim = config.stage.part, config.decoder.dim
        self.given = nn.ModuleDict({name: self._embedding(name) for name in config.stage.given})
        self.own = TokenEmbedding(part.levels, part.size, config.decoder)
        self.start = nn.Parameter(torch.randn(dim) * part.levels**-0.5)
        self.decoder = Decoder(config.decoder)
        self.heads = nn.Parameter(torch.randn(part.levels, part.size, dim) * 0.5 * dim**-0.5)
        self.level_loss = level_loss

    def _embedding(self, name: str) -> nn.Module:
        part, config = self.config.stage.parts[name], self.config
        if name == "mulan" and config.mulan_dim:
            return MuLanEmbedding(part.levels, part.size, config.mulan_dim, config.decoder.dim)
        return TokenEmbedding(part.levels, part.size, config.decoder)

    def set_mulan_codebooks(self, codebooks: Float[Tensor, "q v d"]) -> None:
        """Read MuLan tokens as these centroids from now on; they are saved with the weights."""
        if "mulan" not in self.config.stage.given or not self.config.mulan_dim:
            raise UserError(f"stage {self.config.stage.name} reads no MuLan centroids")
        embedding = self.given["mulan"]
        assert isinstance(embedding, MuLanEmbedding)
        if embedding.codebooks.shape != codebooks.shape:
            expected, got = tuple(embedding.codebooks.shape), tuple(codebooks.shape)
            raise UserError(f"the stage expects MuLan codebooks of shape {expected}, not {got}")
        embedding.codebooks.copy_(codebooks)

    def prefix(self, given: Mapping[str, Tensor]) -> Float[Tensor, "b p d"] | None:
        """What comes before the predicted tokens: one position for each given token."""
        names = self.config.stage.prefix
        if not names:
            return None
        return torch.cat([self._embedded(name).each(given[name]) for name in names], dim=1)

    def _embedded(self, name: str) -> TokenEmbedding | MuLanEmbedding:
        embedding = self.given[name]
        assert isinstance(embedding, (TokenEmbedding, MuLanEmbedding))
        return embedding

    def conditions(self, given: Mapping[str, Tensor], frames: int) -> Float[Tensor, "b s d"] | None:
        """The aligned tokens of each step, embedded and summed."""
        stage, total = self.config.stage, None
        for name in stage.aligned:
            part, codes = stage.parts[name], given[name]
            if part.alphabet.rate:
                frame = torch.arange(frames, device=codes.device) + stage.lookahead
                places = frame * part.alphabet.rate // stage.part.alphabet.rate
                steps = stage.order.align(codes, places, stage.part.levels, empty=part.size)
                embedded = self.given[name](steps)
            else:
                embedded = self._embedded(name).each(codes).mean(dim=1, keepdim=True)
                embedded = embedded.expand(-1, stage.order.steps(frames, stage.part.levels), -1)
            total = embedded if total is None else total + embedded
        return total

    def hidden(
        self, given: Mapping[str, Tensor], codes: Int[Tensor, "b n q"]
    ) -> Float[Tensor, "b s d"]:
        """What the decoder makes of every step, from the true steps before it."""
        stage = self.config.stage
        grid = stage.order.pack(codes, empty=stage.part.size)
        start = self.start.expand(len(codes), 1, -1)
        steps = torch.cat([start, self.own(grid[:, :-1])], dim=1)
        conditions = self.conditions(given, codes.shape[1])
        if conditions is not None:
            steps = steps + conditions
        prefix = self.prefix(given)
        if prefix is None:
            return self.decoder(steps)
        return self.decoder(torch.cat([prefix, steps], dim=1))[:, prefix.shape[1] :]

    def logits(
        self, given: Mapping[str, Tensor], codes: Int[Tensor, "b n q"]
    ) -> Float[Tensor, "b n q v"]:
        """Scores of every cell, from the true steps before it."""
        hidden, frames = self.hidden(given, codes), codes.shape[1]
        levels = range(codes.shape[-1])
        return torch.stack([self._head(hidden, level, frames) for level in levels], dim=2)

    def _head(self, hidden: Tensor, level: int, frames: int) -> Float[Tensor, "b n v"]:
        stage = self.config.stage
        span = stage.order.span(level, frames, stage.part.levels)
        return F.linear(hidden[:, span], self.heads[level])

    def loss(
        self, streams: Mapping[str, Int[Tensor, "..."]], generator: torch.Generator | None = None
    ) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy of each level in nats a token; what is minimised is their mean.

        `streams` are "mulan" [b 12], "semantic" [b n] and "acoustic" [b m 12] over the same
        seconds, and "text" [b 12] MuLan's tokens of a caption where `text_share` asks for them.
        A predicted cell that holds the empty id (the alphabet's size: padding) costs nothing.
        While training, `generator` draws what is hidden from the model.
        """
        stage = self.config.stage
        if self.training:
            streams = self._told(streams, generator)
        given = {name: stage.parts[name].take(streams) for name in stage.given}
        codes = stage.part.take(streams)
        if self.training:
            given = self._hide(given, generator)
        hidden, frames = self.hidden(given, codes), codes.shape[1]
        terms = {}
        for level, name in enumerate(stage.terms):
            # A level at a time: the scores of all levels together would not fit a cache.
            span = stage.order.span(level, frames, stage.part.levels)
            own = hidden[:, span].flatten(0, 1)
            target = codes[:, :, level].flatten()
            terms[name] = self.level_loss(own, self.heads[level], target, stage.part.size)
        return terms

    def compile_for_training(self) -> None:
        """Fuse the decoder and the loss: some two thirds more steps a second on CPU or GPU.

        Costs half a minute at the first step, and needs a C++ compiler on a CPU.
        """
        self.decoder.forward = torch.compile(self.decoder.forward)  # type: ignore[method-assign]
        self.level_loss = torch.compile(level_loss)

    def nothing(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is given to the unguided half of guidance: nothing of the streams that guide."""
        return {
            name: torch.full_like(codes, self.config.stage.parts[name].size)
            if name in self.config.guides
            else codes
            for name, codes in given.items()
        }

    def _told(
        self, streams: Mapping[str, Tensor], generator: torch.Generator | None
    ) -> Mapping[str, Tensor]:
        """A share of the rows with a caption's MuLan tokens in place of the sound's."""
        share = self.config.text_share
        if not share or "mulan" not in self.config.stage.given:
            return streams
        if "text" not in streams:
            raise UserError(f"stage {self.config.stage.name}: text_share needs captions' tokens")
        mulan = streams["mulan"]
        source = generator.device if generator is not None else None
        told = torch.rand(len(mulan), 1, generator=generator, device=source) < share
        return {**streams, "mulan": streams["text"].where(told.to(mulan.device), mulan)}

    def _hide(
        self, given: Mapping[str, Tensor], generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        """Drop MuLan levels, replace some other tokens by random ones, and all in some rows."""
        config, device = self.config, next(iter(given.values())).device
        source = generator.device if generator is not None else None

        def chance(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=source).to(device)

        heard = {}
        for name, codes in given.items():
            size, levels = config.stage.parts[name].size, codes.shape[-1]
            if name == "mulan":
                keep = 1 + (chance(len(codes), 1, 1) * levels).long()
                keep = keep.masked_fill(chance(len(codes), 1, 1) >= config.shallow_share, levels)
                heard[name] = codes.masked_fill(torch.arange(levels, device=device) >= keep, size)
            else:
                noise = (chance(*codes.shape) * size).long()
                heard[name] = noise.where(chance(*codes.shape) < config.noise_share, codes)
        null = chance(len(codes), 1, 1) < config.null_share
        return {name: codes.where(null, heard[name]) for name, codes in self.nothing(heard).items()}
