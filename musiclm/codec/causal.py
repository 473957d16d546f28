"""Causal layers that can hear a sound piece by piece: what they remember lies outside them.

A causal layer looks back over a fixed number of its inputs. A whole sound has silence before it; a
piece of a stream has the inputs that came last, kept in a `Memory` which the caller holds. No layer
has state of its own, so one network serves any number of streams at once.

>>> layer, memory = CausalConv(1, 4, kernel=7), Memory()
>>> x = torch.randn(1, 1, 30)
>>> pieces = torch.cat([layer(piece, memory) for piece in x.split(8, dim=-1)], dim=-1)
>>> torch.allclose(pieces, layer(x), atol=1e-5)
True
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Memory:
    """The last inputs of each layer of one network in one stream; its size does not grow.

    Tensors are replaced, never written to: a copy of `past` is a point to return to.
    """

    def __init__(self) -> None:
        self.past: dict[nn.Module, Tensor] = {}

    def extend(self, layer: nn.Module, x: Tensor, length: int) -> Tensor:
        """`x` [... t] after the `length` inputs that this layer heard before, silence at first."""
        before = self.past.get(layer)
        if before is None:
            before = x.new_zeros(*x.shape[:-1], length)
        longer = torch.cat([before, x], dim=-1)
        self.past[layer] = longer[..., longer.shape[-1] - length :].clone()  # not a view of it all
        return longer

    @property
    def bytes(self) -> int:
        """What the stream costs."""
        return sum(tensor.untyped_storage().nbytes() for tensor in self.past.values())


def after_past(layer: nn.Module, x: Tensor, length: int, memory: Memory | None) -> Tensor:
    """`x` [... t] after what came before it: in a stream what was heard, in a whole sound zeros."""
    if memory is None:
        return F.pad(x, (length, 0))
    return memory.extend(layer, x, length)


class CausalLayer(nn.Module):
    """A layer whose forward takes a `Memory` after its input."""


class Chain(nn.Sequential, CausalLayer):
    """Layers one after the other, some of which remember."""

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        for layer in self:
            x = layer(x, memory) if isinstance(layer, CausalLayer) else layer(x)
        return x


class CausalConv(CausalLayer):
    """A convolution that sees no future: output i ends with input (i + 1) * stride - 1.

    Pieces of a stream are whole multiples of the stride.
    """

    def __init__(self, into: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.left = (kernel - 1) * dilation + 1 - stride
        self.conv = nn.Conv1d(into, out, kernel, stride=stride, dilation=dilation)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return self.conv(after_past(self, x, self.left, memory))


class CausalTransposedConv(CausalLayer):
    """Upsampling by `stride`; the tail, which later inputs would add to, is cut."""

    def __init__(self, into: int, out: int, stride: int):
        super().__init__()
        self.conv = nn.ConvTranspose1d(into, out, 2 * stride, stride=stride)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        stride = self.conv.stride[0]
        if memory is None:
            return self.conv(x)[..., : x.shape[-1] * stride]
        # The input before reaches over one stride; before the first there is silence, which adds 0.
        return self.conv(memory.extend(self, x, 1))[..., stride:-stride]
