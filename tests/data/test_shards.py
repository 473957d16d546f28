"""Token shards: round trip, a plan that is kept to, strangers, crops on one time grid."""

import json

import numpy as np
import pytest
import torch

from musiclm.checkpoint import load_tensors, save_tensors
from musiclm.data.shards import (
    HEADER,
    ShardHeader,
    TokenRow,
    TokenShards,
    claim,
    is_whole,
    read_shard,
    shard_path,
    write_shard,
)
from musiclm.errors import UserError

MINE = {"codec": "c" * 64, "semantic": "s" * 64, "mulan": "m" * 64}


def row(number: int, frames: int, split: str = "train") -> TokenRow:
    """Tokens name their place: semantic frame n holds n, acoustic frame m holds m + level."""
    semantic = np.arange(frames, dtype=np.int16)
    acoustic = np.arange(2 * frames, dtype=np.int16)[:, None] + np.arange(12, dtype=np.int16)
    return TokenRow(f"row{number}", split, np.full(12, number, np.int16), semantic, acoustic)


def header(rows, rows_per_shard=64, **other):
    return ShardHeader(MINE, rows=rows, rows_per_shard=rows_per_shard, plan="p" * 64, **other)


def write(folder, rows, size=64):
    claim(folder, header(len(rows), size))
    for number, start in enumerate(range(0, len(rows), size)):
        write_shard(shard_path(folder, number), rows[start : start + size])


def test_round_trip_with_rows_of_different_lengths(tmp_path):
    rows = [row(n, frames) for n, frames in enumerate((30, 75, 50))]
    write(tmp_path, rows, size=2)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    for before, after in zip(rows, TokenShards(tmp_path).rows, strict=True):
        assert (before.id, before.split) == (after.id, after.split)
        assert np.array_equal(before.semantic, after.semantic)
        assert np.array_equal(before.acoustic, after.acoustic)
        assert np.array_equal(before.mulan, after.mulan)


def test_the_same_rows_are_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, [row(0, 30), row(1, 40, "valid")])
    one, two = (shard_path(tmp_path / name, 0).read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_shard_is_whole_if_it_holds_its_rows_to_the_last_byte(tmp_path):
    path = shard_path(tmp_path, 0)
    assert not is_whole(path, ["row0"])
    write_shard(path, [row(0, 30)])
    assert is_whole(path, ["row0"])
    assert not is_whole(path, ["row1"])
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_whole(path, ["row0"])


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (header(4, 2), "begun with other recordings"),
        (header(3, 2, data={"clips": 3}), "other licences or sources of the same recordings"),
        (header(3, 3), "begun with 2 rows a shard, not 3"),
        (ShardHeader(MINE, rows=3, rows_per_shard=2, plan="q" * 64), "begun with other recordings"),
        (ShardHeader(MINE | {"codec": "x" * 64}, rows=3), "made by another codec"),
    ],
)
def test_a_folder_keeps_to_what_it_was_begun_for(tmp_path, other, named):
    claim(tmp_path, header(3, 2))
    claim(tmp_path, header(3, 2))
    with pytest.raises(UserError, match=named):
        claim(tmp_path, other)


def test_shards_of_the_first_version_are_read_but_not_gone_on_with(tmp_path):
    write(tmp_path, [row(0, 30)])
    path = shard_path(tmp_path, 0)
    tensors, metadata = load_tensors(path)
    names = json.loads(metadata["rows"])
    save_tensors(path, tensors, {key: json.dumps(value) for key, value in names.items()})
    (tmp_path / HEADER).write_text(json.dumps({"fingerprints": MINE}))
    assert [r.id for r in TokenShards(tmp_path, expect=MINE).rows] == ["row0"]
    with pytest.raises(UserError, match="earlier version"):
        claim(tmp_path, header(1))


def test_missing_shards_are_counted(tmp_path):
    write(tmp_path, [row(n, 30) for n in range(5)], size=2)
    shard_path(tmp_path, 1).unlink()
    with pytest.raises(UserError, match="2 of 3 shards"):
        TokenShards(tmp_path)


def test_shards_of_strangers_are_refused_by_name(tmp_path):
    write(tmp_path, [row(0, 30)])
    TokenShards(tmp_path, expect=MINE)
    with pytest.raises(UserError, match="semantic"):
        TokenShards(tmp_path, expect=MINE | {"semantic": "x" * 64})


def test_damage_is_named(tmp_path):
    with pytest.raises(UserError, match="not a folder of token shards"):
        TokenShards(tmp_path)
    write(tmp_path, [row(0, 30)])
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=file.name):
        TokenShards(tmp_path)
    save_tensors(file, {"mulan": torch.zeros(1)})
    with pytest.raises(UserError, match="does not name its rows"):
        read_shard(file)
    (tmp_path / HEADER).write_text(json.dumps({"fingerprint": 1}))
    with pytest.raises(UserError, match=HEADER):
        TokenShards(tmp_path)


def test_splits_are_kept_apart(tmp_path):
    write(tmp_path, [row(0, 30), row(1, 30, "valid")])
    assert [r.id for r in TokenShards(tmp_path, split="valid").rows] == ["row1"]
    assert len(TokenShards(tmp_path, split=None).rows) == 2


def test_crops_share_one_time_grid(tmp_path):
    write(tmp_path, [row(n, 100) for n in range(3)])
    batch = TokenShards(tmp_path).crops(seconds=1.0, batch=4, seed=5)
    starts = set()
    for step in range(10):
        streams = batch(step)
        assert streams["mulan"].shape == (4, 12)
        assert streams["semantic"].shape == (4, 25)
        assert streams["acoustic"].shape == (4, 50, 12)
        assert streams["acoustic"].dtype == torch.int64
        assert torch.equal(streams["acoustic"][:, ::2, 0], 2 * streams["semantic"])
        starts |= set(streams["semantic"][:, 0].tolist())
    assert len(starts) > 10
    assert max(starts) <= 75


def test_crops_depend_on_seed_and_step_only(tmp_path):
    write(tmp_path, [row(n, 100) for n in range(3)])
    one, two = (TokenShards(tmp_path).crops(1.0, 4, seed=5) for _ in range(2))
    two(3)
    assert torch.equal(one(9)["semantic"], two(9)["semantic"])
    other = TokenShards(tmp_path).crops(1.0, 4, seed=6)
    assert any(not torch.equal(one(s)["semantic"], other(s)["semantic"]) for s in range(4))


def test_rows_shorter_than_a_crop_are_left_out(tmp_path):
    write(tmp_path, [row(0, 20), row(1, 30)])
    batch = TokenShards(tmp_path).crops(1.0, 8)
    assert set(batch(0)["mulan"].flatten().tolist()) == {1}
    with pytest.raises(UserError, match=r"no row holds 2 seconds .*1\.2"):
        TokenShards(tmp_path).crops(2.0, 8)
