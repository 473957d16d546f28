"""The pictures of `musiclm evaluate codec`: distance against bit-rate, and one clip's spectrograms.

pictures = draw(figures, soundstream, clip, Path("docs/results/codec.json"), "opusenc")
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.checkpoint import atomic_path
from musiclm.codec.soundstream import SoundStream
from musiclm.data.manifest import Clip
from musiclm.evaluate.opus import OPUS, round_trips
from musiclm.evaluate.sound import load
from musiclm.picture import NOT_DRAWN, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BYTES = 250_000  # of a picture, which lies in the repository
COLUMNS = {"log_mel_distance": "log-mel distance, nepers", "frechet_distance": "Frechet distance"}
LINES = {"SoundStream": "o-", "constant": "s--", "variable": "^:"}  # by what a row's name holds
COLOURS = 48  # of a picture: few make small files
WINDOW, HOP = 1024, 256
RANGE = (-110.0, -30.0)  # dB of full scale


def draw(
    figures: Mapping[str, Any], soundstream: SoundStream, clip: Clip, report: Path, tool: str | None
) -> dict[str, Any]:
    """Draw both beside the report; what to add to its figures."""
    first, second = canvas(11, 4), canvas(3.2, 3.4)
    if first is None or second is None:
        return {"notes": [*figures["notes"], NOT_DRAWN]}
    rates = report.with_name(f"{report.stem}-rates.png")
    sounds = report.with_name(f"{report.stem}-spectrograms.png")
    draw_rates(first, figures["tables"][0]["rows"], rates)
    draw_spectrograms(second, there_and_back(soundstream, clip, tool), sounds)
    titles = ("Distance against true bit-rate", f"One clip ({clip.id}), the median at all levels")
    files = (rates.name, sounds.name)
    return {
        "pictures": [{"title": t, "file": f} for t, f in zip(titles, files, strict=True)],
    }


def there_and_back(
    soundstream: SoundStream, clip: Clip, tool: str | None
) -> dict[str, Float[np.ndarray, " t"]]:
    """One clip as each codec leaves it, by title."""
    wave = load([clip], middle=True)
    device = next(soundstream.parameters()).device
    codes = soundstream.encode(wave.to(device))
    heard = {"original": wave}
    most = soundstream.config.levels
    for levels in (most, max(1, most // 3)):
        kbps = soundstream.config.bitrate / most * levels / 1000
        back = soundstream.decode(codes[..., :levels]).cpu()
        heard[f"SoundStream, {levels} levels, {kbps:g} kbps"] = back
    for how in reversed([how for how in OPUS if how.constant and tool]):
        heard[str(how)], _ = round_trips(wave, how, tool or "")
    return {title: one[0, 0].numpy() for title, one in heard.items()}


def draw_spectrograms(
    figure: "Figure", sounds: Mapping[str, Float[np.ndarray, " t"]], path: Path
) -> None:
    """One beside the other, on one scale; the figure is made as wide as all of them."""
    from matplotlib import colormaps

    figure.set_figwidth(figure.get_figwidth() * len(sounds))
    axes = figure.subplots(1, len(sounds), sharey=True, squeeze=False)[0]
    for axis, (title, samples) in zip(axes, sounds.items(), strict=True):
        seconds = len(samples) / SAMPLE_RATE
        axis.imshow(
            spectrogram(samples),
            origin="lower",
            aspect="auto",
            extent=(0.0, seconds, 0.0, SAMPLE_RATE / 2000),
            cmap=colormaps["magma"].resampled(24),
            vmin=RANGE[0],
            vmax=RANGE[1],
        )
        axis.set_title(title, fontsize=8)
        axis.set_xlabel("seconds")
    axes[0].set_ylabel("kHz")
    _save(figure, path)


def draw_rates(figure: "Figure", rows: list[dict[str, Any]], path: Path) -> None:
    """Each distance against kbit/s, with its intervals."""
    from matplotlib.ticker import LogFormatter

    axes = figure.subplots(1, len(COLUMNS))
    for axis, (column, title) in zip(axes, COLUMNS.items(), strict=True):
        for name, style in LINES.items():
            found = [r for r in rows if name in r["what"] and isinstance(r.get(column), Mapping)]
            found.sort(key=lambda r: r["kbps"])
            cells = [r[column] for r in found]
            values = np.array([cell["value"] for cell in cells])
            arms = [
                values - [cell["low"] for cell in cells],
                np.array([cell["high"] for cell in cells]) - values,
            ]
            label = name if name == "SoundStream" else f"Opus, {name} bit-rate"
            kbps = [r["kbps"] for r in found]
            axis.errorbar(kbps, values, np.clip(arms, 0.0, None), fmt=style, capsize=3, label=label)
        axis.set(xlabel="kbit/s", ylabel=title, yscale="log", xlim=(0.0, None))
        for ticks in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
            ticks(LogFormatter(minor_thresholds=(2, 0.5)))  # plain numbers, not powers of ten
        axis.grid(alpha=0.3, which="both")
    axes[0].legend()
    _save(figure, path)


def spectrogram(samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "f n"]:
    """Decibels of full scale."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    window = np.hanning(WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * window)) * 2.0 / window.sum()
    return 20.0 * np.log10(magnitude.T + 1e-7)


def _save(figure: "Figure", path: Path) -> None:
    """As sharp as fits: few colours, then fewer points."""
    from PIL import Image  # matplotlib needs it too

    for dpi in (110, 90, 75, 60):
        drawn, small = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, dpi=dpi, format="png")
        Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, "PNG", optimize=True)
        if small.tell() <= MOST_BYTES:
            break
    with atomic_path(path) as temporary:
        temporary.write_bytes(small.getvalue())
