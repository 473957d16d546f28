"""Autoregression: a stage writes its tokens, in windows that slide or in independent chunks.

MusicLM, section 6: a piece longer than the window is made by moving the window on by half and
keeping the last half as context. AudioLM's fine stage works in independent chunks of three
seconds, all in one batch.

>>> from musiclm.lm.decoder import DecoderConfig
>>> from musiclm.lm.model import LMConfig
>>> from musiclm.lm.stages import SEMANTIC
>>> model = StageModel(LMConfig(SEMANTIC, DecoderConfig(dim=32, layers=1, heads=2, hidden=64)))
>>> given = {"mulan": torch.zeros(1, 12).long()}
>>> generate(model.eval(), given, seconds=0.5, generators=[torch.Generator()]).shape
torch.Size([1, 13, 1])

Shapes: b batch, n frames, q levels, s steps, p prefix, d width.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.errors import UserError
from musiclm.lm.model import StageModel
from musiclm.lm.sampling import Sampling, guide, sample, uniforms
from musiclm.lm.stages import Stage
from musiclm.lm.stepping import Product, Stepper

Progress = Callable[[int, int], None]  # (steps done, steps in all)
REPORT_EVERY = 16  # steps between two calls of `progress`


@torch.inference_mode()
def generate(
    model: StageModel,
    given: Mapping[str, Int[Tensor, "..."]],
    seconds: float,
    *,
    prompt: Int[Tensor, "b p q"] | None = None,
    sampling: Sampling | None = None,
    generators: Sequence[torch.Generator],
    progress: Progress | None = None,
) -> Int[Tensor, "b n q"]:
    """The tokens of `seconds` of audio, `prompt` (what it begins with) included.

    `given` holds the stage's given tokens under their names, over the same seconds. Each sequence
    has its own generator, so that it is the same alone and in a batch.
    """
    stage = model.config.stage
    sampling = sampling or Sampling(temperature=stage.temperature)
    batch, device = len(generators), next(model.parameters()).device
    parts = {name: stage.parts[name].take(given).to(device) for name in stage.given}
    if "mulan" in parts:
        alphabet = stage.parts["mulan"]
        shallow = torch.arange(alphabet.levels, device=device) < sampling.mulan_levels
        parts["mulan"] = parts["mulan"].where(shallow, alphabet.size)
    for name, codes in parts.items():
        if len(codes) != batch:
            raise UserError(f"{len(codes)} rows of {name} tokens for {batch} generators")
    if prompt is None:
        prompt = torch.zeros(batch, 0, stage.part.levels, dtype=torch.long)
    frames = stage.part.frames(seconds)
    prompt = prompt[:, :frames].to(device)
    walk = _in_chunks if stage.chunked else _in_windows
    return walk(model, parts, prompt, frames, sampling, generators, progress)


def windows(stage: Stage, frames: int, known: int = 0) -> list[tuple[int, int]]:
    """Where each window starts and ends, so that each begins with half a window of known frames.

    >>> from musiclm.lm.stages import SEMANTIC
    >>> windows(SEMANTIC, 1500)
    [(0, 750), (375, 1125), (750, 1500)]
    """
    hop = max(stage.grain, stage.frames // 2 // stage.grain * stage.grain)
    spans = [(0, min(frames, stage.frames))]
    while spans[-1][1] < frames:
        start = spans[-1][0] + hop
        spans.append((start, min(frames, start + stage.frames)))
    return [span for span in spans if span[1] > known]


def _in_windows(
    model: StageModel,
    given: Mapping[str, Tensor],
    prompt: Tensor,
    frames: int,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    progress: Progress | None,
) -> Int[Tensor, "b n q"]:
    stage, done = model.config.stage, prompt
    spans = windows(stage, frames, known=prompt.shape[1])
    longest = max((stop - start for start, stop in spans), default=0)
    writer = Writer(model, len(generators), longest, given, sampling)
    meter = _Meter(progress, stage, spans, prompt.shape[1])
    for start, stop in spans:
        part = {name: _cut(stage, name, codes, start, stop) for name, codes in given.items()}
        window = writer.write(part, done[:, start:], stop - start, generators, meter)
        done = torch.cat([done[:, :start], window], dim=1)
    return done


def _in_chunks(
    model: StageModel,
    given: Mapping[str, Tensor],
    prompt: Tensor,
    frames: int,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    progress: Progress | None,
) -> Int[Tensor, "b n q"]:
    """All chunks in one batch; the last is padded and cut. Chunks start where the prompt ends."""
    stage, known = model.config.stage, prompt.shape[1]
    window = min(stage.frames, frames - known)
    if not window:
        return prompt
    count = -(-(frames - known) // window)
    starts = [known + index * window for index in range(count)]
    pieces = [
        {name: _cut(stage, name, codes, start, start + window) for name, codes in given.items()}
        for start in starts
    ]
    batched = {
        name: rearrange(torch.stack([piece[name] for piece in pieces], 1), "b c n q -> (b c) n q")
        for name in given
    }
    # Chunk i of a sequence draws from a generator of its own: it is the same in a longer piece.
    own = [
        torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
        for generator in generators
        for _ in starts
    ]
    writer = Writer(model, len(own), window, batched, sampling)
    meter = _Meter(progress, stage, [(0, window)], 0)
    chunks = writer.write(batched, prompt[:, :0].repeat(count, 1, 1), window, own, meter)
    chunks = rearrange(chunks, "(b c) n q -> b (c n) q", c=count)
    return torch.cat([prompt, chunks], dim=1)[:, :frames]


def _cut(stage: Stage, name: str, codes: Tensor, start: int, stop: int) -> Int[Tensor, "b n q"]:
    """The given tokens of some predicted frames, filled up with the empty id past their end."""
    part, rate = stage.parts[name], stage.part.alphabet.rate
    if not part.alphabet.rate:
        return codes
    first, last = start * part.alphabet.rate // rate, -(-stop * part.alphabet.rate // rate)
    piece = codes[:, first:last]
    missing = last - first - piece.shape[1]
    return F.pad(piece, (0, 0, 0, missing), value=part.size)


class Writer:
    """Writes windows of one stage for one batch: weights, tables and cache are made once."""

    def __init__(
        self,
        model: StageModel,
        batch: int,
        frames: int,
        given: Mapping[str, Tensor],
        sampling: Sampling,
        int8: bool | None = None,
    ) -> None:
        stage = model.config.stage
        self.model, self.stage, self.sampling = model, stage, sampling
        # Guidance runs every sequence twice, the second time without what guides it.
        guides = any(name in stage.given for name in model.config.guides)
        self.guided = sampling.cfg_scale != 1 and guides
        rows = batch * 2 if self.guided else batch
        prefix = sum(_positions(stage, name, frames) for name in stage.prefix)
        capacity = prefix + stage.order.steps(frames, stage.part.levels)
        self.stepper = Stepper(model.decoder, rows, capacity, int8=int8)
        heads = model.heads.detach().float().flatten(0, 1)
        self.heads = Product.of(heads, self.stepper.int8)
        self.table = model.own.rows().float()
        self.offsets = torch.arange(stage.part.levels, device=heads.device) * (stage.part.size + 1)

    def write(
        self,
        given: Mapping[str, Tensor],
        known: Int[Tensor, "b p q"],
        frames: int,
        generators: Sequence[torch.Generator],
        meter: "_Meter",
    ) -> Int[Tensor, "b n q"]:
        """Fill a window that begins with `known` frames."""
        stage, levels = self.stage, self.stage.part.levels
        steps = stage.order.steps(frames, levels)
        uniform = uniforms(generators, steps, levels).to(known.device)
        blank = known.new_full((len(known), frames - known.shape[1], levels), stage.part.size)
        grid = stage.order.pack(torch.cat([known, blank], dim=1), empty=stage.part.size)
        first = known.shape[1] * stage.order.stride(levels)
        conditions, x = self.begin(given, grid[:, :first], frames)
        for step in range(first, steps):
            hidden = self.stepper(x)[:, -1]
            span = stage.order.active(step, frames, levels, known.shape[1])
            logits = self.score(hidden, span)
            grid[:, step, span] = sample(logits, uniform[:, step, span], self.sampling)
            x = self.embed(grid[:, step, None])
            if conditions is not None and step + 1 < steps:
                x = x + conditions[:, step + 1, None]
            meter.tick()
        return stage.order.unpack(grid, frames)

    def begin(
        self, given: Mapping[str, Tensor], grid: Int[Tensor, "b s q"], frames: int
    ) -> tuple[Float[Tensor, "rows s2 d"] | None, Float[Tensor, "rows s3 d"]]:
        """The aligned conditions of all steps, and the inputs up to the first step to fill."""
        if self.guided:
            nothing = self.model.nothing(given)
            given = {name: torch.cat([codes, nothing[name]]) for name, codes in given.items()}
        prefix, conditions = self.model.prefix(given), self.model.conditions(given, frames)
        rows = len(grid) * 2 if self.guided else len(grid)
        start = self.model.start.expand(rows, 1, -1)
        x = torch.cat([start, self.embed(grid)], dim=1) if grid.shape[1] else start
        if conditions is not None:
            x = x + conditions[:, : x.shape[1]]
        self.stepper.reset()
        return conditions, x if prefix is None else torch.cat([prefix, x], dim=1)

    def embed(self, grid: Int[Tensor, "b s q"]) -> Float[Tensor, "rows s d"]:
        """What written steps look like to the next ones."""
        x = F.embedding(grid + self.offsets, self.table).sum(-2)
        return x.repeat(2, 1, 1) if self.guided else x

    def score(self, hidden: Float[Tensor, "rows d"], levels: slice) -> Float[Tensor, "b q v"]:
        """The guided scores of some levels."""
        size = self.stage.part.size
        scores = self.heads.outputs(levels.start * size, levels.stop * size)(hidden)
        logits = scores.float().unflatten(-1, (-1, size))
        return guide(logits, self.sampling.cfg_scale) if self.guided else logits


def _positions(stage: Stage, name: str, frames: int) -> int:
    part, rate = stage.parts[name], stage.part.alphabet.rate
    return part.levels * (-(-frames * part.alphabet.rate // rate) if part.alphabet.rate else 1)


class _Meter:
    """Counts steps and tells a caller now and then."""

    def __init__(
        self, progress: Progress | None, stage: Stage, spans: list[tuple[int, int]], known: int
    ) -> None:
        self.progress, self.done = progress, 0
        levels, reached, self.total = stage.part.levels, known, 0
        for start, stop in spans:
            steps = stage.order.steps(stop - start, levels)
            self.total += steps - (reached - start) * stage.order.stride(levels)
            reached = stop

    def tick(self) -> None:
        """One step more."""
        self.done += 1
        if self.progress and (self.done % REPORT_EVERY == 0 or self.done == self.total):
            self.progress(self.done, self.total)
