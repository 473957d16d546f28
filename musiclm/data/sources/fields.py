"""What a mapping says of a recording: one table of names for all side-cars, tables and archives.

>>> told = told_by({"Description": "Slow  piano.", "genre": "classical", "bpm": 60, "work": "Dusk"})
>>> told.captions, told.work
(('Slow piano.', 'classical, 60 bpm'), 'Dusk')
>>> told.labels
{'tags': {'genre': ['classical'], 'bpm': 60.0}}
"""

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from musiclm.data.sources.found import Told

PATHS = (
    *("file_name", "path", "file", "filename", "audio", "audio_path", "filepath", "file_path"),
    *("audio_file", "audio_filename", "wav"),
)
CAPTIONS = (
    *("caption", "captions", "description", "descriptions", "text", "texts", "prompt", "prompts"),
    "sentence",
)
TAGS = {
    "genre": ("genre", "genres", "style", "styles"),
    "moods": ("moods", "mood"),
    "instruments": ("instrument", "instruments"),
    "keywords": ("keywords", "tags", "aspect_list", "aspects"),
}
NAMES = ("title", "artist", "album", "composer", "year")  # kept, but no words for a caption
WORKS = ("work", "work_id", "piece", "composition", "album_id")
LICENCES = ("licence", "license", "licence_url", "license_url")
SOURCES = ("source", "dataset", "collection", "origin")
SPLITS = {
    "train": "train training",
    "valid": "valid validation val dev development",
    "test": "test testing eval evaluation",
}
SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names.split()}

_KEY = re.compile(r"[A-Ga-g][#b♯♭]?(\s*(major|minor|maj|min|dur|moll|m))?", re.IGNORECASE)
_CONTROL = dict.fromkeys([*range(32), 127], " ")


def clean(text: str) -> str:
    """One line of plain text: no control characters, no half surrogates, single spaces."""
    text = text.encode("utf-8", "replace").decode()
    return " ".join(text.translate(_CONTROL).split())


def plain(value: Any) -> Any:
    """A JSON value with clean strings, so that no label can break a line of a manifest."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (bool, int)) or value is None else _number(value)


def told_by(row: Mapping[Any, Any], caption_column: str | None = None) -> Told:
    """Captions, tags, work, licence, source and split, by whichever names they go."""
    row = {_name(name): value for name, value in row.items() if isinstance(name, str)}
    tags = _tags(row)
    columns = CAPTIONS if caption_column is None else (_name(caption_column),)
    captions = [text for name in columns for text in _texts(row.get(name))]
    captions += _tag_caption(tags) if caption_column is None else []
    labels = plain(row["labels"]) if isinstance(row.get("labels"), Mapping) else {}
    return Told(
        captions=tuple(dict.fromkeys(captions)),
        labels=labels | ({"tags": tags} if tags else {}),
        work=_work(row),
        licence=_first(row, LICENCES),
        source=_first(row, SOURCES),
        split=SPLIT_OF.get(_first(row, ("split",)).lower(), ""),
    )


def album(artist: str, title: str) -> str:
    """The work that an album is: two artists' "Greatest Hits" are not one."""
    return f"{artist} / {title}" if artist and title else title


def pick(columns: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first of the wanted names among the columns, as the table spells it."""
    spelled = {_name(column): column for column in columns}
    return next((spelled[name] for name in wanted if name in spelled), None)


def _name(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _texts(value: Any) -> list[str]:
    """Texts in a field: a string, a list of strings, or a list written as a string."""
    if isinstance(value, str):
        listed = value.strip()
        if listed.startswith("[") and listed.endswith("]"):
            try:
                return _texts(ast.literal_eval(listed))
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                pass  # a text in brackets
        return [text] if (text := clean(value)) else []
    if isinstance(value, (list, tuple)):
        return [text for item in value if isinstance(item, str) for text in _texts(item)]
    return []


def _words(value: Any) -> list[str]:
    """Tags in a field; a string may hold several. Jamendo writes them as `genre---rock`."""
    texts = _texts(value)
    if isinstance(value, str) and len(texts) == 1:
        texts = re.split(r"[,;|\t]", texts[0])
    return list(dict.fromkeys(word for text in texts if (word := text.split("---")[-1].strip())))


def _tags(row: Mapping[str, Any]) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    for name, columns in TAGS.items():
        if words := list(dict.fromkeys(w for column in columns for w in _words(row.get(column)))):
            tags[name] = words
    for column in ("bpm", "tempo"):
        if 20 <= (bpm := _number(row.get(column)) or 0) <= 400:
            tags["bpm"] = bpm
            break
    key = _first(row, ("key",))
    if _KEY.fullmatch(key):
        tags["key"] = key
    return tags | {name: text for name in NAMES if (text := _first(row, (name,)))}


def _tag_caption(tags: Mapping[str, Any]) -> list[str]:
    words = [word for name in TAGS for word in tags.get(name, ())]
    words += [f"{tags['bpm']:g} bpm"] if "bpm" in tags else []
    if "key" in tags:
        words.append(tags["key"] if len(tags["key"]) > 2 else f"key of {tags['key']}")
    return [", ".join(dict.fromkeys(words))] if words else []


def _work(row: Mapping[str, Any]) -> str:
    return _first(row, WORKS) or album(
        _first(row, ("artist", "album_artist")), _first(row, ("album",))
    )


def _first(row: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = row.get(name)
        known = isinstance(value, (str, int)) and not isinstance(value, bool)
        if known and (text := clean(str(value))):
            return text
    return ""


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1e300 else None  # JSON has no NaN and no infinity
