"""Our own ears, VGGish and the cache: rows for windows, and nothing is heard twice."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from musiclm.audio import Waveform
from musiclm.checkpoint import save_tensors
from musiclm.errors import UserError
from musiclm.evaluate.clips import Recording
from musiclm.evaluate.embedders.base import Embedder, Tagger, TextEmbedder, windows
from musiclm.evaluate.embedders.cache import default_cache, embed_folder, tag_folder
from musiclm.evaluate.embedders.catalogue import load_embedder, load_tagger
from musiclm.evaluate.embedders.judge import JudgeEmbedder, JudgeTagger
from musiclm.evaluate.embedders.vggish import VGGish, examples, mel_weights
from musiclm.evaluate.frechet import embed
from musiclm.evaluate.judge import load_judge

RATE = 24_000


def tone(seconds, hertz=330.0, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.fixture(scope="module")
def judge():
    return JudgeEmbedder()


@pytest.fixture(scope="module")
def mulan(tiny_folder):
    return load_embedder("mulan", model=str(tiny_folder))


@pytest.fixture(scope="module")
def vggish_file(tmp_path_factory):
    torch.manual_seed(0)
    tensors = VGGish(hidden=16).state_dict()
    tensors["pproc.pca_eigen_vectors"] = torch.linalg.qr(torch.randn(128, 128))[0]
    tensors["pproc.pca_means"] = 0.01 * torch.randn(128, 1)
    path = tmp_path_factory.mktemp("vggish") / "vggish.safetensors"
    save_tensors(path, tensors)
    return path


@pytest.fixture
def recordings(tmp_path):
    made = []
    for i, hertz in enumerate((220.0, 330.0, 440.0)):
        path = tmp_path / "clips" / f"{i}.wav"
        path.parent.mkdir(exist_ok=True)
        Waveform(tone(3.0, hertz)).save(path)
        made.append(Recording(path, path.stem))
    return made


def test_ours_keep_the_promise_of_embedders_and_taggers(judge, mulan):
    assert isinstance(judge, Embedder) and not isinstance(judge, TextEmbedder)
    assert isinstance(mulan, TextEmbedder)
    assert isinstance(load_tagger("judge"), Tagger)
    assert mulan.name == "mulan (tiny)"
    for ear in (judge, mulan):
        rows = ear.embed(tone(2.5))
        assert rows.shape[1] == ear.dimension and np.isfinite(rows).all()
        assert re.fullmatch("[0-9a-f]{64}", ear.fingerprint)
    assert judge.fingerprint != mulan.fingerprint


def test_the_judge_hears_whole_seconds_as_the_frechet_distance_does(judge):
    samples = np.random.default_rng(0).standard_normal(5 * RATE + 1000).astype(np.float32)
    direct = embed(load_judge(), torch.from_numpy(samples)[None, None])[0]
    assert np.allclose(judge.embed(samples), direct, atol=1e-5)
    assert judge.embed(samples[:1000]).shape == (1, 192)  # repeats


def test_long_clips_are_heard_in_parts_of_no_consequence(judge, monkeypatch):
    samples = tone(5.5)
    whole = judge.embed(samples)
    monkeypatch.setattr("musiclm.evaluate.embedders.judge.WINDOWS_AT_ONCE", 2)
    assert np.allclose(judge.embed(samples), whole, atol=1e-5) and len(whole) == 5


def test_silence_and_noise_have_finite_rows(judge, mulan):
    for samples in (np.zeros(2 * RATE, np.float32), np.ones(2 * RATE, np.float32)):
        assert np.isfinite(judge.embed(samples)).all()
        assert np.isfinite(mulan.embed(samples)).all()
        assert np.isfinite(JudgeTagger().tag(samples)).all()


@pytest.mark.parametrize("spec", ["judge", "mulan", "vggish"])
def test_a_clip_without_samples_is_refused(spec, tiny_folder, vggish_file):
    spec = f"vggish={vggish_file}" if spec == "vggish" else spec
    with pytest.raises(UserError, match="without samples"):
        load_embedder(spec, model=str(tiny_folder)).embed(np.zeros(0, np.float32))


def test_mulan_rows_and_sentences_are_unit_vectors_and_their_mean_is_mulans_own(mulan):
    samples = tone(12.0) + np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    rows = mulan.embed(samples)
    assert len(rows) > 1
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    whole = mulan.mulan.embed_audio(torch.from_numpy(samples)[None, None])[0].numpy()
    mean = rows.mean(axis=0)
    assert np.allclose(mean / np.linalg.norm(mean), whole, atol=1e-5)
    told = mulan.embed_text(["a calm piano", "loud drums"])
    assert told.shape == (2, mulan.dimension)
    assert np.allclose(np.linalg.norm(told, axis=1), 1.0, atol=1e-5)


def test_each_question_of_the_judge_is_a_distribution():
    tagger = JudgeTagger()
    told = tagger.tag(tone(3.0))
    assert told.shape == (len(tagger.labels),) and len(set(tagger.labels)) == len(tagger.labels)
    assert sorted(place for group in tagger.groups for place in group) == list(range(len(told)))
    for group in tagger.groups:
        assert told[list(group)].sum() == pytest.approx(1.0, abs=1e-6)
    questions = [tagger.labels[group[0]].split(":")[0] for group in tagger.groups]
    assert {"drums", "tempo", "mode", "style", "keys"} <= set(questions)


def test_the_judges_tags_are_its_verdicts():
    judge, tagger = load_judge(), JudgeTagger()
    noise = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    for samples in (tone(3.0), noise * np.exp(-(np.arange(3 * RATE) % 9000) / 600).astype("f4")):
        verdict = judge.judge(torch.from_numpy(samples)[None, None])[0]
        told = dict(zip(tagger.labels, tagger.tag(samples), strict=True))
        assert (told["drums: present"] > 0.5) == verdict.drums
        assert max((v, k) for k, v in told.items() if k.startswith("tempo"))[1][7:] == verdict.tempo
        assert max((v, k) for k, v in told.items() if k.startswith("style"))[1][7:] == verdict.style


def test_windows_cover_a_clip():
    clip = np.arange(24.0)
    assert windows(clip, 24).shape == (1, 24)
    assert windows(clip, 10)[:, 0].tolist() == [0.0, 10.0]  # 4 of 10 left: not worth a window
    assert windows(clip, 9)[:, 0].tolist() == [0.0, 9.0, 15.0]
    assert windows(clip, 30)[0, 24:].tolist() == [0, 1, 2, 3, 4, 5]


def test_vggish_hears_as_its_layout_says(vggish_file):
    ear = load_embedder(f"vggish={vggish_file}")
    assert isinstance(ear, Embedder)
    assert ear.embed(tone(10.0, rate=16_000)).shape == (10, 128)
    assert ear.embed(tone(0.1, rate=16_000)).shape == (1, 128)
    with torch.device("meta"):
        whole = VGGish()
    assert sum(p.numel() for p in whole.parameters()) == 72_141_184  # as published
    names = {"features.0.weight", "features.13.bias", "embeddings.0.weight", "embeddings.4.bias"}
    assert names <= set(ear.model.state_dict())
    processed = load_embedder(f"vggish-post={vggish_file}")
    bytes_ = processed.embed(tone(2.0, rate=16_000))
    assert bytes_.min() >= 0.0 and bytes_.max() <= 255.0 and np.array_equal(bytes_, bytes_.round())
    assert processed.fingerprint != ear.fingerprint and processed.name != ear.name


def test_vggish_spectrogram_is_what_an_independent_one_is():
    transformers = pytest.importorskip("transformers.audio_utils")
    filters = transformers.mel_filter_bank(
        257, 64, 125.0, 7500.0, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    assert np.allclose(mel_weights().numpy(), filters, atol=1e-5)
    noise = np.random.default_rng(0).standard_normal(16_000)
    window = transformers.window_function(400, "hann", periodic=True)
    other = transformers.spectrogram(
        noise, window, 400, 160, fft_length=512, power=1.0, center=False, mel_filters=filters
    )
    ours = examples(torch.from_numpy(noise).float())[0].numpy()
    assert np.allclose(ours, np.log(other.T[:96] + 0.01), atol=1e-3)


def test_vggish_without_its_weights_is_refused(tmp_path, vggish_file):
    with pytest.raises(UserError, match="no such file"):
        load_embedder(f"vggish={tmp_path / 'none.safetensors'}")
    save_tensors(tmp_path / "other.safetensors", {"features.0.weight": torch.zeros(3)})
    with pytest.raises(UserError, match="does not fit"):
        load_embedder(f"vggish={tmp_path / 'other.safetensors'}")
    save_tensors(tmp_path / "bare.safetensors", VGGish(hidden=16).state_dict())
    with pytest.raises(UserError, match="does not fit"):
        load_embedder(f"vggish-post={tmp_path / 'bare.safetensors'}")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("openl3", "no ear called 'openl3'"),
        ("clap", "clap needs its weights: clap=PATH"),
        ("judge=x", "takes no path"),
        ("mert=x@last", "must be a number"),
        ("clap=/nowhere", "no such folder: /nowhere"),
    ],
)
def test_a_wrong_name_is_one_clear_line(spec, said):
    with pytest.raises(UserError, match=re.escape(said)) as raised:
        load_embedder(spec)
    assert "\n" not in str(raised.value)


class Counting:
    """The judge, and how often it listened."""

    def __init__(self, ear, fingerprint="a" * 64):
        self.ear, self.name, self.fingerprint = ear, "counting", fingerprint
        self.sample_rate, self.dimension = ear.sample_rate, ear.dimension
        self.heard = 0

    def embed(self, samples):
        self.heard += 1
        return self.ear.embed(samples)


def test_nothing_is_heard_twice(judge, recordings, tmp_path):
    ear, cache = Counting(judge), tmp_path / "cache"
    first = embed_folder(ear, recordings, cache)
    assert ear.heard == 3
    again = embed_folder(ear, recordings, cache)
    assert ear.heard == 3
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other) and one.dtype == other.dtype
    moved = recordings[0].path.rename(recordings[0].path.with_name("moved.wav"))
    assert np.array_equal(embed_folder(ear, [Recording(moved, "moved")], cache)[0], first[0])
    assert ear.heard == 3
    embed_folder(Counting(judge, "b" * 64), recordings[1:], cache)
    assert len(list(cache.rglob("*.safetensors"))) == 5  # another ear keeps its own


def test_a_changed_file_is_heard_again(judge, recordings, tmp_path):
    ear, cache = Counting(judge), tmp_path / "cache"
    before = embed_folder(ear, recordings, cache)
    Waveform(tone(3.0, 880.0)).save(recordings[1].path)
    after = embed_folder(ear, recordings, cache)
    assert ear.heard == 4
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "replaced"])
def test_a_damaged_entry_is_heard_again_and_mended(judge, recordings, tmp_path, harm):
    ear, cache = Counting(judge), tmp_path / "cache"
    before = embed_folder(ear, recordings[:1], cache)
    (entry,) = cache.rglob("*.safetensors")
    content = bytearray(entry.read_bytes())
    content[-2] ^= 0x40
    wrong = {"cut": content[:-50], "flipped": content, "emptied": b""}
    if harm == "replaced":
        save_tensors(entry, {"values": torch.zeros(3, 5)})
    else:
        entry.write_bytes(wrong[harm])
    for _ in range(2):
        assert np.array_equal(embed_folder(ear, recordings[:1], cache)[0], before[0])
    assert ear.heard == 2


def test_without_a_cache_nothing_is_written(judge, recordings, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / "musiclm" / "embeddings"
    told = []
    rows = embed_folder(judge, recordings, progress=lambda *step: told.append(step))
    assert len(rows) == 3 and not default_cache().exists()
    assert told[0] == ("judge", 0, 3) and told[-1] == ("judge", 3, 3)


def test_tags_of_a_folder_are_kept_too(recordings, tmp_path):
    tagger, cache = JudgeTagger(), tmp_path / "cache"
    first = tag_folder(tagger, recordings, cache)
    assert first.shape == (3, len(tagger.labels))
    stamps = {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
    assert np.array_equal(tag_folder(tagger, recordings, cache), first)
    assert stamps == {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
    assert tag_folder(tagger, [], cache).shape == (0, len(tagger.labels))


def test_a_cache_that_cannot_be_written_is_named(judge, recordings, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot keep embeddings"):
        embed_folder(judge, recordings, tmp_path / "file" / "cache")
    with pytest.raises(UserError, match="cannot read"):
        embed_folder(judge, [Recording(Path("none.wav"), "none")], tmp_path / "cache")
