"""Names: the id of a recording, the work that it is part of, and the split that a folder gives it.

Each is a function of one recording's own path, never of its neighbours, so that a folder may grow
without a recording changing its id or its split.

>>> guess_work("Night Songs/03 Moon.flac"), guess_work("train/song_001.wav"), guess_work("00/7.mp3")
('Night Songs', 'song', '00/7')
>>> clip_id("Night Songs/03 Moon.flac")
'03-Moon-bd6f2d95bf60cd16'
"""

import hashlib
import re

from musiclm.data.sources.fields import SPLIT_OF

# Folders that say how files are kept, not what they are.
_STORE = re.compile(
    r"""audios?|sounds?|music|songs?|tracks?|clips?|chunks?|segments?|samples?|recordings?|data
    |dataset|files?|wavs?|flacs?|oggs?|mp3s?|raw|full|all|other|misc|various|unsorted|download(s|ed)?
    |(cd|dis[ck]|vol(ume)?|part)?[\s_.-]*\d+|[0-9a-f]{1,2}|.*\.(tar|tar\.gz|tgz|arrow|parquet)""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERS = re.compile(r"[\s_.\-–([]*\d+[)\]]?$")  # of a track, a take or a segment
_SPLIT = re.compile(
    rf"({'|'.join(SPLIT_OF)})([-_]\d.*|\.(tar|tar\.gz|tgz|arrow|parquet))?", re.IGNORECASE
)


def clip_id(key: str) -> str:
    """A name for files too: readable, and with 64 bits of the key, so that no two are the same."""
    stem = key.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", stem)[:40].strip("-")
    return f"{slug or 'clip'}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def guess_work(key: str, rule: str = "auto") -> str:
    """The album that the folder names, else the stem without its last numbers; `rule` forces one.

    Folders such as `wav`, `CD 2`, `000` or `train` are passed over, up to the next that has a name.
    """
    *folders, name = key.split("/")
    stem = name.rsplit(".", 1)[0]
    if rule == "file":
        return key
    named = [n for n, folder in enumerate(folders, 1) if not _is_store(folder)]
    if named or (rule == "folder" and folders):
        return "/".join(folders[: named[-1]] if named else folders)
    rest = stem
    while rest and (shorter := _NUMBERS.sub("", rest)) != rest:
        rest = shorter
    # Nothing but a number: a name only together with its folders (`000/000002.mp3`).
    return rest.strip(" _.-") or "/".join([*folders, stem])


def folder_split(key: str) -> str:
    """The split that one of the two topmost folders (or archives) is named after, or ""."""
    for folder in key.split("/")[:-1][:2]:
        if match := _SPLIT.fullmatch(folder):
            return SPLIT_OF[match[1].lower()]
    return ""


def _is_store(folder: str) -> bool:
    return folder in ("...", "..", ".") or bool(
        _STORE.fullmatch(folder) or _SPLIT.fullmatch(folder)
    )
