"""What a finished run leaves behind: `{noun}.safetensors` and `{noun}.json` beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from musiclm.checkpoint import fingerprint, save_tensors
from musiclm.config import to_dict
from musiclm.origin import Origin
from musiclm.train.run import read_json, write_json


def export(
    folder: Path,
    noun: str,
    module: nn.Module,
    config: Any,
    trained_with: Mapping[str, str] | None = None,
) -> None:
    """Weights, the configuration that rebuilds them, and the fingerprints of their tokenizers."""
    save_tensors(folder / f"{noun}.safetensors", module.state_dict(), {"noun": noun})
    about = {"noun": noun, "config": to_dict(config), "fingerprint": fingerprint(module)}
    write_json(folder / f"{noun}.json", about | {"trained_with": dict(trained_with or {})})


def sign(folder: Path, noun: str, origin: Origin | None) -> None:
    """Write how the exported weights were made beside their configuration."""
    if origin is not None:
        path = folder / f"{noun}.json"
        write_json(path, read_json(path) | {"origin": origin.to_dict()})
