"""Token shards: round trip, resuming, strangers, crops on one time grid."""

import json

import numpy as np
import pytest
import torch

from musiclm.data.shards import HEADER, ShardHeader, ShardWriter, TokenRow, TokenShards
from musiclm.errors import UserError

MINE = {"codec": "c" * 64, "semantic": "s" * 64, "mulan": "m" * 64}
HEADER_OF_MINE = ShardHeader(MINE)


def row(number: int, frames: int, split: str = "train") -> TokenRow:
    """Tokens name their place: semantic frame n holds n, acoustic frame m holds m + level."""
    semantic = np.arange(frames, dtype=np.int16)
    acoustic = np.arange(2 * frames, dtype=np.int16)[:, None] + np.arange(12, dtype=np.int16)
    return TokenRow(f"row{number}", split, np.full(12, number, np.int16), semantic, acoustic)


def write(folder, rows, **options):
    with ShardWriter(folder, HEADER_OF_MINE, **options) as shards:
        for each in rows:
            shards.add(each)


def test_round_trip_with_rows_of_different_lengths(tmp_path):
    rows = [row(n, frames) for n, frames in enumerate((30, 75, 50))]
    write(tmp_path, rows, rows_per_shard=2)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    for before, after in zip(rows, TokenShards(tmp_path).rows, strict=True):
        assert (before.id, before.split) == (after.id, after.split)
        assert np.array_equal(before.semantic, after.semantic)
        assert np.array_equal(before.acoustic, after.acoustic)
        assert np.array_equal(before.mulan, after.mulan)


def test_a_second_writer_goes_on_where_the_first_was_interrupted(tmp_path):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path, HEADER_OF_MINE, 2) as shards:
        for number in range(3):
            shards.add(row(number, 30))
        raise KeyboardInterrupt
    again = ShardWriter(tmp_path, HEADER_OF_MINE, 2)
    assert again.done == {"row0", "row1", "row2"}
    again.add(row(3, 30))
    again.flush()
    assert [r.id for r in TokenShards(tmp_path).rows] == ["row0", "row1", "row2", "row3"]


def test_shards_of_strangers_are_refused_by_name(tmp_path):
    write(tmp_path, [row(0, 30)])
    TokenShards(tmp_path, expect=MINE)
    with pytest.raises(UserError, match="semantic"):
        TokenShards(tmp_path, expect=MINE | {"semantic": "x" * 64})
    with pytest.raises(UserError, match="codec"):
        ShardWriter(tmp_path, ShardHeader(MINE | {"codec": "x" * 64}))


def test_damage_is_named(tmp_path):
    with pytest.raises(UserError, match="not a folder of token shards"):
        TokenShards(tmp_path)
    write(tmp_path, [row(0, 30)])
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=file.name):
        TokenShards(tmp_path)
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
