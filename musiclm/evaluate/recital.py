"""Greedy continuations of examples, and how near they come: what memorisation is told from.

MusicLM, section 4.4: 125 tokens after a prompt, compared with the example's own, token by token
and by optimal transport between their histograms; the threshold is calibrated on strangers.

>>> import torch
>>> entropy(torch.tensor([[5, 5, 5, 5], [1, 2, 3, 4]])).tolist()
[0.0, 2.0]

Shapes: b examples, n tokens, v vocabulary, d width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.intervals import Estimate, share
from musiclm.evaluate.sound import Progress, chunks, load, quiet
from musiclm.evaluate.transport import histogram_costs
from musiclm.lm.generate import generate
from musiclm.lm.model import StageModel
from musiclm.lm.sampling import Sampling
from musiclm.pipeline import MusicLM
from musiclm.tokens import SEMANTIC

WRITTEN = 125  # tokens, 5 s (section 4.4)
FALSE_ALARMS = 0.01  # of the calibrated threshold
STRANGERS = 10_000  # pairs of a continuation and another example's tokens


@dataclass(frozen=True)
class Example:
    """A recording as the semantic stage met it, or would have."""

    name: str
    work: str  # examples of one work are never strangers
    trained: bool
    mulan: Int[Tensor, " 12"]
    semantic: Int[Tensor, " n"]


@dataclass(frozen=True)
class Recital:
    """Greedy continuations of some examples at one length of prompt."""

    seconds: float
    examples: tuple[Example, ...]
    written: Int[Tensor, "b n"]
    target: Int[Tensor, "b n"]
    costs: Float[Tensor, " b"]

    @property
    def exact(self) -> np.ndarray:
        """Whether every token is the example's."""
        return (self.written == self.target).all(dim=1).numpy()

    @property
    def same(self) -> np.ndarray:
        """The share of tokens that are the example's at their place."""
        return (self.written == self.target).double().mean(dim=1).numpy()


@dataclass(frozen=True)
class Threshold:
    """Costs below `value` count as approximate matches; below `strict`, no stranger was."""

    value: float
    strict: float
    strangers: Float[np.ndarray, " n"]

    @property
    def alarms(self) -> Estimate:
        """How often a stranger is called a match."""
        return share(self.strangers <= self.value)


@torch.inference_mode()
def listen(
    music: MusicLM, clips: Sequence[Clip], seconds: float, progress: Progress = quiet
) -> list[Example]:
    """Tokens of the first `seconds` of each clip, of whole frames only."""
    device = music.tokenizers.semantic.centroids.device
    found: dict[int, Example] = {}
    lasting = [int(min(clip.seconds, seconds) * SEMANTIC.rate + 1e-6) for clip in clips]
    ranked = sorted(range(len(clips)), key=lambda index: lasting[index])
    for frames, group in groupby(ranked, key=lambda index: lasting[index]):
        for part in chunks(list(group), 8):
            progress("tokens", len(found), len(clips))
            wave = load([clips[index] for index in part], frames / SEMANTIC.rate).to(device)
            mulan = music.tokenizers.mulan.tokenize_audio(wave).cpu()
            semantic = music.tokenizers.semantic.tokenize(wave).cpu()
            for index, own, ids in zip(part, mulan, semantic, strict=True):
                clip = clips[index]
                trained = clip.split == "train"
                found[index] = Example(clip.id, clip.work or clip.id, trained, own, ids[:frames])
    return [found[index] for index in range(len(clips))]


def recite(
    model: StageModel,
    centroids: Float[Tensor, "v d"],
    examples: Sequence[Example],
    lengths: Sequence[float],
    batch: int = 50,
    progress: Progress = quiet,
) -> list[Recital]:
    """What the stage writes after the first seconds of each example that is long enough."""
    recitals = []
    for done, seconds in enumerate(lengths):
        known = round(seconds * SEMANTIC.rate)
        enough = [one for one in examples if len(one.semantic) >= known + WRITTEN]
        written = []
        for index, part in enumerate(chunks(enough, batch)):
            progress("written", done * len(examples) + index * batch, len(lengths) * len(examples))
            written.append(_continued(model, part, known))
        target = torch.stack([one.semantic[known : known + WRITTEN] for one in enough])
        ours = torch.cat(written)
        costs = histogram_costs(ours, target, centroids)
        recitals.append(Recital(seconds, tuple(enough), ours, target, costs))
    return recitals


def _continued(model: StageModel, examples: Sequence[Example], known: int) -> Int[Tensor, "b n"]:
    given = {"mulan": torch.stack([one.mulan for one in examples])}
    prompt = torch.stack([one.semantic[:known] for one in examples])[..., None].long()
    whole = generate(
        model,
        given,
        (known + WRITTEN) / SEMANTIC.rate,
        prompt=prompt,
        sampling=Sampling(temperature=0.0),
        # Greedy: nothing is drawn from them.
        generators=[torch.Generator() for _ in examples],
    )
    return whole[:, known:, 0].cpu()


@torch.inference_mode()
def foretold(
    model: StageModel, examples: Sequence[Example], batch: int = 10
) -> dict[str, Float[np.ndarray, " b"]]:
    """Of each example, over a window: nats a token, and how often the likeliest token is right.

    Every token is asked for after the true ones before it, so that a stage whose own greedy
    tokens lead astray cannot hide what it knows by heart.
    """
    part, device = model.config.stage.part, next(model.parameters()).device
    nats, right = [], []
    for group in chunks(examples, batch):
        rows = [one.semantic[: model.config.stage.frames].long() for one in group]
        codes = pad_sequence(rows, batch_first=True, padding_value=part.size).to(device)
        given = {"mulan": torch.stack([one.mulan for one in group])[:, None].to(device)}
        scores = model.logits(given, codes[..., None])[:, :, 0].float()
        there = codes != part.size
        paid = F.cross_entropy(
            scores.transpose(1, 2), codes, ignore_index=part.size, reduction="none"
        )
        hits = (scores.argmax(dim=-1) == codes) & there
        nats.append(paid.sum(dim=1) / there.sum(dim=1))
        right.append(hits.sum(dim=1) / there.sum(dim=1))
    return {
        "nats_a_token": torch.cat(nats).double().cpu().numpy(),
        "likeliest_is_right": torch.cat(right).double().cpu().numpy(),
    }


def calibrate(
    recitals: Sequence[Recital],
    centroids: Float[Tensor, "v d"],
    strangers: int = STRANGERS,
    seed: int = 0,
    progress: Progress = quiet,
) -> Threshold:
    """The cost that so few continuations stay below beside the tokens of another work."""
    rng = np.random.default_rng(seed)
    costs = []
    for done, one in enumerate(recitals):
        progress("strangers", done, len(recitals))
        works = np.array([example.work for example in one.examples])
        pairs = rng.integers(len(works), size=(2 * strangers, 2))
        pairs = pairs[works[pairs[:, 0]] != works[pairs[:, 1]]]
        # A pair drawn twice tells nothing new.
        _, fresh = np.unique(pairs, axis=0, return_index=True)
        kept = np.sort(fresh)[: -(-strangers // len(recitals))]
        told, true = torch.from_numpy(pairs[kept]).T
        costs.append(histogram_costs(one.written[told], one.target[true], centroids))
    found = torch.cat(costs).double().numpy()
    if len(found) == 0:
        raise UserError("all examples are of one work: nothing tells what strangers cost")
    # The first stranger that must not match; those of the same cost do not either.
    ranked = np.sort(found)
    value = np.nextafter(ranked[math.ceil(FALSE_ALARMS * len(ranked)) - 1], -np.inf)
    return Threshold(float(value), float(np.nextafter(ranked[0], -np.inf)), found)


def entropy(ids: Int[Tensor, "b n"]) -> Float[np.ndarray, " b"]:
    """Bits of the histogram of each row."""
    counts = (ids[:, :, None] == ids[:, None, :]).double().sum(dim=2)
    return (ids.shape[1] / counts).log2().mean(dim=1).numpy()
