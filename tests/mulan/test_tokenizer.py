"""MuLan's tokens: range, fidelity by level, one quantiser for sound and text, a whole state."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTowerConfig
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.text_tower import TextTowerConfig
from musiclm.mulan.tokenizer import MuLanTokenizer

TINY = MuLanConfig(
    embed_dim=16,
    window_seconds=1.0,
    codes=32,
    audio=AudioTowerConfig(bins=32, width=32, layers=1, heads=2, hidden=64, max_frames=100),
    text=TextTowerConfig(layers=1, width=32, heads=2, hidden=64, vocabulary=512, max_tokens=32),
)
PROMPTS = ["a calm piano piece", "aggressive metal drums"]


def pairs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Audio and text that share most of what they say, in two cones far apart."""
    draw = torch.Generator().manual_seed(0)
    shared = torch.randn(count, 16, generator=draw)
    apart = torch.eye(16)[:2] * 8
    audio = shared + 0.3 * torch.randn(count, 16, generator=draw) + apart[0]
    text = shared + 0.3 * torch.randn(count, 16, generator=draw) + apart[1]
    return F.normalize(audio, dim=1), F.normalize(text, dim=1)


@pytest.fixture(scope="module")
def fitted() -> MuLanTokenizer:
    torch.manual_seed(0)
    tokenizer = MuLanTokenizer(MuLan(TINY)).eval()
    tokenizer.fit(*pairs(2000), torch.Generator().manual_seed(0))
    return tokenizer


def test_tokens_have_shape_and_range(fitted: MuLanTokenizer) -> None:
    audio = fitted.tokenize_audio(torch.randn(3, 1, 30_000) * 0.1)
    text = fitted.tokenize_text(PROMPTS)
    assert audio.shape == (3, 12) and text.shape == (2, 12)
    for codes in (audio, text):
        assert codes.dtype == torch.int64
        assert int(codes.min()) >= 0 and int(codes.max()) < 32


def test_tokens_are_deterministic_and_prompts_differ(fitted: MuLanTokenizer) -> None:
    codes = fitted.tokenize_text(PROMPTS)
    assert torch.equal(codes, fitted.tokenize_text(PROMPTS))
    assert not torch.equal(codes[0], codes[1])
    assert torch.equal(codes[1:], fitted.tokenize_text(PROMPTS[1:]))
    assert fitted.tokenize_text([]).shape == (0, 12)


def test_error_falls_with_levels(fitted: MuLanTokenizer) -> None:
    centred = fitted.centre_audio(pairs(100)[0])
    codes = fitted.tokenize_embeddings(centred)
    errors = [(fitted.decode(codes[:, :q]) - centred).norm(dim=1).mean() for q in range(1, 13)]
    assert all(after < before for before, after in zip(errors, errors[1:], strict=False))
    assert F.cosine_similarity(fitted.decode(codes), centred).min() > 0.95


def test_centring_makes_sound_and_text_agree(fitted: MuLanTokenizer) -> None:
    audio, text = pairs(2000)
    centred = fitted.agreement(audio, text)
    plain = MuLanTokenizer(MuLan(TINY))
    plain.codebooks.copy_(fitted.codebooks)
    assert centred.share[0] > 3 * centred.chance[0]
    assert centred.share[0] > plain.agreement(audio, text).share[0] + 0.2
    assert centred.cosine > 0.7


def test_agreement_of_strangers_is_chance(fitted: MuLanTokenizer) -> None:
    audio, text = pairs(2000)
    strangers = fitted.agreement(audio, text.roll(1, 0))
    assert strangers.share[0] == pytest.approx(strangers.chance[0], abs=0.02)


def test_fit_repeats_with_its_generator(fitted: MuLanTokenizer) -> None:
    again = MuLanTokenizer(MuLan(TINY))
    again.fit(*pairs(2000), torch.Generator().manual_seed(0))
    assert torch.equal(again.codebooks, fitted.codebooks)
    with pytest.raises(UserError, match="audio and of text"):
        again.fit(torch.zeros(0, 16), pairs(10)[1])


def test_state_rebuilds_the_tokenizer(fitted: MuLanTokenizer) -> None:
    other = MuLanTokenizer(MuLan(TINY)).eval()
    other.load_state_dict(fitted.state_dict())
    wave = torch.randn(2, 1, 24_000) * 0.1
    assert torch.equal(other.tokenize_audio(wave), fitted.tokenize_audio(wave))
    assert torch.equal(other.tokenize_text(PROMPTS), fitted.tokenize_text(PROMPTS))


COARSE = dataclasses.replace(TINY, levels=4, level_codes=(4, 8, 16, 32))


def fit(config: MuLanConfig) -> MuLanTokenizer:
    tokenizer = MuLanTokenizer(MuLan(config)).eval()
    tokenizer.fit(*pairs(2000), torch.Generator().manual_seed(0))
    return tokenizer


def test_coarse_levels_agree_more_and_lose_nothing() -> None:
    audio, text = pairs(2000)
    fine, coarse = fit(dataclasses.replace(TINY, levels=4)), fit(COARSE)
    codes = coarse.tokenize_embeddings(coarse.centre_audio(audio))
    assert [int(level.max()) + 1 for level in codes.T] == [4, 8, 16, 32]
    assert coarse.codebooks.shape == fine.codebooks.shape
    ours, theirs = coarse.agreement(audio, text), fine.agreement(audio, text)
    gain = [share - chance for share, chance in zip(ours.share, ours.chance, strict=True)]
    before = [share - chance for share, chance in zip(theirs.share, theirs.chance, strict=True)]
    assert gain[1] > before[1] + 0.1  # the second level, on what a coarse first one leaves
    assert ours.cosine > 0.9 * theirs.cosine
    assert len(ours.near) == 4 and ours.near[0] > ours.near[3] - 0.2


def test_a_map_finds_text_that_lies_elsewhere() -> None:
    audio, text = pairs(2000)
    turned = text.roll(3, dims=1)  # the same meaning, told along other axes
    plain, mapped = MuLanTokenizer(MuLan(TINY)), None
    plain.fit(audio, turned, torch.Generator().manual_seed(0))
    mapped = MuLanTokenizer(MuLan(dataclasses.replace(TINY, text_map=True)))
    mapped.fit(audio, turned, torch.Generator().manual_seed(0))
    assert plain.agreement(audio, turned).cosine < 0.3
    assert mapped.agreement(audio, turned).cosine > 0.7


def test_codes_of_what_pairs_share_are_nearer_to_both() -> None:
    audio, text = pairs(2000)
    alone, shared = fit(TINY), fit(dataclasses.replace(TINY, pair_means=True))
    assert shared.agreement(audio, text).near[0] > alone.agreement(audio, text).near[0]
    with pytest.raises(UserError, match="on pairs only"):
        shared.fit(audio, text[:-1])


def test_level_codes_must_fit_the_levels() -> None:
    with pytest.raises(UserError, match="each of its 12 levels"):
        dataclasses.replace(TINY, level_codes=(4, 8))
    with pytest.raises(UserError, match="1 to 32 codes"):
        dataclasses.replace(TINY, levels=1, level_codes=(33,))


def test_an_older_state_without_a_map_still_loads(fitted: MuLanTokenizer) -> None:
    assert "text_map" not in fitted.state_dict()
    mapped = fit(dataclasses.replace(TINY, text_map=True))
    other = MuLanTokenizer(MuLan(mapped.mulan.config))
    other.load_state_dict(mapped.state_dict())
    text = pairs(50)[1]
    assert torch.equal(other.centre_text(text), mapped.centre_text(text))
