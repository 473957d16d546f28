"""Damage that decoders pass over in silence, found by reading a file's frame without its sound.

WAV chunks, MP3 frames, OGG pages and the FLAC header say how long they are, and OGG and FLAC what
they sum to; each function returns reason -> detail of what does not agree (`faults.REASONS`).

>>> import io
>>> frame = bytes.fromhex("fffb9064") + bytes(413)
>>> mp3_faults(io.BytesIO(frame * 9))
{}
>>> mp3_faults(io.BytesIO(frame * 3 + b"?" * 50 + frame * 4 + frame[:99]))
{'corrupt_frames': '50 bytes in 1 place belong to no frame'}
"""

import struct
import zlib
from io import BufferedIOBase
from typing import NamedTuple

from musiclm.mp3 import header, tag_length

Faults = dict[str, str]

_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI")
_BLOCK = 1 << 16
_OPEN_ENDED = 0x7FFF0000  # sizes that programs write which do not know the end yet
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def skip_id3(file: BufferedIOBase) -> int:
    """Bytes of ID3v2 tags at the start of a file."""
    start = 0
    while True:
        file.seek(start)
        length = tag_length(file.read(10))
        if not length:
            return start
        start += length


def wav_faults(file: BufferedIOBase) -> Faults:
    """Chunk sizes against each other and against the file."""
    end = file.seek(0, 2)
    file.seek(0)
    kind, riff, _ = struct.unpack("4sI4s", file.read(12).ljust(12, b"\0"))
    order = ">" if kind == b"RIFX" else "<"
    riff = int.from_bytes(riff.to_bytes(4, "little"), "big") if order == ">" else riff
    place, long_size = 12, None
    while place + 8 <= end:
        file.seek(place)
        name, size = struct.unpack(order + "4sI", file.read(8))
        place += 8
        if name == b"ds64":
            riff, long_size = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
        elif name == b"data":
            size = size if long_size is None else long_size
            return _data_faults(file, place, size, riff + 8, end)
        place += size + (size & 1)
    return {}


def _data_faults(file: BufferedIOBase, place: int, size: int, riff: int, end: int) -> Faults:
    """The size of the sound: more than there is, or less."""
    there = end - place
    if size > there:
        if size >= _OPEN_ENDED or riff <= end:
            return {"wrong_header_length": f"states {size} bytes of sound and holds {there}"}
        return {"truncated": f"{size - there} of {size} bytes are missing"}
    after = place + size + (size & 1)
    file.seek(after)
    rest = file.read(_BLOCK)
    while after + 8 <= end and any(rest):  # other chunks may follow; zeros are padding
        name, length = struct.unpack("<4sI", rest[:8].ljust(8, b"\0"))
        if rest.startswith(_TAGS):
            break
        if not all(32 <= char < 127 for char in name) or after + 8 + length > end + 1:
            return {"wrong_header_length": f"{end - after} bytes follow the stated {size} of sound"}
        after += 8 + length + (length & 1)
        file.seek(after)
        rest = file.read(_BLOCK)
    return {}


class Walk(NamedTuple):
    """Whole MP3 frames, bytes and places between them, and how many frames were promised."""

    frames: int
    garbage: int
    gaps: int
    cut: bool
    stated: int | None


def mp3_faults(file: BufferedIOBase) -> Faults:
    """Bytes between frames, a last frame that is not whole, a Xing header that counts others."""
    walk = walk_mp3(file)
    if not walk.frames:
        return {"unreadable": "it has no two frames of MP3 on end"}
    if walk.gaps:
        places = f"{walk.gaps} place{'s' * (walk.gaps > 1)}"
        return {"corrupt_frames": f"{walk.garbage} bytes in {places} belong to no frame"}
    missing = 0 if walk.stated is None else walk.stated + 1 - walk.frames  # and its own
    if missing > 1:
        return {"truncated": f"{missing} of {walk.stated} frames are missing"}
    if missing < -1:
        return {"wrong_header_length": f"states {walk.stated} frames and holds {walk.frames}"}
    return {"truncated": "its last frame is not whole"} if walk.cut else {}


def walk_mp3(file: BufferedIOBase) -> Walk:
    """Step from frame to frame to the end of the file; a tag between or after them is none."""
    end = file.seek(0, 2)
    file.seek(skip_id3(file))
    place = _next_frame(file, None)
    frames = garbage = gaps = 0
    stated, kind, cut = None, None, False
    while place is not None and place + 4 <= end:
        file.seek(place)
        found = header(file.read(4))
        if found is None or kind not in (None, found[1:]):
            file.seek(place)
            rest = file.read(_BLOCK)
            if rest.startswith(_TAGS) or (len(rest) == end - place and not any(rest)):
                break
            file.seek(place + 1)
            following = _next_frame(file, kind)
            garbage, gaps = garbage + (following or end) - place, gaps + 1
            place = following
            continue
        if kind is None:
            kind = found[1:]
            stated = _stated(file.read(found.length - 4))
        cut = place + found.length > end
        frames += not cut
        place += found.length
    return Walk(frames, garbage, gaps, cut, stated)


def _next_frame(file: BufferedIOBase, kind: tuple[int, int] | None) -> int | None:
    """Where two frames of one kind follow each other next; None if nowhere."""
    start = file.tell()
    while block := file.read(_BLOCK + 4096):
        at = block.find(0xFF)
        while 0 <= at < _BLOCK:
            first = header(block[at : at + 4])
            if first is not None and kind in (None, first[1:]):
                second = header(block[at + first.length : at + first.length + 4])
                if second is not None and second[1:] == first[1:]:
                    return start + at
            at = block.find(0xFF, at + 1)
        start += _BLOCK
        file.seek(start)
    return None


def _stated(body: bytes) -> int | None:
    """Frames that a Xing, Info or VBRI header in the first frame promises after itself."""
    place = max(body.find(b"Xing", 0, 48), body.find(b"Info", 0, 48))
    if place >= 0 and body[place + 7] & 1:
        return int.from_bytes(body[place + 8 : place + 12], "big")
    return int.from_bytes(body[46:50], "big") if body[32:36] == b"VBRI" else None


def ogg_faults(file: BufferedIOBase) -> Faults:
    """Sums of the pages, their numbers, and the mark of the last one."""
    end = file.seek(0, 2)
    file.seek(skip_id3(file))
    following: dict[int, int] = {}
    ended = False
    place = file.tell()
    while head := file.read(27):
        if head.startswith(_TAGS) or not any(head):
            break
        if not head.startswith(b"OggS"):
            return {"corrupt_frames": f"no page where one must begin, at byte {place}"}
        lengths = file.read(head[26]) if len(head) == 27 else b""
        body = file.read(sum(lengths))
        place += 27 + len(lengths) + len(body)
        if len(head) < 27 or len(lengths) < head[26] or len(body) < sum(lengths):
            return {"truncated": "its last page is not whole"}
        serial, number, stated = struct.unpack("<III", head[14:26])
        if ogg_sum(head[:22] + bytes(4) + head[26:] + lengths + body) != stated:
            return {"corrupt_frames": f"the page before byte {place} does not sum to what it says"}
        if following.get(serial, number) != number:
            return {"corrupt_frames": f"pages are missing before byte {place}"}
        following[serial] = number + 1
        ended = bool(head[5] & 4)
    return {} if ended or place < end else {"truncated": "it has no last page"}


def ogg_sum(page: bytes) -> int:
    """CRC-32 of OGG: that of zlib with the bits the other way round, and no inversions."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


class StreamInfo(NamedTuple):
    """What a FLAC file says of itself; `total` 0 is unknown, `md5` of zeros too."""

    block: int  # samples in every frame but the last
    largest: int  # bytes of a frame, 0 if unknown
    bits: int
    total: int  # samples of a channel
    md5: bytes  # of all samples
    frames: int  # byte at which sound begins


def flac_info(file: BufferedIOBase) -> StreamInfo:
    """Read STREAMINFO, and step over the other blocks of metadata."""
    place = skip_id3(file) + 4
    file.seek(place + 4)
    info = file.read(34).ljust(34, b"\0")
    packed = int.from_bytes(info[10:18], "big")  # rate 20 bits, channels 3, bits 5, samples 36
    head = b"\0"
    while len(head) and not head[0] & 0x80:
        file.seek(place)
        head = file.read(4)
        place += 4 + int.from_bytes(head[1:4], "big")
    return StreamInfo(
        block=int.from_bytes(info[2:4], "big"),
        largest=int.from_bytes(info[7:10], "big"),
        bits=(packed >> 36 & 31) + 1,
        total=packed & (1 << 36) - 1,
        md5=info[18:34],
        frames=place,
    )


def flac_reach(file: BufferedIOBase, info: StreamInfo) -> int:
    """Samples up to the end of the last frame that begins in the file; 0 if none is found."""
    file.seek(info.frames)
    like = file.read(4)
    start = max(info.frames, file.seek(0, 2) - 2 * max(info.largest, _BLOCK))
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"\xff")
    while at >= 0:
        head = tail[at : at + 17]
        # Chance makes headers too; these fields are the same in all frames of a file.
        if len(head) > 6 and head[1] == like[1] and head[2] & 15 == like[2] & 15:
            reach = _frame_end(head, info) if head[3] & 15 == like[3] & 15 else None
            if reach is not None:
                return reach
        at = tail.rfind(b"\xff", 0, at)
    return 0


def _frame_end(head: bytes, info: StreamInfo) -> int | None:
    """The sample at which a FLAC frame ends, by its header; None if that does not sum up."""
    if head[1] & 0xFE != 0xF8 or head[2] >> 4 == 0:
        return None
    more = max(0, 7 - (head[4] ^ 0xFF).bit_length())  # bytes of the number, written as in UTF-8
    number = head[4] & (0x3F >> more if more else 0x7F)
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    place, code = 5 + more, head[2] >> 4
    wide = code - 5 if code in (6, 7) else 0  # bytes in which the block size is spelled out
    count = int.from_bytes(head[place : place + wide], "big") + 1
    if not wide:
        count = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
    place += wide + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    return (number if head[1] & 1 else number * info.block) + count


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value
