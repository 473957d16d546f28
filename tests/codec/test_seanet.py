"""The paper's network: causal, of the paper's size, exact in its lengths."""

import pytest
import torch

from musiclm.codec.seanet import SeanetConfig, SeanetDecoder, SeanetEncoder

TINY = SeanetConfig(channels=2, dimension=8)


@pytest.mark.parametrize(
    ("encoder", "decoder", "millions"), [(32, 32, 8.4), (16, 16, 2.4), (8, 32, 4.8), (32, 8, 4.4)]
)
def test_sizes_are_those_of_the_papers_ablation(
    encoder: int, decoder: int, millions: float
) -> None:
    strides = (2, 4, 5, 8)  # SoundStream's own, 75 Hz
    with torch.device("meta"):
        into = SeanetEncoder(SeanetConfig(channels=encoder, strides=strides))
        out = SeanetDecoder(SeanetConfig(channels=decoder, strides=strides))
    count = sum(p.numel() for part in (into, out) for p in part.parameters())
    assert round(count / 1e6, 1) == millions


def test_the_future_does_not_change_the_past() -> None:
    torch.manual_seed(0)
    encoder, decoder = SeanetEncoder(TINY), SeanetDecoder(TINY)
    wave = torch.randn(1, 1, 480 * 6)
    other = wave.clone()
    other[..., 480 * 4 :] = torch.randn(480 * 2)
    first, second = encoder(wave), encoder(other)
    assert torch.equal(first[:, :4], second[:, :4])
    assert not torch.allclose(first[:, 4:], second[:, 4:])

    changed = first.clone()
    changed[:, 4:] += 1.0
    assert torch.equal(decoder(first)[..., : 480 * 4], decoder(changed)[..., : 480 * 4])
    assert not torch.allclose(decoder(first)[..., 480 * 4 :], decoder(changed)[..., 480 * 4 :])


def test_the_last_sample_of_a_frame_is_heard_in_it() -> None:
    torch.manual_seed(0)
    encoder = SeanetEncoder(TINY)
    wave = torch.randn(1, 1, 480 * 3)
    other = wave.clone()
    other[..., 480 - 1] += 1.0
    assert not torch.allclose(encoder(wave)[:, 0], encoder(other)[:, 0])


def test_hop_is_the_product_of_the_strides() -> None:
    assert TINY.hop == 480
    config = SeanetConfig(channels=2, strides=(2, 3), dimension=4)
    frames = SeanetEncoder(config)(torch.zeros(2, 1, 60))
    assert frames.shape == (2, 10, 4)
    assert SeanetDecoder(config)(frames).shape == (2, 1, 60)
