"""docs/paper.md names symbols that exist."""

import importlib
import re
from pathlib import Path

import pytest

MAP = Path(__file__).parents[1] / "docs" / "paper.md"
SYMBOLS = sorted(set(re.findall(r"`(musiclm(?:\.\w+)+)`", MAP.read_text())))


def test_the_map_is_not_empty():
    assert len(SYMBOLS) >= 25


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbol_exists(symbol):
    parts = symbol.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            if hasattr(found, name):
                found = getattr(found, name)
            else:
                fields = getattr(found, "__dataclass_fields__", {})
                assert name in fields, symbol
        return
    pytest.fail(symbol)
