"""Plays strokes on a soundfont: tinysoundfont driven block by block, mono float32 at 24 kHz.

tinysoundfont's own sequencer spends its time in Python; handing it the samples between two events
at a time is four times faster. It is imported here only, when a soundfont is loaded, because its
package declares pyaudio, which needs system headers to build and is not needed.

>>> find_soundfonts([Path("no/such.sf2")])
Traceback (most recent call last):
...
musiclm.errors.UserError: no such soundfont: no/such.sf2
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.levels import VOLUME, Levels, balanced, silence
from musiclm.corpus.perform import Stroke, channels
from musiclm.corpus.piece import DRUM_CHANNEL, Part, Piece
from musiclm.errors import UserError

_SOUNDS = Path("/usr/share/sounds")
# Debian's. A corpus is rendered by every one of these that is installed (of MuseScore General the
# first found), so that what is learned is not one soundfont's colour...
SOUNDFONTS: tuple[tuple[Path, ...], ...] = (
    (_SOUNDS / "sf3/MuseScore_General_Lite.sf3", _SOUNDS / "sf3/MuseScore_General.sf3"),
    (_SOUNDS / "sf2/TimGM6mb.sf2",),
)
# ...and judged by others, which are heard in training only where there is nothing else.
HELD_OUT = (
    _SOUNDS / "sf2/FluidR3_GM.sf2",
    _SOUNDS / "sf3/default-GM.sf3",
    _SOUNDS / "sf2/default-GM.sf2",
)
BLOCK = 120  # samples: events fall on a grid of 5 ms
_GAIN_DB = -8.0  # at 0 dB tinysoundfont's sums pass full scale


def find_soundfonts(soundfonts: Sequence[Path] | None = None) -> tuple[Path, ...]:
    """The soundfonts asked for, or those installed that are not held out."""
    if soundfonts:
        for path in soundfonts:
            if not path.is_file():
                raise UserError(f"no such soundfont: {path}")
        names = [path.name for path in soundfonts]
        if len(set(names)) < len(names):
            raise UserError(f"two soundfonts of one name: {', '.join(names)}")
        return tuple(path.absolute() for path in soundfonts)
    kinds = [[path for path in kind if path.is_file()] for kind in SOUNDFONTS]
    found = tuple(kind[0] for kind in kinds if kind)
    found = found or tuple(path for path in HELD_OUT if path.is_file())[:1]
    if not found:
        raise UserError(
            "no soundfont found: install Debian's musescore-general-soundfont-small and "
            "timgm6mb-soundfont, or name .sf2 or .sf3 files with --soundfont"
        )
    return found


class Synth:
    """A loaded soundfont; loading takes seconds and half a gigabyte, so once a process."""

    def __init__(self, soundfont: Path, sample_rate: int = SAMPLE_RATE) -> None:
        try:
            from tinysoundfont import _tinysoundfont
        except ImportError as error:
            raise UserError(
                "the renderer is missing: pip install --no-deps tinysoundfont"
            ) from error
        try:
            self._font: Any = _tinysoundfont.SoundFont(str(soundfont))
        except RuntimeError as error:
            raise UserError(f"{soundfont} cannot be read as a soundfont") from error
        self._font.set_output(_tinysoundfont.OutputMode.Mono, sample_rate, _GAIN_DB)
        self._font.set_max_voices(192)
        self._levels = Levels(self._font, sample_rate)
        self.sample_rate = sample_rate

    def play(
        self, piece: Piece, strokes: Sequence[Stroke], seconds: float
    ) -> Float[np.ndarray, " t"]:
        """Render strokes to exactly `seconds`; what still sounds at the end is cut."""
        strokes = [self._in_layer(piece.parts[stroke.part], stroke) for stroke in strokes]
        self._tune(piece)
        events: dict[int, list[Stroke]] = {}
        for stroke in strokes:
            for time in (stroke.start, stroke.end):
                events.setdefault(round(time * self.sample_rate / BLOCK) * BLOCK, []).append(stroke)
        samples = np.zeros(round(seconds * self.sample_rate), np.float32)
        memory = samples.data.cast("B")
        now = 0
        for moment in sorted(events):
            until = min(moment, len(samples))
            if until > now:
                self._font.render(memory[4 * now : 4 * until], False)
                now = until
            self._strike(moment, events[moment])
        if now < len(samples):
            self._font.render(memory[4 * now :], False)
        return samples

    def _strike(self, moment: int, strokes: list[Stroke]) -> None:
        starting = []
        for stroke in strokes:  # ends first: a repeated note must be released before it sounds
            if round(stroke.start * self.sample_rate / BLOCK) * BLOCK == moment:
                starting.append(stroke)
            elif stroke.channel != DRUM_CHANNEL:
                self._font.channel_note_off(stroke.channel, stroke.pitch)
        for stroke in starting:
            self._font.channel_note_on(stroke.channel, stroke.pitch, stroke.velocity / 127)

    def _in_layer(self, part: Part, stroke: Stroke) -> Stroke:
        return stroke._replace(
            velocity=self._levels.velocity(part.program, stroke.velocity, part.drums)
        )

    def _tune(self, piece: Piece) -> None:
        """Choose the programs, at levels that balance on any soundfont."""
        parts = piece.parts
        # Measuring a program uses a channel: all of that comes first.
        gains = [part.volume * self._levels.gain(part.program, part.drums) for part in parts]
        silence(self._font, self.sample_rate)
        for part, channel, volume in zip(parts, channels(piece), balanced(gains), strict=True):
            self._font.channel_set_bank(channel, 128 if part.drums else 0)
            self._font.channel_set_preset_number(channel, part.program, part.drums)
            self._font.channel_midi_control(channel, VOLUME, volume)
