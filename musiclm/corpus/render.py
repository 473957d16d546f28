"""Plays strokes on a soundfont: tinysoundfont driven block by block, mono float32 at 24 kHz.

tinysoundfont's own sequencer spends its time in Python; handing it the samples between two events
at a time is four times faster. It is imported here only, when a soundfont is loaded, because its
package declares pyaudio, which needs system headers to build and is not needed.

>>> find_soundfont(Path("no/such.sf2"))
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
from musiclm.corpus.perform import Stroke, channels
from musiclm.corpus.piece import DRUM_CHANNEL, Piece
from musiclm.errors import UserError

SOUNDFONTS = tuple(
    Path("/usr/share/sounds") / name
    for name in (
        "sf3/MuseScore_General_Lite.sf3",
        "sf3/MuseScore_General.sf3",
        "sf2/FluidR3_GM.sf2",
        "sf3/default-GM.sf3",
        "sf2/default-GM.sf2",
    )
)
BLOCK = 120  # samples: events fall on a grid of 5 ms
_GAIN_DB = -8.0  # at 0 dB tinysoundfont's sums pass full scale
_ALL_SOUND_OFF = 120  # MIDI controllers
_VOLUME = 7
_FLUSH = 0.2  # seconds in which cut voices die


def find_soundfont(soundfont: Path | None) -> Path:
    """The soundfont asked for, or the first that is installed."""
    if soundfont is not None:
        if not soundfont.is_file():
            raise UserError(f"no such soundfont: {soundfont}")
        return soundfont
    for path in SOUNDFONTS:
        if path.is_file():
            return path
    raise UserError(
        "no soundfont found: install Debian's musescore-general-soundfont-small, "
        "or name an .sf2 or .sf3 file with --soundfont"
    )


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
        self.sample_rate = sample_rate

    def play(
        self, piece: Piece, strokes: Sequence[Stroke], seconds: float
    ) -> Float[np.ndarray, " t"]:
        """Render strokes to exactly `seconds`; what still sounds at the end is cut."""
        self._silence()
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

    def _silence(self) -> None:
        # Cut and flush: a clip must not depend on the one rendered before it.
        for channel in range(16):
            self._font.channel_midi_control(channel, _ALL_SOUND_OFF, 0)
        rest = np.zeros(round(_FLUSH * self.sample_rate), np.float32)
        self._font.render(rest.data.cast("B"), False)

    def _tune(self, piece: Piece) -> None:
        for part, channel in zip(piece.parts, channels(piece), strict=True):
            self._font.channel_set_bank(channel, 128 if part.drums else 0)
            self._font.channel_set_preset_number(channel, part.program, part.drums)
            level = min(127, round(100 * part.volume ** (1 / 3)))  # the synth cubes it
            self._font.channel_midi_control(channel, _VOLUME, level)
