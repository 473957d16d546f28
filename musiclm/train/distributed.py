"""Several processes, one run: started by `torchrun`, or not at all.

    torchrun --nproc-per-node 4 -m musiclm train codec --config configs/paper.toml --data corpus

Every process takes other steps' batches; gradients are averaged in one message after each backward
pass, which serves any number of losses and modules a step (an adversarial codec has two). Buffers
(a quantiser's moving averages) follow the first process, as in PyTorch's DistributedDataParallel.
Only that one writes.
"""

import atexit
import os
from collections.abc import Iterable
from contextlib import suppress

import torch
import torch.distributed as dist
from torch import Tensor, nn


def start() -> None:
    """Join the group that torchrun describes in the environment; without one do nothing."""
    if "RANK" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(stop)
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def stop() -> None:
    """Leave the group."""
    if dist.is_initialized():
        with suppress(RuntimeError):  # the others may be gone already
            dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Mean over processes; a parameter without a gradient on one must have none on any."""
    if world() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch._utils._flatten_dense_tensors(gradients)
    dist.all_reduce(flat)
    flat /= world()
    for gradient, mean in zip(
        gradients, torch._utils._unflatten_dense_tensors(flat, gradients), strict=True
    ):
        gradient.copy_(mean)


def follow_first(tensors: Iterable[Tensor]) -> None:
    """Make every process's tensors those of the first."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor.data, 0)


def agree(value: float, device: torch.device) -> float:
    """The largest value of all processes: what one of them saw (a signal, the clock) all see."""
    if world() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float32, device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return float(shared)
