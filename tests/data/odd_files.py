"""Damaged, odd and fine sound files, each with the one reason for which a check must name it.

    expected = make_odd_files(folder)  # {"cut.wav": "truncated", "8-bit.wav": "", ...}

An odd file that is sound ("") must be named by nothing. Names are sorted so that the file a
duplicate is a copy of comes first. Beside the files named there is a link to the folder itself
(`around`), which a walk must not follow for ever.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 24_000
Reasons = dict[str, str]


def tune(seed: int, seconds: float = 2.5, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """[t] or [t c]: notes with overtones and a beat, another tune for each seed, peak 0.5."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    wave = np.zeros(count + rate)
    time = np.arange(round(0.6 * rate)) / rate
    level = np.minimum(time * 100, 1) * np.exp(-3 * time) * (1 - time / 0.6)
    for start in np.arange(0, seconds, rng.uniform(0.18, 0.3)):
        pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
        note = 0.3 * rng.standard_normal(len(time)) * np.exp(-60 * time)
        for overtone in range(1, 5):
            if overtone * pitch < rate / 2:
                loud = rng.uniform(0.2, 1) / overtone
                note += loud * level * np.sin(2 * np.pi * overtone * pitch * time)
        wave[round(start * rate) :][: len(note)] += note
    wave = wave[:count]
    wave *= 0.5 / np.abs(wave).max(initial=1e-9)
    if channels == 1:
        return wave
    return np.stack([wave * (1 - 0.05 * channel) for channel in range(channels)], axis=1)


def put(path: Path, wave: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    """Write samples as the extension says."""
    kind = path.suffix[1:].upper()
    soundfile.write(path, wave, rate, subtype=subtype, format=kind)
    return path


def make_odd_files(folder: Path) -> Reasons:
    """Write all of them below `folder`; path relative to it -> the reason expected, "" for none."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: Reasons = {}
    for part in (_unreadable, _cut, _headers, _sound, _copies, _formats, _names, _captions):
        expected |= part(folder)
    return expected


def _unreadable(folder: Path) -> Reasons:
    rng = np.random.default_rng(0)
    content = {
        "noise-bytes.wav": rng.bytes(50_000),
        "noise-bytes.ogg": rng.bytes(50_000),
        "text.mp3": b"This is a shopping list, not music: milk, eggs, bread.\n" * 400,
        "page.flac": b"<!DOCTYPE html><html><body>404 not found</body></html>\n" * 50,
        "empty.wav": b"",
        "empty.mp3": b"",
        "four-bytes.wav": b"RIFF",
        "unknown-codec.wav": _riff(b"\0" * 9_600, tag=0x7777),
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    soundfile.write(folder / "zero-frames.wav", np.zeros(0), RATE)
    whole = put(folder / "header-only.flac", tune(1)).read_bytes()
    (folder / "header-only.flac").write_bytes(whole[:42])
    reasons = dict.fromkeys(content, "unreadable")
    return reasons | {"zero-frames.wav": "unreadable", "header-only.flac": "unreadable"}


def _cut(folder: Path) -> Reasons:
    reasons = {}
    for seed, kind in enumerate(("wav", "flac", "ogg", "mp3"), start=10):
        path = put(folder / f"cut.{kind}", tune(seed))
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 3 // 5 + 1])
        reasons[path.name] = "truncated"
    holes: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("holes.mp3", lambda data: _hole(data, 0.5, 1500)),
        ("holes.flac", lambda data: _hole(data, 0.5, 200)),
        ("holes.ogg", lambda data: _hole(data, 0.5, 200)),
        ("missing-middle.mp3", lambda data: data[: len(data) // 2] + data[len(data) // 2 + 333 :]),
        ("missing-middle.ogg", lambda data: data[: len(data) // 2] + data[len(data) // 2 + 999 :]),
    )
    for seed, (name, damage) in enumerate(holes, start=20):
        path = put(folder / name, tune(seed, 4.0))
        path.write_bytes(damage(path.read_bytes()))
        reasons[name] = "corrupt_frames"
    return reasons


def _hole(data: bytes, where: float, size: int) -> bytes:
    start = round(where * len(data))
    return data[:start] + np.random.default_rng(size).bytes(size) + data[start + size :]


def _riff(
    data: bytes,
    *,
    tag: int = 1,
    bits: int = 16,
    riff_size: int | None = None,
    data_size: int | None = None,
    after: bytes = b"",
) -> bytes:
    """A mono WAV made by hand, so that its sizes can lie."""
    width = bits // 8
    form = struct.pack("<HHIIHH", tag, 1, RATE, RATE * width, width, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data) if data_size is None else data_size)
    body += data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def _headers(folder: Path) -> Reasons:
    def pcm(seed: int) -> bytes:
        return (tune(seed) * 32767).astype("<i2").tobytes()

    notes = b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0"
    files = {
        "size-too-large.wav": _riff(pcm(30), data_size=len(pcm(30)) * 2),
        "size-too-small.wav": _riff(pcm(31), data_size=len(pcm(31)) // 2),
        "size-zero.wav": _riff(pcm(32), data_size=0),
        "size-unknown.wav": _riff(pcm(33), data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF),
        "size-fine-and-notes-after.wav": _riff(pcm(34), after=notes),
    }
    reasons = dict.fromkeys(files, "wrong_header_length")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    flac = bytearray(put(folder / "samples-too-few.flac", tune(35)).read_bytes())
    flac[22:26] = struct.pack(">I", RATE)  # the low 32 bits of the number of samples
    (folder / "samples-too-few.flac").write_bytes(flac)
    return reasons | {
        "size-fine-and-notes-after.wav": "",
        "samples-too-few.flac": "wrong_header_length",
    }


def _sound(folder: Path) -> Reasons:
    rng = np.random.default_rng(40)
    broken, endless = tune(46), tune(47)
    broken[30_000], endless[40_000:40_010] = np.nan, np.inf
    half = tune(48, 4.0)
    half[len(half) * 3 // 8 :] = 0
    waves = {
        "silent.wav": (np.zeros(3 * RATE), "silent"),
        "silent.flac": (np.zeros(2 * RATE), "silent"),
        "nearly-silent.wav": (rng.standard_normal(3 * RATE) * 1e-5, "silent"),
        "half-silent.wav": (half, "mostly_silent"),
        "clipped.wav": (np.clip(tune(42) * 8, -1, 0.99996), "clipped"),
        "clipped-then-quieter.wav": (np.clip(tune(43) * 8, -1, 1) * 0.3, "clipped"),
        "offset.wav": (tune(44) + 0.2, "dc_offset"),
        "nan.wav": (broken, "nan"),
        "inf.wav": (endless, "nan"),
        "beyond-all-range.wav": (tune(49) * 32768, "over_range"),
        "short.wav": (tune(50, 0.4), "too_short"),
        "short.mp3": (tune(51, 0.3), "too_short"),
        "one-sample.wav": (np.array([0.25]), "too_short"),
        "one-sample.flac": (np.array([0.25]), "too_short"),
        "loud-but-fine.wav": (tune(52) * 1.999, ""),
        "quiet-but-fine.wav": (tune(53) * 0.02, ""),
    }
    for name, (wave, _) in waves.items():
        floats = name.split(".")[0] in ("nan", "inf", "beyond-all-range")
        put(folder / name, wave, subtype="FLOAT" if floats else None)
    return {name: reason for name, (_, reason) in waves.items()}


def _copies(folder: Path) -> Reasons:
    first = put(folder / "copy-0.wav", tune(60, 4.0))
    (folder / "copy-1-bytes.wav").write_bytes(first.read_bytes())
    put(folder / "copy-2-flac.flac", soundfile.read(first)[0])
    wave = tune(61, 8.0)
    put(folder / "near-0.wav", wave)
    put(folder / "near-1-quieter.wav", wave * 0.4)
    put(folder / "near-2.mp3", wave)
    put(folder / "near-3.ogg", wave)
    put(folder / "near-4-later.wav", wave[round(2.317 * RATE) :])
    put(folder / "near-5-other-key.wav", tune(62, 8.0))
    return {
        "copy-0.wav": "",
        "copy-1-bytes.wav": "duplicate",
        "copy-2-flac.flac": "duplicate",
        "near-0.wav": "",
        "near-1-quieter.wav": "near_duplicate",
        "near-2.mp3": "near_duplicate",
        "near-3.ogg": "near_duplicate",
        "near-4-later.wav": "near_duplicate",
        "near-5-other-key.wav": "",
    }


def _formats(folder: Path) -> Reasons:
    subtypes = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    names = []
    for seed, subtype in enumerate((*subtypes, "IMA_ADPCM", "MS_ADPCM"), start=70):
        names.append(f"as-{subtype.lower()}.wav")
        put(folder / names[-1], tune(seed), subtype=subtype)
    for channels in range(2, 9):
        names.append(f"channels-{channels}.{'flac' if channels % 2 else 'wav'}")
        put(folder / names[-1], tune(80 + channels, channels=channels))
    for seed, rate in enumerate((8_000, 11_025, 48_000, 96_000, 192_000), start=90):
        names.append(f"rate-{rate}.wav")
        put(folder / names[-1], tune(seed, rate=rate), rate)
    for seed, (rate, kind) in enumerate(
        ((8_000, "mp3"), (48_000, "mp3"), (8_000, "ogg"), (192_000, "flac")), start=100
    ):
        names.append(f"rate-{rate}.{kind}")
        put(folder / names[-1], tune(seed, rate=rate), rate)
    soundfile.write(folder / "opus.ogg", tune(104), RATE, format="OGG", subtype="OPUS")
    soundfile.write(folder / "long-form.wav", tune(105), RATE, format="RF64")
    soundfile.write(folder / "really-flac.wav", tune(106), RATE, format="FLAC")
    tagged = put(folder / "tagged.mp3", tune(107))
    tagged.write_bytes(_id3(3_000) + tagged.read_bytes() + b"TAG" + b"a title".ljust(125, b"\0"))
    tagged_flac = put(folder / "tagged.flac", tune(108))
    tagged_flac.write_bytes(_id3(500) + tagged_flac.read_bytes())
    names += ["opus.ogg", "long-form.wav", "really-flac.wav", "tagged.mp3", "tagged.flac"]
    return dict.fromkeys(names, "")


def _id3(size: int) -> bytes:
    length = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    # Its text holds what looks like the start of a frame, as pictures in tags do.
    return b"ID3\x04\x00\x00" + length + (b"\xff\xfb\x90\x64" * size)[:size]


def _names(folder: Path) -> Reasons:
    fine = {
        "Ünïcödé 音楽 🎵.wav": 110,
        "l" * 251 + ".wav": 111,
        "é" * 125 + ".flac": 112,
        "new\nline.wav": 113,
        "quote\"and'back\\slash.wav": 114,
        "UPPER.WAV": 115,
        "two.dots.and space .wav": 116,
        "folder.wav/inside.wav": 117,
        ".wav/hidden folder.wav": 118,
    }
    for name, seed in fine.items():
        (folder / name).parent.mkdir(exist_ok=True)
        put(folder / name, tune(seed))
    (folder / "link-a.wav").symlink_to("link-b.wav")
    (folder / "link-b.wav").symlink_to("link-a.wav")
    (folder / "link-to-nothing.wav").symlink_to("nothing.wav")
    (folder / "around").symlink_to(".", target_is_directory=True)
    locked = put(folder / "locked.wav", tune(119))
    locked.chmod(0)
    reasons = dict.fromkeys(fine, "")
    reasons["locked.wav"] = "" if os.access(locked, os.R_OK) else "unreadable"  # root may read
    broken = ("link-a.wav", "link-b.wav", "link-to-nothing.wav")
    return reasons | dict.fromkeys(broken, "unreadable")


def _captions(folder: Path) -> Reasons:
    captions = {
        "caption-fine.wav": ("Ein ruhiges Stück für Klavier.\n".encode(), ""),
        "caption-empty.wav": (b"", "caption_missing"),
        "caption-blank.wav": (b" \n\t\n", "caption_missing"),
        "caption-binary.wav": (bytes(range(256)) * 4, "caption_not_text"),
        "caption-zeros.wav": (b"\0" * 40, "caption_not_text"),
    }
    for seed, (name, (text, _)) in enumerate(captions.items(), start=130):
        put(folder / name, tune(seed))
        (folder / name).with_suffix(".txt").write_bytes(text)
    return {name: reason for name, (_, reason) in captions.items()}
