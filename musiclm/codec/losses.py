"""What the codec is taught (SoundStream section III-E), and two distances to judge it by.

Every term is a mean over what it compares, so that a weight means the same at any length or batch.

>>> real = torch.randn(1, 1, 24_000, generator=torch.Generator().manual_seed(0))
>>> sorted(reconstruction_losses(real, 0.5 * real))
['log_mel', 'mel']
>>> float(log_mel_distance(real, 0.5 * real)) - 0.693 < 0.01
True
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.nn.spectrogram import LogMel, mel_edges, shared_log_mel

WINDOWS = (64, 128, 256, 512, 1024, 2048)  # samples, 2^6..2^11; the hop is a quarter of each
MEL_BINS = 64
JUDGED_WINDOWS = (512, 1024, 2048)  # long enough that 64 mel bins differ from one another

Features = list[Tensor]  # activations of one discriminator, layer by layer


BANDS = 8  # of equal width in mel, by which an error is told
LOWEST = 20.0  # hertz


def band_edges() -> list[float]:
    """The BANDS + 1 frequencies between which the bands lie."""
    return mel_edges(BANDS, LOWEST, SAMPLE_RATE / 2)


def _log_mel(window: int, device: torch.device) -> LogMel:
    return shared_log_mel(SAMPLE_RATE, window, window // 4, MEL_BINS, device)


def reconstruction_losses(
    real: Float[Tensor, "b 1 t"],
    fake: Float[Tensor, "b 1 t"],
    windows: Sequence[int] = WINDOWS,
) -> dict[str, Tensor]:
    """The paper's multi-scale spectral loss, in its two halves.

    "mel" is the L1 of mel magnitudes, "log_mel" the L2 over bins of log-mel, each a mean over
    frames and windows. The paper adds sqrt(window / 2) times the second to the first; its
    magnitudes grow with the window as that factor does, ours are normalised by the window, so
    neither needs it.
    """
    mel, log_mel = [], []
    for window in windows:
        heard = _log_mel(window, real.device)
        with torch.no_grad():
            wanted = heard(real[:, 0])
        made = heard(fake[:, 0])
        mel.append(F.l1_loss(made.exp(), wanted.exp()))
        # The small constant keeps the gradient finite where the two agree.
        log_mel.append(((made - wanted).square().mean(dim=-1) + 1e-6).sqrt().mean())
    return {"mel": torch.stack(mel).mean(), "log_mel": torch.stack(log_mel).mean()}


def choose_windows(
    count: int, generator: torch.Generator | None = None, windows: Sequence[int] = WINDOWS
) -> tuple[int, ...]:
    """A few of the windows at random: the same expectation for a fraction of the cost."""
    order = torch.randperm(len(windows), generator=generator)[:count]
    return tuple(sorted(windows[i] for i in order.tolist()))


@torch.no_grad()
def log_mel_distance(
    real: Float[Tensor, "b 1 t"],
    fake: Float[Tensor, "b 1 t"],
    windows: Sequence[int] = JUDGED_WINDOWS,
) -> Float[Tensor, " b"]:
    """Mean absolute difference of log-mel magnitudes (nepers), per example."""
    per_window = []
    for window in windows:
        heard = _log_mel(window, real.device)
        per_window.append((heard(fake[:, 0]) - heard(real[:, 0])).abs().mean(dim=(1, 2)))
    return torch.stack(per_window).mean(dim=0)


@torch.no_grad()
def si_snr(real: Float[Tensor, "b 1 t"], fake: Float[Tensor, "b 1 t"]) -> Float[Tensor, " b"]:
    """Scale-invariant signal-to-noise ratio in dB; low for a codec that invents its phase."""
    wanted = real[:, 0] - real[:, 0].mean(dim=-1, keepdim=True)
    made = fake[:, 0] - fake[:, 0].mean(dim=-1, keepdim=True)
    scale = (made * wanted).sum(-1, keepdim=True) / (wanted.square().sum(-1, keepdim=True) + 1e-8)
    signal = scale * wanted
    noise = (made - signal).square().sum(-1) + 1e-8
    return 10.0 * torch.log10(signal.square().sum(-1) / noise + 1e-8)


def mutual_correlation(vectors: Float[Tensor, "b n d"]) -> Float[Tensor, ""]:
    """Mean squared correlation between the numbers of a vector over all frames, in [0, 1].

    Not in the paper. Without it the encoder of a short training says everything in three or four
    directions; the first levels of the quantiser name those and the others find nothing to add.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        x = rearrange(vectors.float(), "b n d -> (b n) d")
        x = x - x.mean(dim=0)
        x = x / (x.square().mean(dim=0, keepdim=True) + 1e-6).sqrt()
        squared = (x.T @ x / x.shape[0]).square()
        pairs = max(1, x.shape[1] * (x.shape[1] - 1))
        return (squared.sum() - squared.diagonal().sum()) / pairs


def discriminator_hinge(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Critics: real logits above one, fake ones below minus one."""
    terms = [
        F.relu(1.0 - r).mean() + F.relu(1.0 + f).mean() for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def generator_hinge(fake: list[Tensor]) -> Tensor:
    """Codec: logits of its sound as high as the critics allow."""
    return torch.stack([F.relu(1.0 - f).mean() for f in fake]).mean()


def feature_matching(real: list[Features], fake: list[Features]) -> Tensor:
    """L1 between the critics' activations, each layer relative to the real one's mean size."""
    terms = []
    for wanted, made in zip(real, fake, strict=True):
        for w, m in zip(wanted, made, strict=True):
            w = w.detach().float()
            terms.append(F.l1_loss(m.float(), w) / w.abs().mean().clamp_min(1e-4))
    return torch.stack(terms).mean()
