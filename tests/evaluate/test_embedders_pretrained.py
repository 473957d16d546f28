"""Other people's ears, on tiny weights of the same layout: loaded, heard through, or refused."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import torch

from musiclm.errors import UserError
from musiclm.evaluate.embedders.base import Embedder, Tagger, TextEmbedder
from musiclm.evaluate.embedders.catalogue import load_embedder, load_tagger

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")  # the library's own
RNG = np.random.default_rng


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("pretrained")


@pytest.fixture(scope="module", params=["rand_trunc", "fusion"])
def clap(home, request):
    folder = home / f"tiny_clap_{request.param}"
    torch.manual_seed(0)
    config = transformers.ClapConfig(
        text_config={
            "vocab_size": 60,
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 20,
        },
        audio_config={
            "spec_size": 256,
            "num_mel_bins": 64,
            "patch_embeds_hidden_size": 8,
            "depths": [1, 1],
            "num_attention_heads": [1, 2],
            "hidden_size": 16,
            "enable_fusion": request.param == "fusion",
        },
        projection_dim=12,
    )
    transformers.ClapModel(config).save_pretrained(folder)
    transformers.ClapFeatureExtractor(truncation=request.param).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "calm", "loud", "piano", "drums"]
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def mert(home):
    folder = home / "tiny_mert"
    torch.manual_seed(0)
    config = transformers.HubertConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8, 8),
        conv_stride=(5, 8, 8),
        conv_kernel=(10, 8, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    transformers.HubertModel(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(
        sampling_rate=24_000, do_normalize=True, return_attention_mask=True
    ).save_pretrained(folder)
    told = json.loads((folder / "config.json").read_text())
    told |= {
        "model_type": "mert_model",
        "architectures": ["MERTModel"],
        "auto_map": {"AutoConfig": "configuration_MERT.MERTConfig"},
        "attention_relax": 32.0,
        "deepnorm": False,
        "feature_extractor_cqt": False,
        "feature_extractor_cqt_bins": 336,
    }
    (folder / "config.json").write_text(json.dumps(told))
    return folder


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def encodec(home, request):
    folder = home / f"tiny_encodec_{request.param}"
    torch.manual_seed(0)
    config = transformers.EncodecConfig(
        audio_channels=request.param,
        normalize=request.param == 2,
        sampling_rate=24_000 * request.param,
        hidden_size=16,
        num_filters=4,
        upsampling_ratios=[4, 4, 2],
        codebook_size=16,
        num_lstm_layers=1,
        target_bandwidths=[1.5],
        norm_type="weight_norm" if request.param == 1 else "time_group_norm",
    )
    transformers.EncodecModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ast(home):
    folder = home / "tiny_ast"
    torch.manual_seed(0)
    names = ("Music", "Speech", "Piano", "Silence")
    config = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    transformers.ASTForAudioClassification(config).save_pretrained(folder)
    transformers.ASTFeatureExtractor().save_pretrained(folder)
    return folder


def noise(seconds, rate):
    return (0.1 * RNG(0).standard_normal(round(seconds * rate))).astype(np.float32)


def test_clap_puts_sound_and_sentences_into_one_space(clap):
    ear = load_embedder(f"clap={clap}")
    assert isinstance(ear, TextEmbedder)
    assert (ear.name, ear.sample_rate, ear.dimension) == (f"clap ({clap.name})", 48_000, 12)
    rows = ear.embed(noise(16.0, 48_000))
    told = ear.embed_text(["a calm piano", "loud drums " * 30])  # more words than it has places
    assert rows.shape == (2, 12) and told.shape == (2, 12)
    for vectors in (rows, told):
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert not np.allclose(told[0], told[1], atol=1e-4)
    assert np.array_equal(rows, ear.embed(noise(16.0, 48_000)))  # nothing is drawn at random


def test_clap_hears_what_the_library_hears(clap):
    ear = load_embedder(f"clap={clap}")
    model = transformers.ClapModel.from_pretrained(clap).eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(clap)
    samples = noise(10.0, 48_000)
    heard = extractor(samples, sampling_rate=48_000, return_tensors="pt")
    with torch.no_grad():
        told = model.get_audio_features(
            heard["input_features"].float(), is_longer=torch.zeros(1, 1, dtype=torch.bool)
        )
    assert np.allclose(ear.embed(samples)[0], told.pooler_output[0].numpy(), atol=1e-5)


def test_mert_is_read_into_hubert_layer_by_layer(mert):
    ear = load_embedder(f"mert={mert}")
    assert isinstance(ear, Embedder)
    assert (ear.name, ear.dimension) == ("mert (tiny_mert, layer 3)", 16)
    samples = noise(10.0, 24_000)
    rows = ear.embed(samples)
    assert rows.shape == (2, 16)
    other = load_embedder(f"mert={mert}@1")
    assert other.fingerprint != ear.fingerprint
    assert not np.allclose(other.embed(samples), rows, atol=1e-4)
    hubert = ear.model
    part = samples[:120_000]
    part = (part - part.mean()) / np.sqrt(part.var() + 1e-7)
    with torch.no_grad():
        told = hubert(torch.from_numpy(part)[None]).last_hidden_state.mean(dim=1)
    assert np.allclose(rows[0], told[0].numpy(), atol=1e-4)
    with pytest.raises(UserError, match="layers 0 to 3, not 9"):
        load_embedder(f"mert={mert}@9")


@pytest.mark.parametrize("other", ["feature_extractor_cqt", "deepnorm"])
def test_a_mert_of_another_make_is_refused(mert, tmp_path, other):
    folder = shutil.copytree(mert, tmp_path / "mert")
    told = json.loads((folder / "config.json").read_text()) | {other: True}
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match=f"{other}, which is not supported"):
        load_embedder(f"mert={folder}")


def test_encodec_gives_a_row_for_each_second(encodec):
    ear = load_embedder(f"encodec={encodec}")
    assert isinstance(ear, Embedder)
    rows = ear.embed(noise(3.0, ear.sample_rate))
    assert rows.shape == (3, 16) and np.isfinite(rows).all()
    assert np.isfinite(ear.embed(np.zeros(ear.sample_rate, np.float32))).all()


def test_encodec_rows_are_the_means_of_its_encoder(encodec):
    ear = load_embedder(f"encodec={encodec}")
    model = transformers.EncodecModel.from_pretrained(encodec).eval()
    samples = noise(1.0, ear.sample_rate)
    wave = torch.from_numpy(samples)[None, None].repeat(1, model.config.audio_channels, 1)
    if model.config.normalize:
        wave = wave / (wave.mean(1, keepdim=True).pow(2).mean(2, keepdim=True).sqrt() + 1e-8)
    with torch.no_grad():
        told = model.encoder(wave).mean(dim=-1)
    assert np.allclose(ear.embed(samples), told.numpy(), atol=1e-5)


def test_ast_is_a_tagger_with_the_labels_of_its_folder(ast):
    tagger = load_tagger(f"ast={ast}")
    assert isinstance(tagger, Tagger)
    assert tagger.labels == ("Music", "Speech", "Piano", "Silence")
    told = tagger.tag(noise(16.0, 16_000))
    assert told.shape == (4,) and told.sum() == pytest.approx(1.0, abs=1e-6)
    assert tagger.groups == ((0, 1, 2, 3),)
    assert np.isfinite(tagger.tag(np.zeros(16_000, np.float32))).all()


def test_what_is_not_on_disk_or_of_another_make_is_one_line(mert, ast, tmp_path):
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.mkdir()
    wrong = {
        f"clap={tmp_path / 'none'}": "no such folder",
        f"clap={empty}": "holds no config.json",
        f"clap={mert}": "holds a model of kind 'mert_model', not clap",
        f"encodec={ast}": "not encodec",
    }
    for spec, said in wrong.items():
        with pytest.raises(UserError, match=re.escape(said)) as raised:
            load_embedder(spec)
        assert "\n" not in str(raised.value)
    shutil.copytree(ast, broken)
    weights = broken / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be loaded"):
        load_tagger(f"ast={broken}")
    weights.rename(broken / "pytorch_model.bin")
    with pytest.raises(UserError, match="no safetensors file"):
        load_tagger(f"ast={broken}")


def test_missing_weights_are_not_made_up(mert, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(mert, tmp_path / "mert")
    tensors = load_file(folder / "model.safetensors")
    gone = "encoder.layers.1.attention.q_proj.weight"
    del tensors[gone]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=re.escape(f"lacks 1 weights of HubertModel, first {gone}")):
        load_embedder(f"mert={folder}")


def test_weights_of_another_size_are_refused(mert, tmp_path):
    folder = shutil.copytree(mert, tmp_path / "mert")
    told = json.loads((folder / "config.json").read_text()) | {"intermediate_size": 64}
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match=re.escape(str(folder))):
        load_embedder(f"mert={folder}")


def test_no_ear_needs_torchaudio(ast, clap):
    load_tagger(f"ast={ast}").tag(noise(1.0, 16_000))
    load_embedder(f"clap={clap}")
    assert "torchaudio" not in sys.modules


def test_without_the_library_its_name_is_said(ast, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="pip install transformers"):
        load_tagger(f"ast={ast}")
