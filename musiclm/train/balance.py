"""Loss terms by their share of the gradient (EnCodec, arXiv 2210.13438, section 3.4). An option.

A weight means what it says only if the gradients of all terms are alike, and those of critics
change by orders of magnitude while they learn. So each term's gradient at the decoded waveform is
scaled to its share of what the weighted reconstruction terms send there; the values of the terms,
which are logged, stay as they are.

>>> wave = torch.ones(4, requires_grad=True)
>>> balancer = Balancer({"mel": 3.0, "features": 1.0}, {"mel": 1.0, "features": 1.0})
>>> terms = balancer({"mel": wave.sum(), "features": 100 * wave.sum()}, wave)
>>> terms["features"].item(), sum(terms.values()).backward(), wave.grad.tolist()
(400.0, None, [1.0, 1.0, 1.0, 1.0])
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from musiclm.train.task import Terms

MEMORY = 0.99  # decay of the averaged norms
RECONSTRUCTION = ("mel", "log_mel")


class Balancer(nn.Module):
    """Averaged norms are in a buffer, so that a resumed run balances alike; it has no weights."""

    norms: Tensor

    def __init__(self, shares: Mapping[str, float], weights: Mapping[str, float]):
        super().__init__()
        self.shares = {n: share for n, share in shares.items() if share > 0 and weights[n] > 0}
        self.weights = dict(weights)
        self.register_buffer("norms", torch.zeros(len(self.shares), dtype=torch.float64))

    def forward(self, terms: Terms, wave: Tensor) -> Terms:
        """The same values, other gradients; terms without a share pass unchanged."""
        gradients = {
            name: torch.autograd.grad(terms[name], wave, retain_graph=True)[0]
            for name in self.shares
            if name in terms
        }
        norms = {name: self._follow(name, g.norm()) for name, g in gradients.items()}
        whole = sum(self.weights[n] * norms[n] for n in norms if n in RECONSTRUCTION)
        parts = sum(self.shares[name] for name in norms)
        balanced = {}
        for name, gradient in gradients.items():
            scale = whole * self.shares[name] / parts / norms[name] / self.weights[name]
            balanced[name] = with_gradient(terms[name], wave, gradient * scale)
        return terms | balanced

    @torch.no_grad()
    def _follow(self, name: str, norm: Tensor) -> Tensor:
        place = list(self.shares).index(name)
        before = self.norms[place]
        now = norm.double() if before == 0 else torch.lerp(before, norm.double(), 1 - MEMORY)
        self.norms[place] = now
        return now.float().clamp_min(1e-12)


def with_gradient(value: Tensor, point: Tensor, gradient: Tensor) -> Tensor:
    """A scalar of this value whose gradient at `point` is the given one."""
    return value.detach() + ((point - point.detach()) * gradient).sum()
