"""Configuration: frozen dataclasses <-> TOML and JSON, strictly.

Every model keeps its dataclass beside it, with the paper's numbers as defaults; a TOML file lists
only departures, and `--set a.b=c` departs from the file. Unknown keys and wrong types name
themselves. Where a section may be one of several dataclasses, the first field of each is a
`Literal` of its name, and the table says which.

>>> from musiclm.tokens import Alphabet
>>> from_dict(Alphabet, {"name": "x", "rate": 1, "levels": 2, "size": 3}).levels
2
>>> from_dict(Alphabet, {"name": "x", "rates": 1})
Traceback (most recent call last):
musiclm.errors.UserError: unknown key 'rates'; legal: name, rate, levels, size
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from musiclm.errors import UserError

T = TypeVar("T")


def from_dict(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Build a (nested) dataclass; UserError on an unknown key, a wrong type or a bad value."""
    assert dataclasses.is_dataclass(cls)
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            raise UserError(f"unknown key '{where}{key}'; legal: {', '.join(names)}")
    arguments = {key: _convert(hints[key], value, where + key) for key, value in values.items()}
    try:
        return cls(**arguments)
    except TypeError as error:
        raise UserError(f"{where or cls.__name__}: {error}") from error


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values, tuples as lists; `from_dict` gives it back."""
    return _plain(dataclasses.asdict(config))


def load_toml(path: Path | str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a TOML file and lay `a.b=c` overrides (c in TOML syntax or a bare word) over it."""
    try:
        values = tomllib.loads(Path(path).read_text())
    except OSError as error:
        raise UserError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    for override in overrides:
        _override(values, override)
    return values


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set wants a.b=c, not {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {override}: {table} is a value, not a table")
    values[last] = value


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise UserError(f"'{where}' must be a table, not {value!r}")
        return from_dict(kind, value, where + ".")
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(_alternative(inner, value, where), value, where)
    if origin is typing.Literal and value not in arguments:
        raise UserError(f"'{where}' must be {' or '.join(map(repr, arguments))}, not {value!r}")
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"'{where}' must be a list, not {value!r}")
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) != len(value):
            raise UserError(f"'{where}' must have {len(kinds)} values, not {len(value)}")
        return tuple(_convert(k, v, where) for k, v in zip(kinds, value, strict=True))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise UserError(f"'{where}' must be a table, not {value!r}")
        return {str(k): _convert(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise UserError(f"'{where}' must be {kind.__name__}, not {value!r}")
    return value


def _alternative(kinds: list[Any], value: Any, where: str) -> Any:
    """Of a union of dataclasses the one that the table names in their first field, or the first."""
    if len(kinds) == 1 or not isinstance(value, Mapping):
        return kinds[0]
    tags = [dataclasses.fields(kind)[0] for kind in kinds]
    named = value.get(tags[0].name, tags[0].default)
    for kind, tag in zip(kinds, tags, strict=True):
        if named == tag.default:
            return kind
    legal = " or ".join(repr(tag.default) for tag in tags)
    raise UserError(f"'{where}.{tags[0].name}' must be {legal}, not {named!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
