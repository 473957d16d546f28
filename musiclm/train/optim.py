"""Optimisers, the learning rate's schedule, and averaged weights.

Muon (Jordan 2024) orthogonalises the update of hidden matrices; PyTorch's own implementation takes
only those, so embeddings, heads, norms and convolutions go to AdamW beside it. With
`match_rms_adamw` one learning rate serves both.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from musiclm.train.config import TrainConfig

NOT_HIDDEN = ("embed", "head", "logits", "codebook")  # in a name: the edges of a network
FLOOR = 0.1  # of the peak learning rate, where the cosine ends
MOMENTUM = 0.95


class Optimizer:
    """One or two PyTorch optimisers over one module, behind one step."""

    def __init__(self, module: nn.Module, config: TrainConfig):
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        hidden = list(hidden_matrices(module)) if config.optimizer == "muon" else []
        taken = {id(parameter) for parameter in hidden}
        rest = [p for p in self.parameters if id(p) not in taken]
        groups = [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)
        ]
        if hidden:
            self.optimizers.append(
                torch.optim.Muon(
                    hidden,
                    lr=config.lr,
                    weight_decay=config.weight_decay,
                    momentum=MOMENTUM,
                    adjust_lr_fn="match_rms_adamw",
                )
            )

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, lr: float) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def hidden_matrices(module: nn.Module) -> Iterator[nn.Parameter]:
    """Trained matrices that map one hidden layer to another."""
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    for name, parameter in module.named_parameters():
        edge = any(word in name for word in NOT_HIDDEN) or id(parameter) in embeddings
        if parameter.requires_grad and parameter.ndim == 2 and not edge:
            yield parameter


def part_norms(module: nn.Module, name: str) -> dict[str, Tensor]:
    """Gradient norm of each child of a module; nothing for a module of one part."""
    norms = {}
    for part, child in module.named_children():
        gradients = [p.grad for p in child.parameters() if p.grad is not None]
        if gradients:
            norms[f"{name}.{part}.grad_norm"] = torch.nn.utils.get_total_norm(gradients)
    return norms if len(norms) > 1 else {}


def learning_rate(config: TrainConfig, step: int, seconds: float = 0.0) -> float:
    """Warm-up, then decay over whichever is further: the steps or the wall-clock budget.

    >>> config = TrainConfig(steps=100, warmup=10, lr=1.0)
    >>> [round(learning_rate(config, step), 2) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.55, 0.1]
    """
    rise = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    past = max(0.0, (step - config.warmup) / (config.steps - config.warmup))
    progress = min(1.0, max(past, spent(config, seconds)))
    if config.schedule == "linear":
        return config.lr * rise * (1 - progress)
    if config.schedule == "cosine":
        return config.lr * rise * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * progress)) / 2)
    return config.lr * rise


def spent(config: TrainConfig, seconds: float) -> float:
    """Share of the wall-clock budget."""
    return seconds / (60 * config.minutes) if config.minutes else 0.0


class Average:
    """Exponential moving average of a module's trained weights (buffers are as they are)."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.module = module
        self.restart()

    def _trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((name, p) for name, p in self.module.named_parameters() if p.requires_grad)

    def restart(self) -> None:
        """Begin again from the weights as they are now."""
        self.weights = {name: p.detach().clone() for name, p in self._trained()}

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    @torch.no_grad()
    def update(self, step: int) -> None:
        # Young averages forget the random start sooner.
        decay = min(self.decay, (1 + step) / (10 + step))
        live = dict(self._trained())
        torch._foreach_lerp_(
            list(self.weights.values()), [live[n] for n in self.weights], 1 - decay
        )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module with its averaged weights, for the time of the block."""
        live = {name: p.detach().clone() for name, p in self._trained()}
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(live)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self._trained():
            parameter.copy_(weights[name])
