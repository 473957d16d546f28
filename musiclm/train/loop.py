"""The only training loop: batch, step, log, sample, validate, save.

What differs between nouns is a `Task`. A run is a pure function of its configuration: random
numbers of a step come from the seed and the step, batches too, so a checkpoint holds no random
states and a resumed run equals an uninterrupted one, bit for bit on the CPU (unless a wall-clock
budget shapes its schedule).

    outcome = train(CodecTask(model_config, config, clips), config, "runs/codec-mini")
"""

import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from musiclm.checkpoint import load_tensors, load_weights
from musiclm.data.dataset import Prefetch
from musiclm.device import autocast, pick_device
from musiclm.errors import UserError
from musiclm.origin import Origin
from musiclm.train import distributed
from musiclm.train.config import TrainConfig
from musiclm.train.export import sign
from musiclm.train.optim import Average, Optimizer, learning_rate, part_norms, spent
from musiclm.train.run import Best, Run
from musiclm.train.task import LOGGED, Anchored, Batch, Explains, Task, Terms, reweighted


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    step: int
    finished: bool  # False: a signal stopped it, and `resume` continues it
    figures: dict[str, float]  # of the last validation
    best: Best | None = None  # whose weights are exported; None: those of the last step
    origin: Origin | None = None  # of what is exported, if training was told how it begins


def train(
    task: Task,
    config: TrainConfig,
    run_dir: str | Path,
    resume: bool = False,
    resolved: Mapping[str, Any] | None = None,
    quiet: bool = False,
    origin: Origin | None = None,
) -> Outcome:
    """Train a task to the end of its steps or minutes; stop cleanly on SIGINT or SIGTERM.

    `origin` is what is known before the first step; it is kept with the run and signs the export.
    """
    distributed.start()
    run = Run(run_dir)
    leads = distributed.rank() == 0
    if leads:
        run.start(resolved or {}, resume, origin)
    if not task.modules:  # nothing learns by steps
        signed = run.origin() if leads and origin else None
        if leads:
            task.finish(run.export)
            sign(run.export, task.noun, signed)
        return Outcome(0, True, {}, origin=signed)
    trainer = Trainer(task, config, run)
    if resume:
        trainer.restore()
    elif config.start_from:
        anchors = task.anchors if isinstance(task, Anchored) else {}
        begun = load_tensors(config.start_from)[0] | dict(anchors)
        load_weights(task.modules["model"], begun, config.start_from)
        trainer.average.restart()
    devices = [trainer.device] if trainer.device.type == "cuda" else []
    with torch.random.fork_rng(devices), stop_signal() as stop, bar(quiet or not leads) as show:
        finished = trainer.run_to_end(stop, show)
    signed = trainer.signed() if leads and origin else None
    if leads and finished:
        with trainer.for_export():
            task.finish(run.export)
        sign(run.export, task.noun, signed)
    return Outcome(trainer.step, finished, trainer.figures, trainer.best, signed)


class Trainer:
    """The state of a run between steps, and what can be done with it."""

    def __init__(self, task: Task, config: TrainConfig, run: Run):
        self.task, self.config, self.run = task, config, run
        self.weights = reweighted(task.noun, task.weights, config.loss_weights)
        self.device = pick_device(config.device)
        for module in task.modules.values():
            module.to(self.device).train()
            distributed.follow_first(module.state_dict().values())
        self.optimizers = {name: Optimizer(m, config) for name, m in task.modules.items()}
        self.average = Average(task.modules["model"], config.ema)
        self.generator = torch.Generator()  # on the CPU: the same numbers whatever the device
        self.step = self.saved = 0
        self.seconds = 0.0  # of training, over all its sittings
        self.figures: dict[str, float] = {}  # of the last validation
        self.best: Best | None = None  # so far, if a figure judges
        self.row: dict[str, Any] = {}  # the last one logged

    def run_to_end(self, stop: threading.Event, show: Progress) -> bool:
        """Take steps until all are taken, the time is up, or a signal came; True unless it did."""
        meter, began = Meter(), time.monotonic() - self.seconds
        line = show.add_task(self.task.noun, total=1.0, text="")
        first, stride = self.step * distributed.world() + distributed.rank(), distributed.world()
        with Prefetch(self.task.batch, first, stride) as batches:
            while not self.over and not self._agreed(stop):
                before = time.monotonic()
                meter.add(self.take_step(next(batches)), time.monotonic() - before)
                self.seconds = distributed.agree(time.monotonic() - began, self.device)
                self._report(meter, show, line)
                self._look(show)
                if self.step % self.config.save_every == 0:
                    self.save()
        if self.saved != self.step:
            self.save()
        return self.over

    @property
    def over(self) -> bool:
        return self.step >= self.config.steps or spent(self.config, self.seconds) >= 1

    def take_step(self, batch: Batch) -> dict[str, Tensor]:
        """Update every module that the task names, in its order."""
        self._seed()
        on_device = {name: tensor.to(self.device) for name, tensor in batch.items()}
        lr = learning_rate(self.config, self.step, self.seconds)
        losses = self.task.losses(on_device, self.step, self.generator)
        figures = {"lr": torch.tensor(lr, dtype=torch.float64)}
        while (named := self._next_terms(losses)) is not None:
            name, terms = named
            figures |= terms if name == LOGGED else self._update(name, terms, lr)
        self.step += 1
        self.average.update(self.step)
        distributed.follow_first(b for m in self.task.modules.values() for b in m.buffers())
        return figures

    def _next_terms(self, losses: Iterator[tuple[str, Terms]]) -> tuple[str, Terms] | None:
        with autocast(self.device, self.config.precision):
            return next(losses, None)

    def _update(self, name: str, terms: Terms, lr: float) -> dict[str, Tensor]:
        optimizer = self.optimizers[name]
        total = torch.stack([self.weights[term] * value for term, value in terms.items()]).sum()
        optimizer.zero_grad()
        total.backward()
        distributed.average_gradients(optimizer.parameters)
        logs = (self.step + 1) % self.config.log_every == 0
        parts = part_norms(self.task.modules[name], name) if logs else {}
        norm = torch.nn.utils.clip_grad_norm_(optimizer.parameters, self.config.clip_norm)
        self._check(terms, norm)
        optimizer.step(lr)
        values = {term: value.detach() for term, value in terms.items()}
        return values | {f"{name}.total": total.detach(), f"{name}.grad_norm": norm} | parts

    def _check(self, terms: Terms, norm: Tensor) -> None:
        if bool(torch.isfinite(torch.stack([*terms.values(), norm])).all()):
            return
        bad = [f"{t} is {v.item():g}" for t, v in terms.items() if not math.isfinite(v.item())]
        what = bad[0] if bad else "a gradient is not finite"
        raise UserError(
            f"{self.task.noun} stopped at step {self.step}: {what}; "
            f"the last good checkpoint is {self.run.latest() or 'none'}; try a lower lr"
        )

    def _seed(self) -> None:
        """Random numbers of a step depend on nothing before it: no random state is saved."""
        entropy = (self.config.seed, self.step, distributed.rank())
        states = np.random.SeedSequence(entropy).generate_state(2, np.uint64) >> 1
        torch.manual_seed(int(states[0]))
        self.generator.manual_seed(int(states[1]))

    def _agreed(self, stop: threading.Event) -> bool:
        if distributed.agree(float(stop.is_set()), self.device):
            stop.set()
        return stop.is_set()

    def _report(self, meter: "Meter", show: Progress, line: TaskID) -> None:
        done = max(self.step / self.config.steps, spent(self.config, self.seconds))
        if self.step % self.config.log_every == 0 or self.over:
            row = meter.read(self.task.seconds_per_batch * distributed.world())
            self.row = row
            if distributed.rank() == 0:
                self.run.log({"step": self.step, "elapsed": round(self.seconds, 2)} | row)
            text = f"step {self.step}  loss {row['model.total']:.3f}  "
            show.update(line, text=text + f"{row['audio_seconds_per_second']:.1f} s/s")
        show.update(line, completed=min(1.0, done))

    def _look(self, show: Progress) -> None:
        """Validate, and write samples, where it is time."""
        validates, samples = self.config.validate_every, self.config.sample_every
        due = validates and (self.step % validates == 0 or self.over)
        due_samples = samples and (self.step % samples == 0 or self.over)
        if distributed.rank() or not (due or due_samples):
            return
        with self.for_inference():
            if due:
                self._validate(show)
            if due_samples:
                self.task.samples(self.run.samples(self.step))

    def _validate(self, show: Progress) -> None:
        self.figures = self.task.validate()
        row: dict[str, Any] = {"step": self.step, "valid": self.figures}
        if isinstance(self.task, Explains):
            row["details"] = dict(self.task.details())
            row["warnings"] = self.task.diagnose(self.row | self.figures | row["details"])
        self._judge(row)
        self.run.log(row)
        figures = "  ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        show.console.print(f"{self.task.noun}  step {self.step}  {figures}", soft_wrap=True)
        for sentence in row.get("warnings", ()):
            show.console.print(f"{self.task.noun}  warning: {sentence}", soft_wrap=True)

    def _judge(self, row: dict[str, Any]) -> None:
        """Keep the weights as they are now if the figure that decides was never lower."""
        name = self.config.judged_by
        if name and self.figures and name not in self.figures:
            has = ", ".join(self.figures)
            warning = f"no figure {name!r} to judge by (it has {has}): the last step is exported"
            row["warnings"] = [*row.get("warnings", ()), warning]
        figure = self.figures.get(name, math.nan)
        if figure < (self.best.figure if self.best else math.inf):  # never so of NaN
            self.best = Best(name, figure, self.step, self.seconds)
            self.run.keep_best(self.best, self.task.modules["model"].state_dict())
        if self.best:
            row["best"] = self.best.step

    @contextmanager
    def for_inference(self) -> Iterator[None]:
        """Averaged weights, evaluation mode, no gradients, float32: as the model will be used."""
        model = self.task.modules["model"].eval()
        with self.average.applied(), torch.no_grad():
            yield
        model.train()

    @contextmanager
    def for_export(self) -> Iterator[None]:
        """As for inference, with the best weights where there are any."""
        model = self.task.modules["model"]
        with self.for_inference():
            last = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            if self.best:
                path = self.run.best_path(self.best.step) / "model.safetensors"
                load_weights(model, load_tensors(path)[0], path)
            yield
            model.load_state_dict(last)  # buffers, which are not averaged

    def signed(self) -> Origin | None:
        """The run's record of origin, with what it has come to."""
        begun, best = self.run.origin(), self.best.step if self.best else None
        seconds = round(self.seconds, 1)
        return replace(begun, steps=self.step, best_step=best, seconds=seconds) if begun else None

    def save(self) -> None:
        self.saved = self.step
        if distributed.rank():
            return
        state = {
            "modules": {name: m.state_dict() for name, m in self.task.modules.items()},
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "average": self.average.weights,
        }
        meta = {"noun": self.task.noun, "seconds": self.seconds, "figures": self.figures}
        meta["best"] = asdict(self.best) if self.best else None
        with self.average.applied():
            tensors = {
                k: v.detach().clone() for k, v in self.task.modules["model"].state_dict().items()
            }
        self.run.save(self.step, tensors, state, meta)

    def restore(self) -> None:
        state, meta = self.run.load()
        for name, module in self.task.modules.items():
            module.load_state_dict(state["modules"][name])
            self.optimizers[name].load_state_dict(state["optimizers"][name])
        self.average.load(state["average"])
        self.step = self.saved = meta["step"]
        self.seconds, self.figures = meta["seconds"], meta["figures"]
        if distributed.rank() == 0:
            self._restore_best(meta.get("best"))
            self.run.forget_after(self.step)

    def _restore_best(self, best: dict[str, Any] | None) -> None:
        if not best or best["name"] != self.config.judged_by:  # another figure begins anew
            return
        self.best = Best(**best)
        path = self.run.best_path(self.best.step)
        if not path.is_dir():
            raise UserError(f"cannot resume: {path}, the best weights so far, is missing")


class Meter:
    """Means of the figures since they were last read, and the speed of the steps alone."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: Counter[str] = Counter()
        self.steps, self.seconds = 0, 0.0

    def add(self, figures: dict[str, Tensor], seconds: float) -> None:
        self.steps, self.seconds = self.steps + 1, self.seconds + seconds
        for name, value in figures.items():
            # Stays on its device: a training step need not wait for it.
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] += 1

    def read(self, audio_seconds_per_step: float) -> dict[str, Any]:
        means = {name: (self.sums[name] / self.counts[name]).tolist() for name in self.sums}
        rate = self.steps * audio_seconds_per_step / max(1e-9, self.seconds)
        self.sums, self.steps, self.seconds = {}, 0, 0.0
        self.counts.clear()
        return means | {"audio_seconds_per_second": rate}


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal does what it always did."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: object) -> None:
        event.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def bar(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True, quiet=quiet), disable=quiet)
