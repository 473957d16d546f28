"""Every noun's task learns something small and true, and exports what the system can load."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from musiclm.checkpoint import load_tensors, load_weights, save_tensors
from musiclm.codec.losses import log_mel_distance
from musiclm.codec.soundstream import SoundStream
from musiclm.config import from_dict
from musiclm.corpus.aspects_check import untruths
from musiclm.corpus.contradict import change
from musiclm.corpus.tags import tags
from musiclm.data.shards import ShardHeader, TokenRow, claim, shard_path, write_shard
from musiclm.errors import UserError
from musiclm.lm.decoder import DecoderConfig
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.stages import STAGES
from musiclm.mulan.audio_tower import AudioTowerConfig
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.text_tower import TextTowerConfig
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.semantic.musical_tokenizer import MusicalConfig, MusicalTokenizer
from musiclm.semantic.tokenizer import W2vBertTokenizer
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig
from musiclm.tokens import Alphabet
from musiclm.train.captions import contradictions_of
from musiclm.train.heldout import middles
from musiclm.train.lm import LMTask
from musiclm.train.loop import train
from musiclm.train.mulan import MuLanTask, MuLanTaskConfig
from musiclm.train.semantic import MusicalTask, SemanticTask, SemanticTaskConfig

W2V_BERT = W2vBertConfig(
    dim=32,
    heads=2,
    hidden=64,
    contrastive_layers=1,
    masked_layers=1,
    feature_layer=1,
    conv_channels=8,
    codes=32,
    code_dim=16,
    clusters=8,
    distractors=10,
)
MULAN = MuLanConfig(
    embed_dim=16,
    window_seconds=1.0,
    levels=3,
    codes=4,
    audio=AudioTowerConfig(bins=32, width=32, layers=1, heads=2, hidden=64, dropout=0.0),
    text=TextTowerConfig(
        layers=1, width=32, heads=2, hidden=64, vocabulary=997, max_tokens=16, dropout=0.0
    ),
)
DECODER = DecoderConfig(dim=48, layers=1, heads=2, hidden=96, dropout=0.0)
FINGERPRINTS = {"codec": "c" * 64, "semantic": "s" * 64, "mulan": "m" * 64}


def log(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if '"valid"' not in line]


def exported(folder, noun, kind):
    about = json.loads((folder / "export" / f"{noun}.json").read_text())
    path = folder / "export" / f"{noun}.safetensors"
    return from_dict(kind, about["config"]), load_tensors(path)[0], about


def test_codec_learns_to_say_its_clips(clips, tmp_path, codec, settings):
    config = settings(steps=60, batch=4, crop_seconds=0.4, lr=4e-3, ema=0.9, validate_every=60)
    task = codec(clips, config)
    model = task.model.eval()
    before = task.validate()["log_mel_3_levels"]
    outcome = train(task, config, tmp_path, quiet=True)
    assert outcome.figures["log_mel_3_levels"] < 0.5 * before
    kind, tensors, _ = exported(tmp_path, "codec", type(model.config))
    rebuilt = SoundStream(kind).eval()
    load_weights(rebuilt, tensors, "codec")
    real = task.valid_wave
    again = rebuilt.decode(rebuilt.encode(real))[..., : real.shape[-1]]
    assert float(log_mel_distance(real, again).mean()) < 0.5 * before


def test_semantic_learns_to_find_hidden_frames_and_is_clustered(clips, tmp_path, settings):
    config = settings(steps=40, batch=4, crop_seconds=2.0, lr=3e-3, validate_every=40)
    torch.manual_seed(0)
    task = SemanticTask(W2V_BERT, config, clips, SemanticTaskConfig(fit_seconds=30.0))
    outcome = train(task, config, tmp_path, quiet=True)
    rows = log(tmp_path)
    first, last = (sum(r["contrastive"] for r in part) / 5 for part in (rows[:5], rows[-5:]))
    assert last < 0.8 * first
    assert {"codebook_usage", "collapsed"} <= outcome.figures.keys()
    kind, tensors, _ = exported(tmp_path, "semantic", W2vBertConfig)
    tokenizer = W2vBertTokenizer(W2vBert(kind))
    load_weights(tokenizer, tensors, "semantic")
    ids = tokenizer.eval().tokenize(task.valid_wave)
    assert ids.shape == (3, 50)
    assert len(ids.unique()) > 1


def test_musical_tokens_are_clustered_without_a_step(clips, tmp_path, settings):
    config = settings(steps=40, batch=4, crop_seconds=2.0)
    task = MusicalTask(MusicalConfig(clusters=8), config, clips)
    outcome = train(task, config, tmp_path, quiet=True)
    assert outcome.finished and outcome.step == 0
    kind, tensors, _ = exported(tmp_path, "semantic", MusicalConfig)
    tokenizer = MusicalTokenizer(kind)
    load_weights(tokenizer, tensors, "semantic")
    ids = tokenizer.tokenize(middles(clips[9:], 2.0))
    assert ids.shape == (3, 50)
    assert ids.mode(dim=1).values.unique().numel() == 3  # of 3: low, middle, high


def test_a_collapsed_quantiser_raises_the_alarm(clips, settings, monkeypatch):
    task = SemanticTask(W2V_BERT, settings(crop_seconds=1.0), clips)
    output = task.model(task.valid_wave[:1], torch.Generator())
    for masked, accuracy, alarm in ((0.01, 0.99, 1.0), (4.0, 0.99, 0.0), (0.01, 0.3, 0.0)):
        losses = output.losses | {"masked": torch.tensor(masked), "diversity": torch.tensor(0.5)}
        figures = output.metrics | {"masked_accuracy": torch.tensor(accuracy)}
        stand_in = output._replace(losses=losses, metrics=figures)
        monkeypatch.setattr(task.model, "forward", lambda *_, made=stand_in: made)
        found = task.validate()
        assert found["collapsed"] == alarm
        assert len(task.diagnose(found)) == alarm


@pytest.fixture
def mulan_run(clips, tmp_path, settings):
    config = settings(
        steps=150, batch=3, crop_seconds=1.0, lr=3e-3, validate_every=150, ema=0.9, warmup=5
    )
    torch.manual_seed(0)
    task = MuLanTask(MULAN, config, clips, MuLanTaskConfig(fit_crops=4))
    return task, train(task, config, tmp_path, quiet=True)


def test_mulan_tells_held_out_sounds_apart_by_their_captions(mulan_run, tmp_path):
    task, outcome = mulan_run
    assert outcome.figures["text_to_audio_recall_1"] == 1.0  # of 3: low, middle, high
    assert outcome.figures["contrastive"] < outcome.figures["chance"] - 0.5
    kind, tensors, _ = exported(tmp_path, "mulan", MuLanConfig)
    tokenizer = MuLanTokenizer(MuLan(kind)).eval()
    load_weights(tokenizer, tensors, "mulan")
    tokens = tokenizer.tokenize_text(["a low tone", "a high tone"])
    assert tokens.shape == (2, 3)
    assert not torch.equal(tokens[0], tokens[1])


def test_captions_are_of_their_own_clips(clips, settings):
    config = settings(batch=3, crop_seconds=1.0)
    task = MuLanTask(MULAN, config, clips)
    for step in range(4):
        crops, batch = task.crops.batch(step), task.batch(step)
        assert torch.equal(crops.wave, batch["wave"])
        for clip, number in zip(crops.clips, batch["caption"][0].tolist(), strict=True):
            assert task.captions.texts[number] in clip.captions
    assert torch.equal(
        task.batch(2)["caption"], MuLanTask(MULAN, config, clips).batch(2)["caption"]
    )


FLUTE = {
    "texture": "solo", "instruments": [{"program": 73, "name": "flute", "family": "winds",
    "role": "melody"}], "families": ["winds"], "drums": False, "bass": False, "style": "folk",
    "bpm": 70.0, "tempo_class": "slow", "key": "A", "mode": "minor", "metre": "4/4",
    "density": "sparse", "register": "high", "dynamics": "soft", "moods": ["sad"],
}  # fmt: skip


def test_mulan_is_held_against_what_is_untrue_of_its_own_clips(clips, tmp_path, settings):
    told = [dataclasses.replace(clip, labels=FLUTE) for clip in clips]
    config = settings(steps=4, batch=3, crop_seconds=1.0, lr=3e-3, validate_every=4)
    task = MuLanTask(MULAN, config, told, MuLanTaskConfig(captions=2, contradictions=2))
    batch = task.batch(0)
    assert batch["caption"].shape == (2, 3) and batch["contradiction"].shape == (3,)
    clip = task.crops.batch(0).clips[0]
    first, count = task.wrong.places[clip.id]
    assert task.right.places == task.wrong.places
    assert count == 2 and first <= int(batch["contradiction"][0]) < first + 2
    assert all(untruths(FLUTE, text) for text in task.wrong.texts)
    assert not any(untruths(FLUTE, text) for text in task.right.texts)
    outcome = train(task, config, tmp_path, quiet=True)
    assert {"contrastive", "contradiction"} <= log(tmp_path)[0].keys()
    assert 0.0 <= outcome.figures["right_over_contradicting"] <= 1.0


def test_contradictions_take_turns_any_fact_mode_or_mood_and_long_ones(clips):
    told = [dataclasses.replace(clip, labels=FLUTE) for clip in clips]
    right, wrong = contradictions_of(told, 6, seed=0)
    brighter = change(FLUTE, "mode", np.random.default_rng(0))
    seconds = [wrong.texts[first + k] for first, _ in wrong.places.values() for k in (1, 4)]
    assert all(untruths(FLUTE, text) and not untruths(brighter, text) for text in seconds)
    firsts = [wrong.texts[first] for first, _ in wrong.places.values()]
    assert any(untruths(brighter, text) for text in firsts)
    thirds = [first + k for first, _ in wrong.places.values() for k in (2, 5)]
    assert all(untruths(FLUTE, wrong.texts[n]) for n in thirds)
    assert not any(untruths(FLUTE, right.texts[n]) for n in thirds)
    rest = [n for n in range(len(right.texts)) if n not in thirds]
    lengths = [np.mean([len(right.texts[n]) for n in some]) for some in (thirds, rest)]
    assert lengths[0] > lengths[1]
    none = [dataclasses.replace(clip, labels=FLUTE | {"mode": None}) for clip in clips[:3]]
    _, wrong = contradictions_of(none, 2, seed=0)
    assert all(untruths(FLUTE | {"mode": None}, text) for text in wrong.texts)


def test_mulan_learns_tags_from_those_that_fit(clips, tmp_path, settings):
    sad, happy = FLUTE, FLUTE | {"mode": "major", "tempo_class": "fast", "moods": ["happy"]}
    told = [dataclasses.replace(c, labels=happy if i % 2 else sad) for i, c in enumerate(clips)]
    config = settings(steps=4, batch=3, crop_seconds=1.0, lr=3e-3, validate_every=4)
    task = MuLanTask(MULAN, config, told, MuLanTaskConfig(tags=True))
    batch, names = task.batch(0), task.tags.told.texts
    for row, clip in zip(batch["fits"], task.crops.batch(0).clips, strict=True):
        assert {names[i] for i in row.nonzero()[:, 0].tolist()} == tags(clip.labels)
    train(task, config, tmp_path, quiet=True)
    assert math.isfinite(log(tmp_path)[0]["tags"])


def test_mulan_learns_from_captions_alone_where_labels_are_not_of_our_corpus(
    clips, tmp_path, settings
):
    config = settings(steps=4, batch=3, crop_seconds=1.0, lr=3e-3, validate_every=4)
    both = MuLanTaskConfig(contradictions=1, tags=True)
    plain = MuLanTask(MULAN, config, clips, both)
    train(plain, config, tmp_path / "none", quiet=True)
    assert not {"contradiction", "tags"} & log(tmp_path / "none")[0].keys()

    half = [dataclasses.replace(c, labels={} if i else FLUTE) for i, c in enumerate(clips)]
    mixed = MuLanTask(MULAN, config, half, both)
    batch = mixed.batch(0)
    known = [row for row, c in enumerate(mixed.crops.batch(0).clips) if c.labels]
    assert batch["labelled"].tolist() == known and len(batch["fits"]) == len(known)
    train(mixed, config, tmp_path / "some", quiet=True)
    rows = log(tmp_path / "some")
    assert all(math.isfinite(row[term]) for row in rows for term in row if term == "tags")
    assert {"contradiction", "tags"} <= rows[0].keys()


def test_remembered_spectrograms_are_those_of_the_crops(clips, tmp_path, settings):
    config = settings(steps=3, batch=3, crop_seconds=1.0, lr=3e-3, validate_every=3)
    plain = MuLanTask(MULAN, config, clips)
    kept = MuLanTask(MULAN, config, clips, MuLanTaskConfig(remember=True))
    for step in (0, 1, 0):
        ours, theirs = kept.batch(step), plain.batch(step)
        assert torch.equal(ours["caption"], theirs["caption"])
        mel = kept.model.audio.spectrogram(theirs["wave"][:, 0])
        # A crop begins on a frame, so up to half a hop away; its ends have neighbours.
        assert ours["mel"].shape == mel.shape
        assert (ours["mel"] - mel)[:, 4:-4].abs().mean() < 0.25
        assert (ours["mel"].roll(1, 0) - mel)[:, 4:-4].abs().mean() > 0.5
    assert torch.equal(kept.batch(1)["mel"], kept.batch(1)["mel"])
    outcome = train(kept, config, tmp_path, quiet=True)
    assert outcome.finished
    with pytest.raises(UserError, match="crops of 2 s are more than a window of 1 s"):
        longer = settings(batch=3, crop_seconds=2.0)
        MuLanTask(MULAN, longer, clips, MuLanTaskConfig(remember=True))


def test_mulan_needs_pairs_to_tell_apart(clips, settings):
    with pytest.raises(UserError, match="batch of 1 pairs"):
        MuLanTask(MULAN, settings(batch=1), clips)
    with pytest.raises(UserError, match="batch of 100 pairs cannot be drawn from 9"):
        MuLanTask(MULAN, settings(batch=100), clips)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Music of one rule: MuLan names the first token, semantic ones count up, acoustic follow."""
    folder = tmp_path_factory.mktemp("shards")
    rows = []
    for number in range(24):
        semantic = (np.arange(100) % 5 + 5 * (number % 3)).astype(np.int16)
        acoustic = np.repeat(semantic, 2)[:, None] + np.arange(12, dtype=np.int16)
        mulan = np.full(12, number % 3, np.int16)
        split = "valid" if number >= 20 else "train"
        rows.append(TokenRow(str(number), split, mulan, semantic, acoustic))
    claim(folder, ShardHeader(FINGERPRINTS, rows=24, rows_per_shard=8))
    for shard in range(3):
        write_shard(shard_path(folder, shard), rows[8 * shard : 8 * shard + 8])
    return folder


@pytest.mark.parametrize("name", ["semantic", "coarse", "fine"])
def test_stages_learn_the_rule_of_their_tokens(shards, tmp_path, settings, name):
    config = settings(
        steps=80, batch=4, crop_seconds=0.48, lr=1e-2, warmup=5, ema=0.9, validate_every=80
    )
    torch.manual_seed(0)
    shares = {"null_share": 0.0, "shallow_share": 0.0, "noise_share": 0.0}
    task = LMTask(LMConfig(STAGES[name], DECODER, **shares), config, shards, FINGERPRINTS)
    assert task.noun == f"lm.{name}"
    outcome = train(task, config, tmp_path, quiet=True)
    assert log(tmp_path)[0]["model.total"] > 0.9 * math.log(1024)
    assert outcome.figures["nats"] < 0.35 * outcome.figures["chance"]
    kind, tensors, about = exported(tmp_path, f"lm.{name}", LMConfig)
    load_weights(StageModel(kind), tensors, name)
    assert about["trained_with"] == FINGERPRINTS


def test_a_stage_refuses_other_tokens_and_longer_crops(shards, settings):
    config = LMConfig(STAGES["fine"], DECODER)
    with pytest.raises(UserError, match="mulan"):
        LMTask(config, settings(), shards, FINGERPRINTS | {"mulan": "x" * 64})
    with pytest.raises(UserError, match="crop_seconds 4 is more than the stage's 3"):
        LMTask(config, settings(crop_seconds=4.0), shards)


def test_a_stage_refuses_shards_without_captions_and_of_another_codec(shards, settings):
    told = LMConfig(STAGES["semantic"], DECODER, text_share=0.5)
    with pytest.raises(UserError, match="tokenize with --captions"):
        LMTask(told, settings(crop_seconds=1.0), shards)
    fast = dataclasses.replace(STAGES["coarse"], acoustic=Alphabet("acoustic", 25, 24, 1024))
    with pytest.raises(UserError, match="50 acoustic frames of 12 levels"):
        LMTask(LMConfig(fast, DECODER), settings(crop_seconds=1.0), shards)


def test_lengths_of_crops_take_turns_at_as_many_seconds_a_batch(shards, settings):
    config = settings(batch=4, crop_seconds=1.0, crop_turns=(2.0,))
    task = LMTask(LMConfig(STAGES["semantic"], DECODER), config, shards)
    shapes = [tuple(task.batch(step)["semantic"].shape) for step in range(4)]
    assert shapes == [(4, 25), (2, 50)] * 2
    assert not torch.equal(task.batch(0)["semantic"], task.batch(2)["semantic"])
    with pytest.raises(UserError, match="crop_turns 60 is more than the stage's 30"):
        long = settings(crop_seconds=1.0, crop_turns=(60.0,))
        LMTask(LMConfig(STAGES["semantic"], DECODER), long, shards)


def test_a_stage_reads_mulan_tokens_by_their_centroids(shards, settings):
    books = torch.randn(12, 1024, 6)
    config = LMConfig(STAGES["semantic"], DECODER, mulan_dim=6)
    task = LMTask(config, settings(crop_seconds=1.0), shards, mulan_codebooks=books)
    assert torch.equal(task.model.given["mulan"].codebooks, books)


def test_a_stage_that_goes_on_reads_mulan_tokens_by_the_new_centroids(shards, settings, tmp_path):
    old, new = torch.randn(2, 12, 1024, 6)
    config = LMConfig(STAGES["semantic"], DECODER, mulan_dim=6)
    first = LMTask(config, settings(crop_seconds=1.0), shards, mulan_codebooks=old)
    save_tensors(tmp_path / "first.safetensors", first.model.state_dict())
    start = str(tmp_path / "first.safetensors")
    again = settings(crop_seconds=1.0, steps=1, warmup=0, lr=1e-12, start_from=start, ema=0.0)
    task = LMTask(config, again, shards, mulan_codebooks=new)
    train(task, again, tmp_path / "run", quiet=True)
    assert torch.equal(task.model.given["mulan"].codebooks, new)
    # Everything else is what training began with.
    own, begun = task.model.given["mulan"].project.weight, first.model.given["mulan"].project.weight
    torch.testing.assert_close(own, begun, atol=1e-6, rtol=0)
