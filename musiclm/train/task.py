"""What differs between nouns: their batches, their losses, what to listen to and what to export.

The loop (`musiclm.train.loop`) knows tasks only through this protocol.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from musiclm.errors import UserError

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]
LOGGED = "logged"  # in place of a module's name: figures that nothing is trained on


def reweighted(
    name: str, weights: Mapping[str, float], changes: Mapping[str, float]
) -> dict[str, float]:
    """The weights of all loss terms with some changed; UserError names a term that is not there."""
    unknown = sorted(changes.keys() - weights.keys())
    if unknown:
        raise UserError(f"{name} has no loss term {unknown[0]!r}; legal: {', '.join(weights)}")
    return {**weights, **changes}


@runtime_checkable  # the tests check the types of arguments
class Task(Protocol):
    """One noun in training; `modules["model"]` is averaged and exported, others help train it.

    Without modules nothing learns by steps, and `finish` is all of the training.
    """

    noun: str
    modules: dict[str, nn.Module]
    weights: dict[str, float]  # of every loss term there can be; the configuration may change them
    seconds_per_batch: float  # of audio, to report speed

    def batch(self, step: int) -> Batch:
        """The examples of a step: a pure function, called on another thread."""
        ...

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """Name the module to update and its named loss terms, once or more a step.

        The loop updates that module before it asks for the next terms: an adversarial step yields
        first the critics' terms, then the model's. Terms of `LOGGED` are figures for the log, each
        a number or a list of numbers.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Figures on held-out examples, always the same ones; the model is in evaluation mode."""
        ...

    def samples(self, folder: Path) -> None:
        """Write something for ears (or nothing)."""
        ...

    def finish(self, folder: Path) -> None:
        """After the last step: fit what a trained model needs, and export `{noun}.safetensors`."""
        ...


@runtime_checkable
class Anchored(Protocol):
    """A task some of whose model's weights are the data's: no earlier run may bring its own."""

    anchors: Mapping[str, Tensor]  # by name, as in the model's state


@runtime_checkable
class Explains(Protocol):
    """A task that says what is going wrong."""

    def details(self) -> Mapping[str, Any]:
        """More of the last validation, for the log alone: numbers and lists of them."""
        ...

    def diagnose(self, figures: Mapping[str, Any]) -> list[str]:
        """Sentences about the last logged step and the last validation; none if all is well."""
        ...
