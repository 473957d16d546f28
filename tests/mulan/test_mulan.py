"""The joint embedding: Magenta's list for a model of this kind, windows, sizes, and learning."""

import dataclasses

import pytest
import torch

from musiclm.config import from_dict, to_dict
from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTowerConfig
from musiclm.mulan.losses import chance, contrastive_loss, recall
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.text_tower import TextTowerConfig

TINY = MuLanConfig(
    embed_dim=16,
    window_seconds=1.0,
    stride_seconds=0.5,
    audio=AudioTowerConfig(
        bins=32, width=32, layers=1, heads=2, hidden=64, max_frames=100, dropout=0.0
    ),
    text=TextTowerConfig(
        layers=2, width=64, heads=4, hidden=128, vocabulary=512, max_tokens=32, dropout=0.0
    ),
)
PROMPTS = ["a calm piano piece", "aggressive metal drums", "cheerful accordion folk dance"]


@pytest.fixture
def mulan() -> MuLan:
    torch.manual_seed(0)
    return MuLan(TINY).eval()


def tones(batch: int, seconds: float) -> torch.Tensor:
    time = torch.arange(round(seconds * 24_000)) / 24_000
    pitch = 110.0 * 1.3 ** torch.arange(batch)[:, None, None]
    return 0.3 * torch.sin(2 * torch.pi * pitch * time)


def test_embeddings_have_unit_length(mulan: MuLan) -> None:
    audio, text = mulan.embed_audio(tones(2, 2.2)), mulan.embed_text(PROMPTS)
    assert audio.shape == (2, 16) and text.shape == (3, 16)
    torch.testing.assert_close(audio.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(text.norm(dim=1), torch.ones(3))
    assert mulan.similarity(audio, text).shape == (2, 3)
    assert mulan.similarity(audio, audio).diagonal().allclose(torch.ones(2))


def test_batch_equals_single(mulan: MuLan) -> None:
    wave = tones(3, 2.2)
    alone = torch.cat([mulan.embed_audio(row[None]) for row in wave])
    torch.testing.assert_close(mulan.embed_audio(wave), alone, atol=1e-5, rtol=0)
    alone = torch.cat([mulan.embed_text([text]) for text in PROMPTS])
    torch.testing.assert_close(mulan.embed_text(PROMPTS), alone, atol=1e-5, rtol=0)


def test_deterministic_and_prompts_differ(mulan: MuLan) -> None:
    assert torch.equal(mulan.embed_text(PROMPTS), mulan.embed_text(PROMPTS))
    assert torch.equal(mulan.embed_audio(tones(2, 1)), mulan.embed_audio(tones(2, 1)))
    calm, metal, folk = mulan.embed_text(PROMPTS)
    assert not torch.allclose(calm, metal) and not torch.allclose(metal, folk)
    low, high = mulan.embed_audio(tones(2, 1))
    assert not torch.allclose(low, high)


def test_thirty_seconds_give_21_windows() -> None:
    audio = dataclasses.replace(TINY.audio, max_frames=1000)
    mulan = MuLan(dataclasses.replace(TINY, window_seconds=10.0, stride_seconds=1.0, audio=audio))
    assert mulan.windows(torch.zeros(2, 1, 30 * 24_000)).shape == (2, 21, 240_000)
    assert mulan.windows(torch.zeros(1, 1, 10 * 24_000)).shape == (1, 1, 240_000)


def test_a_long_clip_is_the_mean_of_its_windows(mulan: MuLan) -> None:
    wave = tones(1, 2.0) * torch.linspace(0, 1, 48_000)
    windows = torch.cat([mulan.embed_audio(wave[..., s : s + 24_000]) for s in (0, 12_000, 24_000)])
    mean = torch.nn.functional.normalize(windows.mean(dim=0, keepdim=True), dim=1)
    torch.testing.assert_close(mulan.embed_audio(wave), mean, atol=1e-5, rtol=0)


def test_a_short_clip_repeats_instead_of_falling_silent(mulan: MuLan) -> None:
    short = tones(1, 0.3)
    repeated = short.repeat(1, 1, 4)[..., :24_000]
    assert torch.equal(mulan.embed_audio(short), mulan.embed_audio(repeated))
    assert mulan.train().windows(short).shape == (1, 1, 7_200)  # crops are the trainer's choice


def test_nothing_to_embed(mulan: MuLan) -> None:
    assert mulan.embed_text([]).shape == (0, 16)
    assert mulan.embed_text([""]).norm().item() == pytest.approx(
        1.0
    )  # what "" means is the caller's
    with pytest.raises(UserError, match="without samples"):
        mulan.embed_audio(torch.zeros(1, 1, 0))


def test_an_untrained_model_is_at_chance_and_training_leaves_it() -> None:
    torch.manual_seed(0)
    mulan = MuLan(TINY)
    texts = [*PROMPTS, "slow sad violin melody", "solo harp", "funky bass", "flute", "choir"]
    wave = tones(8, 1.0)
    with torch.no_grad():  # at a temperature of 1, so that chance similarities hardly count
        untrained = contrastive_loss(
            mulan.embed_audio(wave), mulan.embed_text(texts), torch.tensor(0.0)
        )
    assert float(untrained) == pytest.approx(chance(8), abs=0.2)
    optimiser = torch.optim.AdamW(mulan.parameters(), lr=1e-3)
    for _ in range(60):
        audio, text = mulan.embed_audio(wave), mulan.embed_text(texts)
        loss = contrastive_loss(audio, text, mulan.log_tau)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < chance(8) - 2.0
    mulan.eval()
    scores = recall(mulan.embed_audio(wave), mulan.embed_text(texts), ranks=(1,))
    assert scores["text_to_audio_recall_1"] > 0.6  # chance: 0.125


def test_defaults_have_the_papers_sizes() -> None:
    with torch.device("meta"):
        mulan = MuLan(MuLanConfig())
    audio = sum(weight.numel() for weight in mulan.audio.parameters())
    text = sum(weight.numel() for weight in mulan.text.parameters())
    assert 84e6 < audio < 88e6  # AST: 86 M
    assert 107e6 < text < 112e6  # BERT-base: 110 M with the pooler that we do without
    assert mulan.config.embed_dim == 128


def test_configuration_survives_a_round_trip() -> None:
    assert from_dict(MuLanConfig, to_dict(TINY)) == TINY
    with pytest.raises(UserError, match="positions for 100"):
        from_dict(MuLanConfig, {"audio": {"max_frames": 100}})
    with pytest.raises(UserError, match="above 0"):
        from_dict(MuLanConfig, {"stride_seconds": 0})
