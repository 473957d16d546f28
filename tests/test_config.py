"""Configuration is strict, and comes back as it went."""

from dataclasses import dataclass, field

import pytest

from musiclm.config import from_dict, load_toml, merge, to_dict
from musiclm.errors import UserError


@dataclass(frozen=True)
class Inner:
    """A nested table."""

    widths: tuple[int, ...] = (1, 2)
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    """A table."""

    name: str = "x"
    inner: Inner = field(default_factory=Inner)
    limit: int | None = None


def test_there_and_back():
    config = Outer("y", Inner((3,), 1.0), 7)
    assert from_dict(Outer, to_dict(config)) == config


def test_whole_numbers_pass_for_floats_only():
    assert from_dict(Outer, {"inner": {"rate": 1}}).inner.rate == 1.0
    with pytest.raises(UserError, match="limit"):
        from_dict(Outer, {"limit": 1.5})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"nome": 1}, "nome"),
        ({"inner": {"rote": 1}}, "inner.rote"),
        ({"inner": 3}, "inner"),
        ({"name": 3}, "name"),
        ({"inner": {"widths": ["a"]}}, "inner.widths"),
        ({"limit": True}, "limit"),
    ],
)
def test_mistakes_are_named(values, named):
    with pytest.raises(UserError, match=f"'{named}'"):
        from_dict(Outer, values)


def test_overrides_lie_over_the_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("name = 'file'\n[inner]\nrate = 2.0\n")
    values = load_toml(path, ["inner.rate=3", "name=set", "inner.widths=[5, 6]"])
    assert from_dict(Outer, values) == Outer("set", Inner((5, 6), 3.0))
    with pytest.raises(UserError, match="a.b=c"):
        load_toml(path, ["rate"])
    with pytest.raises(UserError, match="nothing.toml"):
        load_toml(tmp_path / "nothing.toml")
    path.write_text("name = ")
    with pytest.raises(UserError, match="not TOML"):
        load_toml(path)


def test_merge_keeps_what_is_not_named():
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}
