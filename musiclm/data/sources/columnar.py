"""Rows of parquet and arrow files. Needs pyarrow, which is loaded only here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musiclm.errors import UserError

BATCH = 64  # rows in memory at a time


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, a few in memory at a time."""
    arrow = pyarrow_for(path)
    if path.suffix == ".parquet":
        with arrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                yield from batch.to_pylist()
        return
    with arrow.memory_map(str(path)) as file:
        for batch in _batches(arrow, file):
            for start in range(0, len(batch), BATCH):
                yield from batch.slice(start, BATCH).to_pylist()


def pyarrow_for(path: Path) -> Any:
    """The library, or a UserError that names the file for which it is needed."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path} needs pyarrow to be read: pip install pyarrow") from None
    return pyarrow


def _batches(arrow: Any, file: Any) -> Any:
    """`save_to_disk` writes streams; other programs write files."""
    try:
        return arrow.ipc.open_stream(file)
    except arrow.ArrowInvalid:
        reader = arrow.ipc.open_file(file)
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
