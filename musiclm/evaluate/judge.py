"""The independent judge: tells drums, solo family, tempo class, key, mode and style of a clip.

It learns from another soundfont and from pieces composed for it, so that a generator cannot please
it by sharing its faults. Not in the paper, which asked people. Across soundfonts it is weakest on
the synth family, which differs most from one to the next.

Three ears: a small convolutional network on log-mel; for tempo the autocorrelation of novelty
curves that the network learns; for key and mode the pitch classes that sound.

>>> judge = Judge(JudgeConfig()).eval()
>>> verdicts = judge.judge(torch.randn(2, 1, 48_000))
>>> len(verdicts), verdicts[0].tempo in TEMPOS
(2, True)
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE
from musiclm.checkpoint import load_tensors, load_weights, save_tensors
from musiclm.config import from_dict, to_dict
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.errors import UserError
from musiclm.evaluate.harmony import MODES, Harmony, pitch_classes
from musiclm.evaluate.labels import TEMPOS
from musiclm.nn.spectrogram import LogMel

RELEASED = Path(__file__).parent / "judge.safetensors"
RANGE = 7.0  # nepers below the loudest bin that are heard: 60 dB, less than any codec's noise floor


@dataclass(frozen=True)
class JudgeConfig:
    """Sizes; under 300,000 parameters."""

    bins: int = 64
    window: int = 1024  # samples
    hop: int = 480  # samples: 50 frames a second
    channels: tuple[int, ...] = (16, 32, 48)  # of the convolutions over time and pitch
    width: int = 96  # of what follows, over time alone
    curves: int = 16  # novelty curves
    lags: int = 150  # frames: three seconds
    dropout: float = 0.2
    styles: tuple[str, ...] = ()  # those of its training clips


@dataclass(frozen=True)
class Features:
    """What the ears hear of a batch; one row a clip."""

    log_mel: Float[Tensor, "b n d"]  # relative to the loudest bin: level does not matter
    pitches: Float[Tensor, "b 2 12"]


@dataclass(frozen=True)
class Opinion:
    """What a batch sounds like, as logits."""

    drums: Float[Tensor, " b"]
    family: Float[Tensor, "b f"]  # of the instrument that plays alone
    tempo: Float[Tensor, "b 3"]
    present: Float[Tensor, "b f"]  # families that play at all; a side task that teaches timbre
    key: Float[Tensor, "b 24"]  # tonics from C, major then minor of each
    style: Float[Tensor, "b s"]

    @property
    def mode(self) -> Float[Tensor, "b 2"]:
        """Major and minor, over all tonics."""
        return rearrange(self.key, "b (t m) -> b t m", m=len(MODES)).logsumexp(dim=1)


@dataclass(frozen=True)
class Verdict:
    """What one clip sounds like."""

    drums: bool
    family: str
    tempo: str
    mode: str
    style: str | None  # None of a judge that learned no styles


class Judge(nn.Module):
    """Waveform -> opinion."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(SAMPLE_RATE, config.window, config.hop, config.bins)
        self.timbre = Timbre(config)
        self.rhythm = Rhythm(config)
        self.dropout = nn.Dropout(config.dropout)
        self.heard = nn.Linear(2 * config.width, 1 + 2 * len(FAMILIES))
        both = 2 * config.width + self.rhythm.width
        self.tempo = nn.Linear(both, len(TEMPOS))
        self.style = nn.Linear(both, len(config.styles))
        self.harmony = Harmony()

    def features(self, wave: Float[Tensor, "b 1 t"]) -> Features:
        """What the ears hear."""
        return Features(level(self.log_mel(wave[:, 0])), pitch_classes(wave[:, 0]))

    def opinion(self, heard: Features) -> Opinion:
        """Features -> logits."""
        timbre = self.dropout(self.timbre(heard.log_mel))
        drums, family, present = self.heard(timbre).split([1, len(FAMILIES), len(FAMILIES)], dim=-1)
        both = torch.cat([timbre, self.dropout(self.rhythm(heard.log_mel))], dim=-1)
        key = rearrange(self.harmony(heard.pitches.float()), "b t m -> b (t m)")
        return Opinion(drums[:, 0], family, self.tempo(both), present, key, self.style(both))

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> Opinion:
        """Waveform -> logits."""
        return self.opinion(self.features(wave))

    @torch.no_grad()
    def judge(self, wave: Float[Tensor, "b 1 t"]) -> list[Verdict]:
        """The likeliest answer to each question, for each clip."""
        opinion = self.eval()(wave)
        styles: list[str | None] = [None] * len(wave)
        if self.config.styles:
            styles = [self.config.styles[s] for s in opinion.style.argmax(dim=-1).tolist()]
        answers = zip(
            (opinion.drums > 0).tolist(),
            opinion.family.argmax(dim=-1).tolist(),
            opinion.tempo.argmax(dim=-1).tolist(),
            opinion.mode.argmax(dim=-1).tolist(),
            styles,
            strict=True,
        )
        return [Verdict(d, FAMILIES[f], TEMPOS[t], MODES[m], s) for d, f, t, m, s in answers]

    def save(self, path: Path | str, metadata: dict[str, str] | None = None) -> None:
        """Write weights (float16) and configuration as one safetensors file."""
        half = {name: tensor.half() for name, tensor in self.state_dict().items()}
        config = json.dumps(to_dict(self.config))
        save_tensors(path, half, {"config": config, "kind": "judge"} | (metadata or {}))


def load_judge(path: Path | str = RELEASED) -> Judge:
    """A judge as `Judge.save` wrote it; the released one by default."""
    tensors, metadata = load_tensors(path)
    if metadata.get("kind") != "judge":
        raise UserError(f"{path} is not a judge; make one with: musiclm evaluate judge")
    judge = Judge(from_dict(JudgeConfig, json.loads(metadata["config"])))
    load_weights(judge, tensors, path)
    return judge.eval()


def level(log_mel: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """Clamp to RANGE below each clip's loudest bin; 0 is silence, 1 the loudest."""
    loudest = log_mel.amax(dim=(1, 2), keepdim=True)
    return (log_mel - loudest).clamp_min(-RANGE) / RANGE + 1.0


class Timbre(nn.Module):
    """What sounds: convolutions over time and pitch, then over time; mean and peak of the clip."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        first, second, third = config.channels
        self.pitch = nn.Sequential(
            _conv(1, first, kernel=5, stride=(2, 2)),
            _conv(first, second, kernel=3, stride=(2, 2)),
            _conv(second, third, kernel=3, stride=(1, 2)),
        )
        rows = -(-config.bins // 8)
        self.fold = nn.Conv1d(third * rows, config.width, 1, bias=False)
        self.norm = nn.BatchNorm1d(config.width)
        self.time = nn.ModuleList(Residual(config.width, dilation) for dilation in (1, 3))

    def forward(self, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b w"]:
        """[b n d] -> [b 2 * width]."""
        maps = self.pitch(rearrange(features, "b n d -> b 1 n d"))
        x = F.relu(self.norm(self.fold(rearrange(maps, "b c n d -> b (c d) n"))))
        for block in self.time:
            x = block(x)
        # The soft peak over time lets a single struck note speak for its instrument.
        peak = (4.0 * x).logsumexp(dim=-1) / 4.0 - torch.tensor(float(x.shape[-1])).log() / 4.0
        return torch.cat([x.mean(dim=-1), peak], dim=-1)


class Residual(nn.Module):
    """A depthwise convolution over time and a mixing of channels, added to its input."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(
            width, width, 5, padding=2 * dilation, dilation=dilation, groups=width, bias=False
        )
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Float[Tensor, "b w n"]) -> Float[Tensor, "b w n"]:
        """Same shape."""
        return x + F.relu(self.mix(self.norm(self.depthwise(x))))


class Rhythm(nn.Module):
    """When it sounds: novelty curves, and how each agrees with itself at every lag."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.lags = config.lags
        self.novelty = nn.Conv1d(config.bins, config.curves, 3, padding=1)
        self.read = nn.Sequential(
            nn.Conv1d(config.curves + 1, 32, 5, padding=2, stride=2),
            nn.BatchNorm1d(32),
            nn.ReLU(),
            nn.Conv1d(32, 32, 5, padding=2, stride=2),
            nn.BatchNorm1d(32),
            nn.ReLU(),
        )
        self.width = 64
        steps = -(-config.lags // 4)  # two halvings, each rounded up
        self.out = nn.Sequential(nn.Flatten(), nn.Linear(32 * steps, self.width), nn.ReLU())

    def forward(self, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b w"]:
        """[b n d] -> [b width]."""
        rise = (features[:, 1:] - features[:, :-1]).clamp_min(0.0)  # note ends say little of tempo
        curves = F.relu(self.novelty(rearrange(rise, "b n d -> b d n")))
        curves = torch.cat([curves, rearrange(rise.mean(dim=-1), "b n -> b 1 n")], dim=1)
        return self.out(self.read(autocorrelation(curves, self.lags)))


def autocorrelation(curves: Float[Tensor, "b c n"], lags: int) -> Float[Tensor, "b c k"]:
    """Of each centred curve at lags 1 to `lags` frames, relative to lag 0."""
    centred = curves - curves.mean(dim=-1, keepdim=True)
    spectrum = torch.fft.rfft(centred, n=2 * max(curves.shape[-1], lags))
    raw = torch.fft.irfft(spectrum.real.square() + spectrum.imag.square())[..., : lags + 1]
    return raw[..., 1:] / raw[..., :1].clamp_min(1e-4)


def _conv(inside: int, outside: int, kernel: int, stride: tuple[int, int]) -> nn.Module:
    convolution = nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU())
