"""The loop: repeatable, resumable bit for bit, and it stops where it should."""

import json
from pathlib import Path

import pytest
import torch

from musiclm.checkpoint import load_tensors
from musiclm.errors import UserError
from musiclm.train.loop import train
from musiclm.train.run import Run


def rows(folder: Path) -> list[dict]:
    """The log without what the clock says."""
    clock = {"elapsed", "audio_seconds_per_second"}
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]


def assert_same(one, two, where="state"):
    if isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_same(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, list):
        for place, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f"{where}.{place}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    else:
        assert one == two, where


@pytest.mark.parametrize("changes", [{}, {"optimizer": "muon", "ema": 0.0, "precision": "bf16"}])
def test_ten_steps_are_five_and_five_more(clips, tmp_path, changes, settings, codec, disturb):
    config = settings(validate_every=5, **changes)
    whole = train(codec(clips, config, 3), config, tmp_path / "whole", quiet=True)

    broken = disturb(codec(clips, config, 3), at=4, how="signal")
    half = train(broken, config, tmp_path / "parts", quiet=True)
    assert (half.step, half.finished) == (5, False)
    assert not (tmp_path / "parts" / "export").exists()
    torch.manual_seed(123)  # neither the caller's random state nor the weights it builds matter
    rest = train(codec(clips, config, 3), config, tmp_path / "parts", resume=True, quiet=True)

    assert (whole.step, whole.finished) == (rest.step, rest.finished) == (10, True)
    assert whole.figures == rest.figures
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    states = [Run(tmp_path / name).load()[0] for name in ("whole", "parts")]
    assert_same(*states)
    exported = [
        load_tensors(tmp_path / n / "export/codec.safetensors")[0] for n in ("whole", "parts")
    ]
    assert_same(*exported)


def test_the_callers_random_state_is_left_alone(clips, tmp_path, settings, codec):
    config = settings(steps=3)
    task = codec(clips, config)
    before = torch.get_rng_state()
    train(task, config, tmp_path / "run", quiet=True)
    assert torch.equal(before, torch.get_rng_state())


def test_a_loss_that_is_nan_stops_the_run_and_names_itself(
    clips, tmp_path, settings, codec, disturb
):
    config = settings(save_every=2)
    broken = disturb(codec(clips, config), at=5, how="nan")
    with pytest.raises(UserError, match=r"step 5: log_mel is nan.*0000004"):
        train(broken, config, tmp_path / "run", quiet=True)
    state, meta = Run(tmp_path / "run").load()
    assert meta["step"] == 4
    assert all(torch.isfinite(t).all() for t in state["average"].values())
    resumed = train(codec(clips, config), config, tmp_path / "run", resume=True, quiet=True)
    assert resumed.finished


def test_wall_clock_ends_the_run_with_its_schedule(clips, tmp_path, settings, codec):
    config = settings(steps=10**6, minutes=0.02, schedule="linear", warmup=0)
    outcome = train(codec(clips, config), config, tmp_path / "run", quiet=True)
    assert outcome.finished
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert 1.2 <= log[-1]["elapsed"] < 3.0
    assert log[0]["lr"] == pytest.approx(2e-3, rel=0.05)
    assert log[-1]["lr"] < 0.5 * log[0]["lr"]
    assert (tmp_path / "run" / "export" / "codec.safetensors").exists()


def test_files_of_a_run(clips, tmp_path, settings, codec):
    config = settings(steps=6, save_every=2, validate_every=3, sample_every=6)
    train(codec(clips, config), config, tmp_path / "run", resolved={"a": {"b": 1}}, quiet=True)
    run = tmp_path / "run"
    assert json.loads((run / "config.json").read_text()) == {"a": {"b": 1}}
    assert sorted(p.name for p in (run / "checkpoints").glob("0*")) == ["0000004", "0000006"]
    assert (run / "checkpoints" / "latest").read_text() == "0000006"
    assert len(list((run / "samples" / "0000006").glob("*.wav"))) == 6
    assert json.loads((run / "export" / "codec.json").read_text())["config"]["levels"] == 3
    log = rows(run)
    assert [row["step"] for row in log if "valid" in row] == [3, 6]
    assert {"mel", "log_mel", "commitment", "model.grad_norm", "lr"} <= log[0].keys()
    averaged, _ = load_tensors(run / "checkpoints" / "0000006" / "model.safetensors")
    exported, _ = load_tensors(run / "export" / "codec.safetensors")
    assert_same(averaged, exported)


def test_weights_of_terms_matter_and_must_exist(clips, tmp_path, settings, codec):
    off = dict.fromkeys(("mel", "commitment", "correlation"), 0.0)
    config = settings(steps=3, loss_weights=off | {"log_mel": 2.0})
    train(codec(clips, config), config, tmp_path / "run", quiet=True)
    for row in rows(tmp_path / "run"):
        assert row["model.total"] == pytest.approx(2 * row["log_mel"], rel=1e-5)
    config = settings(loss_weights={"mell": 1.0})
    with pytest.raises(UserError, match="no loss term 'mell'; legal: mel,"):
        train(codec(clips, config), config, tmp_path / "other", quiet=True)


def test_critics_enter_when_they_should(clips, tmp_path, settings, codec):
    config = settings(steps=4)
    train(codec(clips, config, 2), config, tmp_path / "run", quiet=True)
    assert ["critics" in row for row in rows(tmp_path / "run")] == [False, False, True, True]


def test_start_from_begins_where_another_run_ended(clips, tmp_path, settings, codec):
    config = settings(steps=4)
    train(codec(clips, config), config, tmp_path / "first", quiet=True)
    trained = tmp_path / "first" / "export" / "codec.safetensors"
    config = settings(steps=1, warmup=0, lr=1e-12, start_from=str(trained), weight_decay=0.0)
    torch.manual_seed(9)
    train(codec(clips, config), config, tmp_path / "second", quiet=True)
    before, after = (
        load_tensors(tmp_path / n / "export/codec.safetensors")[0] for n in ("first", "second")
    )
    for name in before:
        if name.startswith(("encoder", "decoder")):
            assert torch.allclose(before[name], after[name], atol=1e-6), name


def test_a_run_is_not_overwritten_nor_resumed_as_another(clips, tmp_path, settings, codec):
    config = settings(steps=2, warmup=0)
    with pytest.raises(UserError, match="no checkpoint to resume"):
        train(codec(clips, config), config, tmp_path / "run", resume=True, quiet=True)
    resolved = {"train": {"steps": 2, "lr": 0.1}}
    train(codec(clips, config), config, tmp_path / "run", resolved=resolved, quiet=True)
    with pytest.raises(UserError, match="holds a run already"):
        train(codec(clips, config), config, tmp_path / "run", resolved=resolved, quiet=True)
    changed = {"train": {"steps": 2, "lr": 0.2}}
    with pytest.raises(UserError, match=r"train\.lr = 0\.2; the run began with 0\.1"):
        train(codec(clips, config), config, tmp_path / "run", True, changed, quiet=True)


def test_a_run_resumed_with_more_steps_goes_on(clips, tmp_path, settings, codec):
    for steps, resume in ((2, False), (4, True)):
        config = settings(steps=steps, warmup=0)
        resolved = {"train": {"steps": steps}}
        outcome = train(
            codec(clips, config), config, tmp_path / "run", resume, resolved, quiet=True
        )
        assert outcome.step == steps
