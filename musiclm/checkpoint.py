"""Tensors on disk: safetensors only, written whole or not at all, named by what they hold.

A stage trained on one tokenizer is noise on another, so everything carries a fingerprint: the
SHA-256 of its names, shapes and values.

>>> import torch
>>> fingerprint({"w": torch.zeros(2)}) == fingerprint({"w": torch.ones(2)})
False
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from musiclm.errors import UserError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it takes the real name only if the block succeeds."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; ours are ordinary ones
        try:
            temporary.replace(path)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path | str) -> None:
    """Delete what killed writers left in a folder of ours: the temporary names of `atomic_path`."""
    for path in Path(folder).glob(".????????.*"):
        if re.fullmatch(r"\.[a-z0-9_]{8}\.\w+", path.name):
            path.unlink(missing_ok=True)


def save_tensors(
    path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors and string metadata as one safetensors file."""
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(own, temporary, dict(metadata or {}))


def load_tensors(path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file; raise UserError if it is missing, truncated or something else."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a whole safetensors file (truncated, or pickled?): {error}"
        ) from error


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], where: Path | str) -> None:
    """Load every weight of `module` from `tensors`, in the module's own precision."""
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        line = " ".join(str(error).split())
        raise UserError(f"{where} does not fit its configuration: {line[:300]}") from error


def file_digest(path: Path | str) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(source: nn.Module | Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values (as float16, the precision of released weights)."""
    tensors = source.state_dict() if isinstance(source, nn.Module) else source
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.to(torch.float16)
        digest.update(f"{name}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def token_fingerprint(noun: str, source: nn.Module | Mapping[str, Tensor]) -> str:
    """The fingerprint of what a tokenizer's ids depend on: of a codec, all but its decoder.

    A codec whose decoder learned on goes with the stages that were trained on its tokens.
    """
    tensors = source.state_dict() if isinstance(source, nn.Module) else source
    if noun == "codec":
        tensors = {n: tensor for n, tensor in tensors.items() if not n.startswith("decoder.")}
    return fingerprint(tensors)
