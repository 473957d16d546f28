"""MP3 by its frames: where each begins, and how to decode a few without reading the others.

libsndfile scans a whole MP3 when it opens it, so that a crop of an hour costs six times that of a
minute. Here a file is walked once, from header to header, and its places are kept; a crop
then reads and decodes its own frames only. Nothing else of the format is our business.

>>> header(bytes.fromhex("fffb9064"))  # 128 kbit/s, 44.1 kHz
Header(length=417, samples=1152, sample_rate=44100)
>>> header(b"RIFF") is None
True
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float

# kbit/s by (MPEG 1, layer) and index; MPEG 2 and 2.5 share their rows. ISO 11172-3, 2.4.2.3.
_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_DECODER_DELAY = 529  # samples, of the filter bank of every decoder
_MUTED = 10  # frames before a crop whose bits later ones may use (at most 511 bytes back)
_WARM = _MUTED + 3  # and of which the last overlap the crop
_STRIDE = 16  # frames between the places that are kept
LONG = 1_000_000  # bytes; shorter files are as fast to scan


class Header(NamedTuple):
    """What four bytes say of a frame: bytes, samples a channel, hertz."""

    length: int
    samples: int
    sample_rate: int


class Frame(NamedTuple):
    """A frame and the byte that it begins at."""

    offset: int
    header: Header


@dataclass(frozen=True)
class Index:
    """Where the frames of a file begin: every sixteenth."""

    offsets: tuple[int, ...]
    end: int  # the byte after the last frame
    frames: int
    first: int  # frames that hold no sound: the tag of the encoder
    trim: int  # samples that a decoder drops at the start
    total: int  # samples of sound
    samples: int  # of one frame
    sample_rate: int


def header(data: bytes) -> Header | None:
    """Read a frame header; None if these bytes are none."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    kbps, rate, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if version == 1 or layer == 4 or kbps in (0, 15) or rate == 3:
        return None
    one = version == 3
    hertz = _RATES[rate] // (1 if one else 2 if version == 2 else 4)
    bits = _KBPS[one, layer][kbps - 1] * 1000
    if layer == 1:
        return Header((12 * bits // hertz + padding) * 4, 384, hertz)
    samples = 1152 if one or layer == 2 else 576
    return Header(samples // 8 * bits // hertz + padding, samples, hertz)


def walk(data: bytes) -> Iterator[Frame]:
    """The frames of a file in order; bytes that belong to none are stepped over."""
    place = 0
    while tag := tag_length(data[place : place + 10]):
        place += tag
    last = len(data) - 4
    while place <= last:
        found = header(data[place : place + 4])
        if found and _follows(data, place + found.length):
            yield Frame(place, found)
            place += found.length
        else:
            place = data.find(b"\xff", place + 1)
            if place < 0:
                return


def tag_length(data: bytes) -> int:
    """Bytes of the ID3v2 tag that begins with these ten; 0 if none does."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = sum((b & 0x7F) << shift for b, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    return size + (20 if data[5] & 0x10 else 10)  # with a footer, or without


def _follows(data: bytes, place: int) -> bool:
    """Whether a frame that ends here is one: another follows, or the file or a tag ends it."""
    rest = data[place : place + 4]
    return len(rest) < 4 or header(rest) is not None or rest[:3] in (b"TAG", b"APE")


def index(path: Path | str) -> Index | None:
    """The places of a file's frames, kept while the file is unchanged; None if it has none."""
    state = os.stat(path)
    return _index(str(path), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)  # a few kilobytes for an hour of music
def _index(path: str, size: int, changed: int) -> Index | None:
    data = Path(path).read_bytes()
    offsets: list[int] = []
    first: Frame | None = None
    last: Frame | None = None
    count = 0
    for count, frame in enumerate(walk(data), start=1):
        first = first or frame
        if frame.header[1:] != first.header[1:] or data[frame.offset + 1] >> 1 & 3 != 1:
            return None  # another layer, or rates that change within a file, are not for us
        if (count - 1) % _STRIDE == 0:
            offsets.append(frame.offset)
        last = frame
    if first is None or last is None or count < 2:  # chance makes one frame of any bytes
        return None
    tag, trim, padding = _encoder_tag(data[first.offset : first.offset + first.header.length])
    end = min(len(data), last.offset + last.header.length)
    total = max(
        0, (count - tag) * first.header.samples - max(trim, trim - _DECODER_DELAY + padding)
    )
    return Index(tuple(offsets), end, count, tag, trim, total, *first.header[1:])


def _encoder_tag(frame: bytes) -> tuple[int, int, int]:
    """(frames without sound, samples to drop in front, at the end) from a file's first frame."""
    place = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if place < 0:
        return 0, 0, 0
    flags = int.from_bytes(frame[place + 4 : place + 8])
    fields = sum(size for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    encoder = frame[place + 8 + fields :]
    if len(encoder) < 24 or not encoder[:4].isalpha():
        return 1, 0, 0
    delay, padding = encoder[21] << 4 | encoder[22] >> 4, (encoder[22] & 15) << 8 | encoder[23]
    return 1, delay + _DECODER_DELAY, padding


def read(path: Path | str, places: Index, start: int, count: int) -> Float[np.ndarray, "t c"]:
    """Up to `count` samples from sample `start` of the file's sound, at its own rate.

    Raises soundfile.SoundFileError where the frames cannot be decoded.
    """
    count = min(count, places.total - start)
    wanted = start + places.trim  # counted from the first frame with sound
    begin = max(0, places.first + wanted // places.samples - _WARM) // _STRIDE * _STRIDE
    last = places.first + -(-(wanted + count) // places.samples) + 1
    until = -(-last // _STRIDE)
    low = places.offsets[begin // _STRIDE]
    high = places.offsets[until] if until < len(places.offsets) else places.end
    with open(path, "rb") as file:
        file.seek(low)
        data = file.read(high - low)
    with soundfile.SoundFile(io.BytesIO(_excerpt(data, begin, places.first))) as file:
        samples = file.read(dtype="float32", always_2d=True)
    # The muted frame in front gives the decoder its delay to drop.
    held = wanted - max(0, begin - places.first) * places.samples
    held += places.samples - _DECODER_DELAY
    return samples[held : held + count]


def _excerpt(data: bytes, begin: int, first: int) -> bytes:
    """Frames cut out of a file as a file of their own: a tag, a muted frame, and they.

    The tag says how many they are, since decoders guess it otherwise. The first frames of a cut
    point at bits that are not here: they are muted, and stay as the bits of those after them.
    """
    frames = list(walk(data))
    if begin < first:
        frames = frames[first:]
    parts = [bytearray(data[f.offset : f.offset + f.header.length]) for f in frames]
    for part in parts[:_MUTED] if begin else ():
        _mute(part)
    silence = bytearray(parts[0])
    _mute(silence)
    side, size = _side(silence)
    tag = silence[: side + size] + b"Info" + (1).to_bytes(4) + (len(parts) + 1).to_bytes(4)
    tag += bytes(max(0, len(silence) - len(tag)))
    return bytes(tag + silence + b"".join(parts))


def _mute(frame: bytearray) -> None:
    """Forget what a frame plays, but not where its bits are (main_data_begin comes first)."""
    side, size = _side(frame)
    one = frame[1] >> 3 & 3 == 3
    kept = bytes([frame[side], frame[side + 1] & 0x80]) if one else bytes([frame[side]])
    frame[side : side + size] = kept + bytes(size - len(kept))


def _side(head: bytes | bytearray) -> tuple[int, int]:
    """Where the side information of a layer 3 frame begins, and its length."""
    mono, one = head[3] >> 6 == 3, head[1] >> 3 & 3 == 3
    size = (17 if mono else 32) if one else (9 if mono else 17)
    return (4 if head[1] & 1 else 6), size
