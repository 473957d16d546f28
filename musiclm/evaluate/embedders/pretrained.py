"""Other people's ears: models in the layout of the transformers library, from a folder on disk.

Nothing is ever downloaded, and only safetensors are read: a pickle can run code. A folder that is
missing, of another model or not whole is refused with one line.

    model = pretrained("ClapModel", read_config(folder, "clap"), folder)
"""

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from torch import nn

from musiclm.errors import UserError

T = TypeVar("T")
CONFIG = "config.json"
HEADS = ("masked_spec_embed", "position_ids")  # what an ear does without


def read_config(folder: Path | str, *kinds: str) -> dict[str, Any]:
    """`config.json` of a model of one of these kinds, whose weights lie beside it."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder} (weights are never downloaded)")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{folder} holds no {CONFIG} of a model: {error}") from error
    if kind not in kinds:
        raise UserError(f"{folder} holds a model of kind {kind!r}, not {' or '.join(kinds)}")
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"{folder} holds no safetensors file; convert its weights to one first")
    return config


def from_transformers(name: str) -> Any:
    """A class of the transformers library, which is an extra."""
    try:
        library = importlib.import_module("transformers")
    except ImportError as error:
        raise UserError("this embedder needs transformers: pip install transformers") from error
    return getattr(library, name)


def pretrained(name: str, config: Mapping[str, Any], folder: Path | str) -> Any:
    """The model class called `name` with all of its weights, ready to use."""
    kind = from_transformers(name)

    def load() -> tuple[nn.Module, dict[str, Any]]:
        own = kind.config_class.from_dict({k: v for k, v in config.items() if k != "auto_map"})
        return kind.from_pretrained(
            str(folder),
            config=own,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype="float32",
        )

    model, told = attempt(load, folder)
    if absent := sorted(k for k in told["missing_keys"] if not k.endswith(HEADS)):
        raise UserError(f"{folder} lacks {len(absent)} weights of {name}, first {absent[0]}")
    return model.eval().requires_grad_(False)


def beside(name: str, folder: Path | str) -> Any:
    """What prepares a model's input (a feature extractor, a tokenizer), from its folder."""
    kind = from_transformers(name)
    return attempt(lambda: kind.from_pretrained(str(folder), local_files_only=True), folder)


def attempt(load: Callable[[], T], folder: Path | str) -> T:
    """Run a loader of the library; whatever it makes of the user's files is one line."""
    try:
        return load()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        line = " ".join(str(error).split())
        raise UserError(f"{folder} cannot be loaded: {line[:300]}") from error
