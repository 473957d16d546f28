"""The best step by validation is kept and exported, whatever comes after it, kills included."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from musiclm.checkpoint import load_tensors
from musiclm.errors import UserError
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.loop import Trainer, train
from musiclm.train.run import Run

WANTED = 0.45


class Climber(nn.Module):
    """A weight that climbs past what is wanted, and a buffer that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("count", torch.zeros(1))


class Climb:
    """The smallest task: validation gets better, then worse."""

    noun = "codec"
    weights = {"height": 1.0}
    seconds_per_batch = 1.0

    def __init__(self, held_out: bool = True) -> None:
        self.model = Climber()
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.held_out = held_out

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        return {"noise": torch.rand(2, generator=torch.Generator().manual_seed(step))}

    def losses(
        self, batch: dict[str, torch.Tensor], step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
        self.model.count += 1
        yield "model", {"height": -((1 + batch["noise"]) * self.model.weight).sum()}

    def validate(self) -> dict[str, float]:
        far = float((self.model.weight - WANTED).abs().mean())
        return {"far": far, "other": -far} if self.held_out else {}

    def samples(self, folder: Path) -> None: ...

    def finish(self, folder: Path) -> None:
        export(folder, self.noun, self.model, settings())


def settings(**changes) -> TrainConfig:
    small = {"steps": 12, "warmup": 0, "lr": 0.1, "schedule": "constant", "ema": 0.5}
    more = {"log_every": 1, "validate_every": 1, "save_every": 4, "judged_by": "far"}
    return TrainConfig(**(small | more | {"precision": "float32", "device": "cpu"} | changes))


def exported(folder: Path) -> dict[str, torch.Tensor]:
    return load_tensors(folder / "export" / "codec.safetensors")[0]


def rows(folder: Path) -> list[dict]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if "valid" in row]


def test_the_best_step_is_exported_though_later_ones_are_worse(tmp_path):
    task = Climb()
    outcome = train(task, settings(), tmp_path, quiet=True)
    figures = [row["valid"]["far"] for row in rows(tmp_path)]
    best = 1 + figures.index(min(figures))
    assert 2 <= best < 11 and figures[-1] > figures[best - 1]
    assert outcome.best is not None
    assert (outcome.best.step, outcome.best.figure) == (best, figures[best - 1])
    assert [row["best"] for row in rows(tmp_path)] == [min(step, best) for step in range(1, 13)]
    kept = load_tensors(Run(tmp_path).best_path(best) / "model.safetensors")[0]
    assert all(torch.equal(kept[name], tensor) for name, tensor in exported(tmp_path).items())
    assert float(exported(tmp_path)["count"]) == best  # buffers too
    assert float((exported(tmp_path)["weight"] - WANTED).abs().mean()) == pytest.approx(
        min(figures), abs=1e-6
    )
    assert float(task.model.count) == 12  # the task goes on from where it was
    assert [path.name for path in Run(tmp_path).bests.iterdir()] == [f"{best:07d}"]
    assert f"best {outcome.best.figure:.4g} far at step {best} of 12" in outcome.best.told("x", 12)


@pytest.mark.parametrize("changes", [{"judged_by": ""}, {"validate_every": 0}])
def test_without_a_figure_the_last_step_is_exported(tmp_path, changes):
    outcome = train(Climb(), settings(**changes), tmp_path, quiet=True)
    assert outcome.best is None and float(exported(tmp_path)["count"]) == 12
    assert not Run(tmp_path).bests.exists()


def test_without_held_out_examples_the_last_step_is_exported(tmp_path):
    outcome = train(Climb(held_out=False), settings(), tmp_path, quiet=True)
    assert outcome.best is None and float(exported(tmp_path)["count"]) == 12


def test_a_figure_that_is_not_there_is_warned_of_by_name(tmp_path):
    train(Climb(), settings(judged_by="nats"), tmp_path, quiet=True)
    assert rows(tmp_path)[0]["warnings"] == [
        "no figure 'nats' to judge by (it has far, other): the last step is exported"
    ]


def test_what_is_not_a_number_is_never_the_best(tmp_path):
    task = Climb()
    validate = task.validate
    task.validate = lambda: validate() | ({"far": float("nan")} if task.model.count < 6 else {})
    outcome = train(task, settings(), tmp_path, quiet=True)
    assert outcome.best is not None and outcome.best.step == 6


class Killed(BaseException):
    """In place of SIGKILL: nothing after it is done."""


def kill(monkeypatch, moment: str, step: int) -> None:
    """Die at a step: before its best weights are whole, after, or when its checkpoint is saved."""
    keep, save, looked = Run.keep_best, Run.save, Trainer._look

    def keep_best(self, best, model):
        if best.step == step and moment == "before":
            (self.bests / f".{step:07d}").mkdir(parents=True)
            raise Killed
        keep(self, best, model)
        if best.step == step and moment == "after":
            raise Killed

    def saved(self, at, *arguments):
        path = save(self, at, *arguments)
        if at == step and moment == "saved":
            raise Killed
        return path

    def look(self, show):
        looked(self, show)
        if self.step == step and moment == "later":
            raise Killed

    monkeypatch.setattr(Run, "keep_best", keep_best)
    monkeypatch.setattr(Run, "save", saved)
    monkeypatch.setattr(Trainer, "_look", look)


# The best is step 5; checkpoints are those of 3, 6, 9 and 12.
@pytest.mark.parametrize(
    ("moment", "step"), [("before", 4), ("after", 4), ("after", 5), ("saved", 6), ("later", 11)]
)
def test_killed_and_resumed_is_as_undisturbed(tmp_path, monkeypatch, moment, step):
    config = settings(save_every=3)
    whole = train(Climb(), config, tmp_path / "whole", quiet=True)
    assert whole.best is not None and whole.best.step == 5
    with monkeypatch.context() as patched:
        kill(patched, moment, step)
        with pytest.raises(Killed):
            train(Climb(), config, tmp_path / "parts", quiet=True)
    rest = train(Climb(), config, tmp_path / "parts", resume=True, quiet=True)
    assert rest.best is not None
    assert (rest.best.step, rest.best.figure) == (whole.best.step, whole.best.figure)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    names = [sorted(p.name for p in (tmp_path / n).rglob("*")) for n in ("whole", "parts")]
    assert names[0] == names[1]  # nothing is left of the killed one
    for name, tensor in exported(tmp_path / "whole").items():
        assert torch.equal(tensor, exported(tmp_path / "parts")[name]), name


def test_a_checkpoint_finds_its_own_best_though_a_later_one_was_kept(tmp_path, monkeypatch):
    config = settings(save_every=3)
    with monkeypatch.context() as patched:
        kill(patched, "after", 5)
        with pytest.raises(Killed):
            train(Climb(), config, tmp_path, quiet=True)
    assert sorted(p.name for p in Run(tmp_path).bests.iterdir()) == ["0000003", "0000005"]
    ended = train(Climb(), settings(steps=4, save_every=3), tmp_path, resume=True, quiet=True)
    assert ended.best is not None and ended.best.step == 4  # not 5, which was never reached again
    assert float(exported(tmp_path)["count"]) == 4


def test_a_best_that_is_gone_is_missed_before_any_step(tmp_path):
    train(Climb(), settings(), tmp_path, quiet=True)
    shutil.rmtree(Run(tmp_path).bests)
    with pytest.raises(UserError, match=r"cannot resume: .*best.* is missing"):
        train(Climb(), settings(steps=20), tmp_path, resume=True, quiet=True)
    other = train(Climb(), settings(judged_by="other"), tmp_path, resume=True, quiet=True)
    assert other.best is None  # another figure begins anew, here after the last step


def test_a_run_without_a_checkpoint_leaves_nothing_to_the_next(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        kill(patched, "after", 2)
        with pytest.raises(Killed):
            train(Climb(), settings(), tmp_path, quiet=True)
    outcome = train(Climb(), settings(steps=1), tmp_path, quiet=True)
    assert outcome.best is not None and outcome.best.step == 1
    assert [path.name for path in Run(tmp_path).bests.iterdir()] == ["0000001"]
