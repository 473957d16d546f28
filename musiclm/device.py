"""The one place that picks a device and a precision.

>>> pick_device("cpu").type
'cpu'
"""

from contextlib import AbstractContextManager, nullcontext

import torch

from musiclm.errors import UserError

PRECISIONS = ("bf16", "float32")


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"unknown device {name!r}; try cpu, cuda or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device {name!r} was asked for, but this PyTorch sees no CUDA device")
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """A context in which matrix products run in `precision` ("bf16" or "float32")."""
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision {precision!r}; legal: {', '.join(PRECISIONS)}")
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
