"""The same decoder one step at a time: a static cache, 8-bit weights, few operations.

A step is a handful of matrix-vector products, and a processor reads weights slower than it
multiplies them. With each weight as an 8-bit integer and one scale a row, the products of a step of
a 6.3 M decoder took 0.4 ms on one core, where float32 took 3.2. Norm gains are folded into the
weights after them, and the rows of queries and keys are reordered so that rotary positions are one
complex product.

>>> from musiclm.lm.decoder import Decoder, DecoderConfig
>>> decoder = Decoder(DecoderConfig(dim=32, layers=2, heads=2, hidden=64)).eval()
>>> x = torch.randn(1, 5, 32)
>>> stepper = Stepper(decoder, batch=1, capacity=5, int8=False)
>>> steps = torch.cat([stepper(x[:, :3]), stepper(x[:, 3:4]), stepper(x[:, 4:])], dim=1)
>>> bool(torch.allclose(steps, decoder(x), atol=1e-4))
True

Shapes: b batch, s steps, h heads, e head width, d width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from musiclm.lm.decoder import Decoder
from musiclm.nn.transformer import Block, Rotary

EPSILON = 1e-6  # of RMSNorm


@dataclass(frozen=True)
class Product:
    """x -> x W^T, with W as it is or in 8 bits a weight and one scale a row."""

    weight: Tensor  # [out in] as integers, [in out] as floats: what each kernel reads fastest
    scale: Tensor | None

    @classmethod
    def of(cls, weight: Float[Tensor, "out in"], int8: bool) -> "Product":
        """Prepare a weight; `int8` is for the CPU."""
        if not int8:
            return cls(weight.t().contiguous(), None)
        largest = torch.linalg.vector_norm(weight, ord=torch.inf, dim=1)
        scale = (largest.clamp_min(1e-8) / 127).bfloat16()  # its rounding stays below half a code
        return cls((weight / scale.float()[:, None]).round_().to(torch.int8), scale)

    def outputs(self, start: int, stop: int) -> "Product":
        """Only some of the outputs."""
        if self.scale is None:
            return Product(self.weight[:, start:stop], None)
        return Product(self.weight[start:stop], self.scale[start:stop])

    def __call__(self, x: Float[Tensor, "rows in"]) -> Float[Tensor, "rows out"]:
        """Multiply; 8-bit weights take and give bfloat16."""
        if self.scale is None:
            return x @ self.weight
        return torch._weight_int8pack_mm(x.bfloat16(), self.weight, self.scale)


@dataclass(frozen=True)
class _Layer:
    qkv: Product
    out: Product
    up: Product
    down: Product
    cache: Tensor  # [2 b h capacity e]: keys and values


def use_int8(device: torch.device) -> bool:
    """Whether 8-bit products are quick here: the kernel is the CPU's."""
    return device.type == "cpu" and hasattr(torch, "_weight_int8pack_mm")


class Stepper:
    """A decoder that remembers: each call continues the sequences of the calls before it."""

    def __init__(
        self, decoder: Decoder, batch: int, capacity: int, *, int8: bool | None = None
    ) -> None:
        config, device = decoder.config, next(decoder.parameters()).device
        self.int8 = use_int8(device) if int8 is None else int8
        self.length, self.gated = 0, config.gated
        self.root = config.dim**0.5
        self.floor = torch.tensor(self.root * EPSILON**0.5, device=device)
        self.gain = decoder.norm.weight.detach().float() * self.root
        self.turn = self.bias = None
        if decoder.bias is not None:
            self.bias = decoder.bias(capacity, capacity, causal=True).detach().float()
        else:
            angles = Rotary(config.dim // config.heads).to(device).angles(0, capacity)
            cosine, sine = (part.chunk(2, dim=-1)[0].contiguous() for part in angles)
            self.turn = torch.complex(cosine, sine)[:, None]
        shape = (2, batch, config.heads, capacity, config.dim // config.heads)
        self.layers = [
            self._layer(block, torch.zeros(shape, device=device))
            for block in decoder.blocks
            if isinstance(block, Block)
        ]

    def _layer(self, block: Block, cache: Tensor) -> _Layer:
        attention, feed = block.attention, block.feed
        qkv = attention.qkv.weight.detach().float() * (block.norm_attention.weight * self.root)
        up = feed.up.weight.detach().float() * (block.norm_feed.weight * self.root)
        if self.turn is not None:
            # Rotary turns entry i against entry i + e/2: put each pair side by side.
            heads = attention.heads
            pairs = "(three h two e) d -> three (h e two) d"
            turned = rearrange(qkv, pairs, three=3, h=heads, two=2)[:2].flatten(0, 1)
            qkv = torch.cat([turned, qkv[2 * qkv.shape[1] :]])
        out, down = (linear.weight.detach().float() for linear in (attention.out, feed.down))
        products = [Product.of(weight, self.int8) for weight in (qkv, out, up, down)]
        return _Layer(products[0], products[1], products[2], products[3], cache)

    def reset(self) -> None:
        """Forget the sequences; the memory stays."""
        self.length = 0

    def __call__(self, x: Float[Tensor, "b s d"]) -> Float[Tensor, "b s d"]:
        """The decoder's outputs for the next positions: many at the start, then one at a time."""
        batch, steps, _ = x.shape
        assert steps == 1 or self.length == 0, (steps, self.length)
        places = slice(self.length, self.length + steps)
        bias = None if self.bias is None else self.bias[:, places, : places.stop]
        x = x.flatten(0, 1)
        for layer in self.layers:
            qkv = layer.qkv(self._norm(x)).float().view(batch, steps, 3, -1, layer.cache.shape[-1])
            mixed = self._attend(qkv, layer.cache, places, bias)
            x = x + layer.out(mixed.transpose(1, 2).reshape(x.shape))
            wide = layer.up(self._norm(x))
            if self.gated:
                gate, wide = wide.chunk(2, dim=-1)
                wide = F.gelu(gate) * wide
            else:
                wide = F.gelu(wide)
            x = x + layer.down(wide)
        self.length = places.stop
        return (self._norm(x) * self.gain).view(batch, steps, -1)

    def _norm(self, x: Tensor) -> Tensor:
        """RMSNorm but for its gain and sqrt(d), which the weights hold: three quick operations."""
        return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self.floor)

    def _attend(
        self, qkv: Float[Tensor, "b s three h e"], cache: Tensor, places: slice, bias: Tensor | None
    ) -> Float[Tensor, "b h s e"]:
        if self.turn is not None:
            pairs = torch.view_as_complex(qkv[:, :, :2].unflatten(-1, (-1, 2)))
            pairs.mul_(self.turn[places, None])
        cache[:, :, :, places] = qkv[:, :, 1:].permute(2, 0, 3, 1, 4)
        keys, values = cache[:, :, :, : places.stop]
        query = qkv[:, :, 0].transpose(1, 2)
        causal = bias is None and query.shape[2] > 1
        return F.scaled_dot_product_attention(query, keys, values, attn_mask=bias, is_causal=causal)
