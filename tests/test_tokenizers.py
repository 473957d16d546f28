"""Recordings to shards: the parts of a recording, the plan, and who may go on with it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.data.manifest import Clip
from musiclm.data.shards import TokenShards, read_shard, shard_path
from musiclm.errors import UserError
from musiclm.system import load_tokenizers
from musiclm.tokenizers import Tokenizers, segments, tokenize_corpus

LENGTHS = (1.0, 1.99, 0.5, 1.99, 0.01, 1.0, 1.5)


@pytest.fixture(scope="module")
def load(tiny_folder) -> partial[Tokenizers]:
    return partial(load_tokenizers, tiny_folder, torch.device("cpu"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Clip]:
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(1)
    rows = []
    for number, seconds in enumerate(LENGTHS):
        path = folder / f"{number}.wav"
        Waveform(rng.normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)).save(path)
        rows.append(Clip(str(number), str(path), seconds, split="valid" if number else "train"))
    return rows


@pytest.fixture(scope="module")
def shards(tmp_path_factory, load, clips) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "whole"
    tokenize_corpus(load, clips, folder, rows_per_shard=2)
    return folder


@pytest.mark.parametrize("seconds", [0.04, 0.5, 9.99, 10.0, 44.9, 59.99, 61.0, 3600.02])
def test_the_parts_of_a_recording_are_all_of_it(seconds: float) -> None:
    parts = list(segments(Clip("a", "a.wav", seconds)))
    for before, after in zip(parts, parts[1:], strict=False):
        assert after.start == pytest.approx(before.start + before.seconds)
        assert before.frames - after.frames in (0, 1)
    assert parts[0].start == 0.0 and len({part.id for part in parts}) == len(parts)
    assert 0 <= parts[-1].start + parts[-1].seconds - seconds < 0.04
    assert max(part.seconds for part in parts) < 45.1


def test_a_sliver_is_not_a_frame() -> None:
    assert list(segments(Clip("a", "a.wav", 0.03))) == []
    assert [part.seconds for part in segments(Clip("a", "a.wav", 10.0005))] == [10.0]


def test_shard_k_holds_the_rows_of_its_place(shards, clips) -> None:
    held = [[row.id for row in read_shard(shard_path(shards, number))] for number in range(3)]
    assert held == [["0@0", "1@0"], ["2@0", "3@0"], ["5@0", "6@0"]]  # 4 is shorter than a frame
    assert {path.name for path in shards.iterdir()} == {
        "shards.json", "00000.safetensors", "00001.safetensors", "00002.safetensors",
    }  # fmt: skip
    assert [row.id for row in TokenShards(shards, split="train").rows] == ["0@0"]
    # 1.99 seconds serve crops of 2: the last frame is filled up.
    batch = TokenShards(shards, split="valid").crops(seconds=2.0, batch=2)(0)
    assert batch["semantic"].shape == (2, 50)


def test_a_recording_is_tokenised_as_it_is_alone(shards, clips, load) -> None:
    from musiclm.audio import read_crop

    wave = torch.from_numpy(read_crop(clips[3].path, 0.0, 2.0))[None, None]
    tokens = load().tokenize(wave)
    row = read_shard(shard_path(shards, 1))[1]
    assert np.array_equal(row.semantic, tokens.semantic[0].numpy())
    assert np.array_equal(row.acoustic, tokens.acoustic[0].numpy())
    assert np.array_equal(row.mulan, tokens.mulan[0].numpy())


def test_what_is_missing_or_damaged_is_made_again(shards, clips, load, tmp_path) -> None:
    whole = {path.name: path.read_bytes() for path in shards.iterdir()}
    tokenize_corpus(load, clips, tmp_path / "two", rows_per_shard=2, processes=2)
    for name, content in whole.items():
        assert (tmp_path / "two" / name).read_bytes() == content
    times = shard_path(tmp_path / "two", 0).stat().st_mtime_ns
    shard_path(tmp_path / "two", 1).unlink()
    shard_path(tmp_path / "two", 2).write_bytes(whole["00002.safetensors"][:500])
    told: list[float] = []
    tokenize_corpus(load, clips, tmp_path / "two", rows_per_shard=2, progress=told.append)
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()} == whole
    assert shard_path(tmp_path / "two", 0).stat().st_mtime_ns == times
    assert sum(told) == pytest.approx(sum(LENGTHS), abs=0.1)


def test_strangers_are_refused_by_name(shards, clips, load) -> None:
    run = partial(tokenize_corpus, folder=shards, rows_per_shard=2)
    for others in (clips[:-1], clips[::-1], [replace(clips[0], split="test"), *clips[1:]]):
        with pytest.raises(UserError, match="begun with other recordings"):
            run(load, others)
    with pytest.raises(UserError, match="2 rows a shard, not 3"):
        run(load, clips, rows_per_shard=3)

    def other() -> Tokenizers:
        tokenizers = load()
        tokenizers.semantic.load_state_dict(
            {name: tensor + 1 for name, tensor in tokenizers.semantic.state_dict().items()}
        )
        return tokenizers

    with pytest.raises(UserError, match="made by another semantic"):
        run(other, clips)
    with pytest.raises(UserError, match="nothing to tokenize"):
        run(load, [clips[4]])
    moved = [replace(clip, path=f"/elsewhere/{clip.id}.wav") for clip in clips]
    run(load, moved)  # all is there: recordings may be moved


def test_captions_are_kept_as_their_mulan_tokens_beside_the_sounds(load, clips, tmp_path) -> None:
    """Every caption in turn; a recording without any is told by its sound."""
    words = ("a slow piano", "fast drums and a loud guitar")
    own = [replace(clips[0], captions=words), *clips[1:]]
    tokenize_corpus(load, own, tmp_path / "told", rows_per_shard=2, captions=3)
    told = TokenShards(tmp_path / "told", split=None)
    meant = load().mulan.tokenize_text(list(words)).numpy()
    first = told.rows[0]
    assert {row.tobytes() for row in first.text.astype(np.int64)} == {r.tobytes() for r in meant}
    for row in told.rows[1:]:
        assert (row.text == row.mulan).all() and row.text.shape == (3, 12)
    drawn = {tuple(told.crops(0.4, 4)(step)["text"][0].tolist()) for step in range(12)}
    assert len(drawn) > 1
    with pytest.raises(UserError, match="begun with 3 captions a row, not 0"):
        tokenize_corpus(load, own, tmp_path / "told", rows_per_shard=2)
    with pytest.raises(UserError, match="captions none or more"):
        tokenize_corpus(load, own, tmp_path / "other", captions=-1)
