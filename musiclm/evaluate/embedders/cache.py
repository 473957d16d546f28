"""Embeddings of a folder of recordings, each computed once.

Kept by the SHA-256 of the file's bytes and the fingerprint of the ear: a moved or renamed file is
found again, a changed one is heard again, and so is everything that a damaged entry held.

    rows = embed_folder(load_embedder("judge"), folder.recordings, default_cache())
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from musiclm.checkpoint import file_digest, load_tensors, save_tensors
from musiclm.errors import UserError
from musiclm.evaluate.clips import Recording, heard
from musiclm.evaluate.embedders.base import Embedder, Tagger
from musiclm.evaluate.sound import Progress, quiet

VALUES = "values"
Array = Float[np.ndarray, "..."]


def default_cache() -> Path:
    """Where embeddings are kept unless one says otherwise."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "musiclm" / "embeddings"


def embed_folder(
    embedder: Embedder,
    recordings: Sequence[Recording],
    cache: Path | None = None,
    progress: Progress = quiet,
) -> list[Float[np.ndarray, "w d"]]:
    """One [w d] array for each recording, in their order; without a cache nothing is kept."""

    def fits(kept: Array) -> bool:
        return kept.ndim == 2 and len(kept) > 0 and kept.shape[1] == embedder.dimension

    return _all(embedder, embedder.embed, fits, recordings, cache, progress)


def tag_folder(
    tagger: Tagger,
    recordings: Sequence[Recording],
    cache: Path | None = None,
    progress: Progress = quiet,
) -> Float[np.ndarray, "c l"]:
    """Probabilities of the labels, one row for each recording."""

    def fits(kept: Array) -> bool:
        return kept.shape == (len(tagger.labels),)

    rows = _all(tagger, tagger.tag, fits, recordings, cache, progress)
    return np.stack(rows) if rows else np.empty((0, len(tagger.labels)))


def _all(
    ear: Embedder | Tagger,
    hear: Callable[[np.ndarray], Array],
    fits: Callable[[Array], bool],
    recordings: Sequence[Recording],
    cache: Path | None,
    progress: Progress,
) -> list[Array]:
    if cache is not None:
        _check(cache)
    rows = []
    for done, recording in enumerate(recordings):
        progress(ear.name, done, len(recordings))
        entry = None if cache is None else _entry(cache, ear.fingerprint, recording.path)
        values = None if entry is None else _kept(entry, fits)
        if values is None:
            values = hear(heard(recording, ear.sample_rate))
            if not np.isfinite(values).all():
                raise UserError(f"{ear.name} hears no finite numbers in {recording.path}")
            if entry is not None:
                _keep(entry, values)
        rows.append(values)
    progress(ear.name, len(recordings), len(recordings))
    return rows


def _check(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot keep embeddings in {cache}: {error.strerror}") from error


def _entry(cache: Path, fingerprint: str, path: Path) -> Path:
    try:
        content = file_digest(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    return cache / fingerprint[:32] / content[:2] / f"{content}.safetensors"


def _keep(entry: Path, values: Array) -> None:
    own = np.ascontiguousarray(values)
    save_tensors(entry, {VALUES: torch.from_numpy(own)}, {"sha256": _digest(own)})


def _kept(entry: Path, fits: Callable[[Array], bool]) -> Array | None:
    """What an entry holds; None if it is absent or damaged, by a single bit even."""
    if not entry.is_file():
        return None
    try:
        tensors, about = load_tensors(entry)
    except UserError:
        return None
    values = tensors[VALUES].numpy() if VALUES in tensors else np.empty(0)
    return values if fits(values) and _digest(values) == about.get("sha256") else None


def _digest(values: Array) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()
