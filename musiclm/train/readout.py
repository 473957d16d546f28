"""MuLan read anew on clips that its Transformer never met; not in the paper.

A tower of minutes knows the clips that it learned from by their timbre. On those nothing is left
to tell apart, so what only harmony tells (mode, mood) is never asked for. Some clips are therefore
kept from it. Once it is done, the stem and the Transformer stand still, and what reads them
(rhythm, harmony, the last map and the heads of both sides) learns on the kept clips. What the
Transformer makes of those is computed once: a step is a few small maps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.data.dataset import Crops
from musiclm.data.epochs import Epochs
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.mulan.audio_tower import Harmony, Heard
from musiclm.mulan.mulan import MuLan
from musiclm.train.task import Batch, Terms

WARM = 0.1  # of the steps, in which the learning rate rises
DROPPED = 0.1  # of the numbers that the Transformer gives
DECAY = 0.05  # of weights
ROWS = 64  # clips a step while harmony learns by itself
AT_ONCE = 500  # clips, outside training


@dataclass(frozen=True)
class ReadoutConfig:
    """`[train.mulan.task.readout]`."""

    # Of the training clips, the manifest's last, kept from the towers where any has our labels.
    share: float = 0.0
    steps: int = 1500
    batch: int = 256  # clips
    lr: float = 1.3e-3
    alone: float = 0.3  # of the rows, in which harmony has to tell everything
    # Before the others: beside a tower that tells most, nothing would ever set harmony going.
    harmony_steps: int = 4500
    harmony_lr: float = 3e-3
    loss_weights: dict[str, float] = field(default_factory=dict)  # over those of the towers

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not 0 <= self.share < 1 or not 0 <= self.alone < 1:
            raise UserError("train.mulan.task.readout: share and alone must lie in [0, 1)")
        if self.steps < 1 or self.harmony_steps < 0 or self.batch < 2:
            raise UserError(
                "train.mulan.task.readout: steps must be at least 1, batch at least 2, "
                "harmony_steps not negative"
            )
        if self.lr <= 0 or self.harmony_lr <= 0:
            raise UserError("train.mulan.task.readout: learning rates must be positive")


@dataclass(frozen=True)
class Remembered:
    """Crops as the stem and the Transformer hear them, in float16 on the CPU."""

    clips: Sequence[Clip]
    heard: Heard

    def take(self, rows: np.ndarray, device: torch.device) -> Heard:
        """Some of them."""
        chosen = torch.from_numpy(rows)
        return each(lambda x: x[chosen].float().to(device), self.heard)

    @torch.no_grad()
    def embed(self, model: MuLan) -> Float[Tensor, "n d"]:
        """Unit vectors of all."""
        device = next(model.parameters()).device
        parts = np.split(np.arange(len(self.clips)), range(AT_ONCE, len(self.clips), AT_ONCE))
        told = [model.audio.tell(self.take(part, device)) for part in parts]
        return F.normalize(torch.cat(told).float(), dim=-1)


@torch.no_grad()
def remember(model: MuLan, crops: Crops, count: int) -> Remembered:
    """Hear `count` crops at most, whole batches of them."""
    clips: list[Clip] = []
    parts: list[Heard] = []
    device = next(model.parameters()).device
    for step in range(max(1, count // crops.epochs.batch)):
        batch = crops.batch(step)
        clips += batch.clips
        mel = model.audio.spectrogram(batch.wave[:, 0].to(device))
        parts.append(each(lambda x: x.half().cpu(), model.audio.hear(mel)))
    return Remembered(clips, joined(parts))


def each(change: Callable[[Tensor], Tensor], heard: Heard) -> Heard:
    """The change made to whatever there is."""
    tokens, *others = heard
    return Heard(change(tokens), *(None if x is None else change(x) for x in others))


def joined(parts: Sequence[Heard]) -> Heard:
    """One batch of several."""
    tokens, *others = zip(*parts, strict=True)
    return Heard(torch.cat(tokens), *(None if x[0] is None else torch.cat(x) for x in others))


Told = Callable[[Sequence[Clip], np.random.Generator], Batch]  # what is said of some clips
Losses = Callable[[Float[Tensor, "b d"], Batch], Terms]  # of their embeddings and of that


def read_anew(
    model: MuLan,
    kept: Remembered,
    told: Told,
    losses: Losses,
    weights: Mapping[str, float],
    harmonic: Sequence[Sequence[int]],
    config: ReadoutConfig,
    seed: int,
) -> None:
    """Train what reads the Transformer; the model is left in evaluation mode.

    `harmonic` are the numbers of tags that harmony can tell, in groups. A pure function of its
    arguments: batches and dropout come from the seed.
    """
    device = next(model.parameters()).device
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(seed)
        model.train()
        alone = 0.0
        if model.audio.harmony is not None and harmonic and config.harmony_steps:
            harmony_alone(model.audio.harmony, kept, told, harmonic, config, seed)
            alone = config.alone
        picks = Epochs(np.arange(len(kept.clips)), min(config.batch, len(kept.clips)), seed)
        for step in descent(list(reading(model)), config.lr, config.steps):
            rows, _ = picks.pick(step.number)
            rng = np.random.default_rng((seed, 5, step.number))
            total = torch.zeros((), device=device)
            for part, only_chords in divided(rows, alone):
                heard = muffled(kept.take(part, device), only_chords)
                audio = F.normalize(model.audio.tell(heard).float(), dim=-1)
                said = told([kept.clips[row] for row in part], rng)
                terms = losses(audio, {name: tensor.to(device) for name, tensor in said.items()})
                for name, term in terms.items():
                    if not (only_chords and name == "contrastive"):  # they find no caption
                        total = total + weights[name] * len(part) / len(rows) * term
            step.down(total)
        model.eval()


def reading(model: MuLan) -> Iterator[nn.Parameter]:
    """The parameters of all that comes after the Transformer, and of the text's side.

    The temperature stays: on remembered clips it would fall until nothing but them fits.
    """
    audio = model.audio
    for module in (audio.rhythm, audio.harmony, audio.head, audio.project, model.text.head):
        if module is not None:
            yield from module.parameters()


def divided(rows: np.ndarray, alone: float) -> list[tuple[np.ndarray, bool]]:
    """Rows that are heard whole, and those of which harmony has to tell everything: two or none."""
    few = min(round(alone * len(rows)), len(rows) - 2)
    if few < 2:
        return [(rows, False)]
    return [(rows[:-few], False), (rows[-few:], True)]


def muffled(heard: Heard, only_chords: bool) -> Heard:
    """The semitones, and beside them nothing, or all but some numbers of the tokens."""
    tokens, tempogram, semitones = heard
    tokens = F.dropout(tokens, 1.0 if only_chords else DROPPED)
    if tempogram is not None and only_chords:
        tempogram = torch.zeros_like(tempogram)
    return Heard(tokens, tempogram, semitones)


def harmony_alone(
    harmony: Harmony,
    kept: Remembered,
    told: Told,
    harmonic: Sequence[Sequence[int]],
    config: ReadoutConfig,
    seed: int,
) -> None:
    """Let harmony learn which tags fit, through linear maps that are then thrown away."""
    said = told(kept.clips, np.random.default_rng((seed, 6)))
    fits, labelled = said["fits"], said["labelled"]
    if not len(labelled):
        return
    assert kept.heard.semitones is not None
    device = harmony.fit.weight.device
    maps = [nn.Linear(harmony.tell.out_features, len(g)).to(device) for g in harmonic]
    parameters = [p for module in (harmony, *maps) for p in module.parameters()]
    for step in descent(parameters, config.harmony_lr, config.harmony_steps):
        rng = np.random.default_rng((seed, 7, step.number))
        picked = torch.from_numpy(rng.integers(len(labelled), size=ROWS))
        semitones = kept.heard.semitones[labelled[picked]].float().to(device)
        heard, true = harmony(semitones), fits[picked].float().to(device)
        losses = [
            F.binary_cross_entropy_with_logits(linear(heard), true[:, list(group)])
            for linear, group in zip(maps, harmonic, strict=True)
        ]
        step.down(torch.stack(losses).sum())


@dataclass(frozen=True)
class Step:
    """One step of a descent: `down` takes it."""

    number: int
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    def down(self, loss: Float[Tensor, ""]) -> None:
        """Follow the gradient; UserError if there is none to follow."""
        if not bool(loss.isfinite()):
            raise UserError(
                f"mulan: reading anew stopped at step {self.number}: the loss is {loss.item():g}; "
                "try a lower train.mulan.task.readout.lr"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()


def descent(parameters: list[nn.Parameter], lr: float, steps: int) -> Iterator[Step]:
    """AdamW with a rate that rises and falls once."""
    optimizer = torch.optim.AdamW(parameters, lr, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=WARM)
    for number in range(steps):
        yield Step(number, optimizer, schedule)
