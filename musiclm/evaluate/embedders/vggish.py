"""VGGish as an ear (Hershey et al. 2017): the one that the paper's and most published FADs name.

A small convolutional network over 0.96 s of log-mel at 16 kHz. Its figures compare with published
ones only: it follows raters of music poorly. As in today's FAD packages the 128 numbers before
any rectifier or post-processing; `post` adds AudioSet's (a fixed PCA, and eight bits).

>>> examples(torch.zeros(32_000)).shape  # two seconds hold two examples
torch.Size([2, 96, 64])
"""

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.checkpoint import fingerprint, load_tensors, load_weights
from musiclm.evaluate.embedders.base import at_least, identity

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms
BINS, LOW, HIGH = 64, 125.0, 7500.0  # hertz
OFFSET = 0.01  # under the logarithm
FRAMES = 96  # of an example: 0.96 s
WIDTH = 128
HIDDEN = 4096  # of the two layers before the last; other files may have fewer
LAYOUT = (64, None, 128, None, 256, 256, None, 512, 512, None)  # None: the maps are halved
RANGE = 2.0  # of the post-processed numbers before they become bytes
EXAMPLES_AT_ONCE = 16
PROCESSING = "pproc."


class VGGish(nn.Module):
    """Log-mel examples -> 128 numbers; the weights have the names of the PyTorch port."""

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 1
        for wider in LAYOUT:
            if wider is None:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(width, wider, 3, padding=1), nn.ReLU()]
                width = wider
        self.features = nn.Sequential(*layers)
        flat = width * (FRAMES // 16) * (BINS // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(flat, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, WIDTH),
        )

    def forward(self, log_mel: Float[Tensor, "w n f"]) -> Float[Tensor, "w d"]:
        """[w 96 64] -> [w 128]."""
        maps = self.features(rearrange(log_mel, "w n f -> w 1 n f"))
        # TensorFlow, where the weights were learned, has the channels last.
        return self.embeddings(rearrange(maps, "w c n f -> w (n f c)"))


class VGGishEmbedder:
    """One row for each 0.96 s."""

    def __init__(self, path: Path | str, post: bool = False) -> None:
        """A safetensors file of the port's weights; `post` needs its `pproc` tensors."""
        tensors, _ = load_tensors(path)
        first = tensors.get("embeddings.0.bias")
        self.model = VGGish(HIDDEN if first is None else len(first))
        own = {name: t for name, t in tensors.items() if not name.startswith(PROCESSING)}
        load_weights(self.model, own, path)
        self.model = self.model.eval().requires_grad_(False)
        self.post = _Post(tensors, path) if post else None
        self.name = "vggish, post-processed" if post else "vggish"
        self.sample_rate, self.dimension = SAMPLE_RATE, WIDTH
        turned = fingerprint(self.post.vectors) if self.post else ""
        self.fingerprint = identity(self.model, {"kind": "vggish", "post": turned})

    @torch.no_grad()
    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """[t] -> [w 128]; a clip shorter than an example repeats until it fills one."""
        samples = at_least(samples, (FRAMES - 1) * HOP + WINDOW)
        heard = examples(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)))
        rows = torch.cat([self.model(part) for part in heard.split(EXAMPLES_AT_ONCE)])
        return (self.post(rows) if self.post else rows).numpy()


class _Post:
    """AudioSet's post-processing, as it released its features."""

    def __init__(self, tensors: dict[str, Tensor], path: Path | str) -> None:
        self.vectors = nn.Module()
        self.vectors.register_buffer("pca_eigen_vectors", torch.empty(WIDTH, WIDTH))
        self.vectors.register_buffer("pca_means", torch.empty(WIDTH, 1))
        given = {n.removeprefix(PROCESSING): t for n, t in tensors.items() if PROCESSING in n}
        load_weights(self.vectors, given, path)

    def __call__(self, rows: Float[Tensor, "w d"]) -> Float[Tensor, "w d"]:
        own = dict(self.vectors.named_buffers())
        turned = (rows - own["pca_means"][:, 0]) @ own["pca_eigen_vectors"].T
        return ((turned.clamp(-RANGE, RANGE) + RANGE) * (255.0 / (2 * RANGE))).round()


def examples(wave: Float[Tensor, " t"]) -> Float[Tensor, "w n f"]:
    """Log-mel in pieces of 96 frames; what is left at the end is dropped, as everywhere."""
    frames = wave.unfold(0, WINDOW, HOP)[: (len(wave) - WINDOW) // HOP + 1]
    magnitude = torch.fft.rfft(frames * torch.hann_window(WINDOW), n=FFT).abs()
    log_mel = (magnitude @ mel_weights() + OFFSET).log()
    whole = len(log_mel) // FRAMES * FRAMES
    return rearrange(log_mel[:whole], "(w n) f -> w n f", n=FRAMES)


def mel_weights() -> Float[Tensor, "k f"]:
    """Triangles that are straight in mel, 1127 ln(1 + f / 700), not in hertz; no constant part."""

    def mel(hertz: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(hertz / 700.0)

    low, high = mel(torch.tensor([LOW, HIGH], dtype=torch.float64))
    edges = torch.linspace(float(low), float(high), BINS + 2, dtype=torch.float64)
    place = mel(torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT)[:, None]
    rising = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp_min(0.0)
    weights[0] = 0.0
    return weights.float()
