"""What a codec in training shows of itself. Not in the paper.

Small pure functions from tensors to figures; `musiclm.train.diagnosis` says what they mean, and
docs/codec-training.md shows them on one healthy and three sick runs.

>>> entropy_bits(torch.tensor([[5, 5, 5, 5], [20, 0, 0, 0]])).tolist()
[2.0, 0.0]
>>> float(win_rate([torch.tensor([1.0, 2.0])], [torch.tensor([-1.0, 1.0])]))
0.75
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.codec.losses import BANDS, JUDGED_WINDOWS, MEL_BINS
from musiclm.nn.spectrogram import mel_edges, shared_log_mel
from musiclm.picture import canvas, save
from musiclm.train.task import Terms

BAND_WINDOW, BAND_HOP = 2048, 512
KEPT_VARIANCE = 0.99
PICTURE_WINDOW, PICTURE_HOP, PICTURE_BINS = 1024, 256, 128
PICTURE_HERTZ = (100, 300, 1000, 3000, 10_000)  # marks beside a picture


class Tally:
    """Which codes were chosen, and how many dead ones revived, since it was last read."""

    def __init__(self, levels: int, size: int):
        self.chosen = torch.zeros(levels, size, dtype=torch.int64)
        self.revived = torch.zeros(levels, dtype=torch.int64)
        self.steps = 0

    def add(self, codes: Int[Tensor, "b n q"], revived: Int[Tensor, " q"]) -> None:
        """Count a batch; stays on the device of the codes, which need not wait for it."""
        self.chosen = self.chosen.to(codes.device) + histogram(codes, self.chosen.shape[1])
        self.revived = self.revived.to(codes.device) + revived
        self.steps += 1

    def read(self) -> Terms:
        """Figures by level; the tally begins again."""
        figures = code_figures(self.chosen)
        figures |= {"revived": self.revived.clone(), "steps": torch.tensor(self.steps)}
        self.chosen.zero_()
        self.revived.zero_()
        self.steps = 0
        return figures


def histogram(codes: Int[Tensor, "b n q"], size: int) -> Int[Tensor, "q size"]:
    """How often each code of each level occurs."""
    flat = rearrange(codes, "b n q -> q (b n)")
    return flat.new_zeros(flat.shape[0], size).scatter_add_(1, flat, torch.ones_like(flat))


def code_figures(chosen: Int[Tensor, "q size"]) -> Terms:
    """Share of codes that occur and entropy of their use, by level, and out of how many tokens."""
    return {
        "usage": (chosen > 0).double().mean(dim=1),
        "entropy": entropy_bits(chosen),
        "tokens": chosen[0].sum(),
        "codes": torch.tensor(chosen.shape[1]),
    }


def entropy_bits(chosen: Int[Tensor, "q size"]) -> Float[Tensor, " q"]:
    """Bits that a token of each level carries: log2(size) if all codes are used alike."""
    shares = chosen.double() / chosen.sum(dim=1, keepdim=True).clamp_min(1)
    return torch.special.entr(shares).sum(dim=1) / torch.log(torch.tensor(2.0).double())


def win_rate(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Share of logits on the right side, each critic alike: real above zero, fake below."""
    right = [((r > 0).float().mean() + (f < 0).float().mean()) / 2 for r, f in zip(real, fake)]  # noqa: B905
    return torch.stack(right).mean()


def gradient_norms(terms: Terms, weights: Mapping[str, float], point: Tensor) -> Terms:
    """Norm of each weighted term's gradient at a tensor; a term that does not pass there has 0."""
    norms = {}
    for name, term in terms.items():
        gradient = None
        if term.requires_grad:
            (gradient,) = torch.autograd.grad(term, point, retain_graph=True, allow_unused=True)
        norms[name] = point.new_zeros(()) if gradient is None else weights[name] * gradient.norm()
    return norms


def shares(norms: Terms) -> Terms:
    """Each term's share of the sum, under the name `share.{term}`; terms without any are left out.

    >>> shares({"mel": torch.tensor(3.0), "log_mel": torch.tensor(1.0)})
    {'share.mel': tensor(0.7500), 'share.log_mel': tensor(0.2500)}
    """
    total = torch.stack(list(norms.values())).sum().clamp_min(1e-20)
    return {f"share.{name}": norm / total for name, norm in norms.items() if norm > 0}


@torch.no_grad()
def band_errors(
    real: Float[Tensor, "b 1 t"], fake: Float[Tensor, "b 1 t"]
) -> dict[str, list[float]]:
    """By band, in nepers: `band_bias`, below zero where too soft, and `band_error`, absolute."""
    heard = shared_log_mel(SAMPLE_RATE, BAND_WINDOW, BAND_HOP, MEL_BINS)
    apart = heard(fake[:, 0].cpu()) - heard(real[:, 0].cpu())
    bands = rearrange(apart, "b n (k m) -> k (b n m)", k=BANDS)
    return {"band_bias": bands.mean(1).tolist(), "band_error": bands.abs().mean(1).tolist()}


@torch.no_grad()
def still_distance(real: Float[Tensor, "b 1 t"]) -> float:
    """Log-mel distance of the clips to their own mean spectra: what a drone would score."""
    distances = []
    for window in JUDGED_WINDOWS:
        heard = shared_log_mel(SAMPLE_RATE, window, window // 4, MEL_BINS)(real[:, 0].cpu())
        distances.append((heard - heard.mean(dim=1, keepdim=True)).abs().mean())
    return float(torch.stack(distances).mean())


@torch.no_grad()
def directions(vectors: Float[Tensor, "b n d"]) -> int:
    """In how many directions 99 % of the variance lies.

    >>> line = torch.linspace(-1, 1, 50)[None, :, None] * torch.ones(8)
    >>> directions(line)
    1
    """
    rows = rearrange(vectors.double(), "b n d -> (b n) d")
    variance = torch.linalg.svdvals(rows - rows.mean(dim=0)).square()
    if not bool(variance.sum() > 0):
        return 0
    share = variance.cumsum(0) / variance.sum()
    return int((share < KEPT_VARIANCE).sum()) + 1


def draw(
    path: Path, real: Float[Tensor, " t"], fake: Float[Tensor, " t"], name: str
) -> Path | None:
    """The original above the decoded above their difference; None without matplotlib."""
    figure = canvas(9, 8)
    if figure is None:
        return None
    heard = shared_log_mel(SAMPLE_RATE, PICTURE_WINDOW, PICTURE_HOP, PICTURE_BINS)
    wanted, made = (heard(wave[None])[0].T.numpy() for wave in (real, fake))
    edges = mel_edges(PICTURE_BINS, 20.0, SAMPLE_RATE / 2)
    marks = [min(range(len(edges)), key=lambda k: abs(edges[k] - hz)) for hz in PICTURE_HERTZ]
    top = float(wanted.max())
    colours = {"vmin": top - 8, "vmax": top, "cmap": "magma"}
    panels = (
        (f"{name}: original", wanted, colours),
        ("decoded", made, colours),
        ("decoded - original: blue too soft, red too loud", made - wanted, SIGNED),
    )
    for axis, (title, image, how) in zip(figure.subplots(3, 1, sharex=True), panels, strict=True):
        extent = (0.0, len(real) / SAMPLE_RATE, 0.0, float(PICTURE_BINS))
        shown = axis.imshow(image, origin="lower", aspect="auto", extent=extent, **how)
        axis.set(title=title, ylabel="Hz", yticks=marks, yticklabels=PICTURE_HERTZ)
        figure.colorbar(shown, ax=axis, label="nepers")
    axis.set_xlabel("seconds")
    return save(figure, path)


SIGNED = {"vmin": -3.0, "vmax": 3.0, "cmap": "RdBu_r"}
