"""The shared Transformer keeps its promises."""

import pytest
import torch

from musiclm.nn.transformer import Attention, Block, KVCache, RelativeBias, causal_attention


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_cached_equals_uncached():
    block, x = Block(32, 4, 64), torch.randn(2, 9, 32)
    cache = KVCache(2, 4, 9, 8, x)
    parts = [block(x[:, :4], causal=True, cache=cache)]
    parts += [block(x[:, i : i + 1], causal=True, cache=cache) for i in range(4, 9)]
    torch.testing.assert_close(torch.cat(parts, 1), block(x, causal=True))


def test_the_future_has_no_gradient():
    block, x = Block(32, 4, 64), torch.randn(1, 9, 32, requires_grad=True)
    block(x, causal=True)[:, 4].sum().backward()
    assert x.grad[:, 5:].abs().max() == 0 and x.grad[:, :5].abs().min() > 0


def test_relative_bias_hides_the_future_and_depends_on_distance_only():
    bias = RelativeBias(heads=2)(6, 6, causal=True)
    assert torch.isinf(bias[:, 0, 1:]).all()
    assert torch.equal(bias[:, 3, 1], bias[:, 5, 3])
    assert torch.equal(RelativeBias.forward(b := RelativeBias(2), 1, 6, True), b(6, 6, True)[:, 5:])


@pytest.mark.parametrize("length", [1, 5, 16, 33])
def test_blockwise_attention_equals_pytorch(length):
    query, key, value = torch.randn(3, 2, 4, length, 8).unbind(0)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(causal_attention(query, key, value, block=8), expected)


def test_rotary_attention_depends_on_order():
    attention, x = Attention(32, 4), torch.randn(1, 5, 32)
    flipped = attention(x.flip(1)).flip(1)
    assert not torch.allclose(attention(x), flipped, atol=1e-4)
    none = Attention(32, 4, positions="none")
    torch.testing.assert_close(none(x), none(x.flip(1)).flip(1))
