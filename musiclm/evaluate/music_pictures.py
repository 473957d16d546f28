"""The pictures of `evaluate music`: figures by system, what resembles itself, and spectrograms.

figures["pictures"] = draw(figures, Path("report"))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE, read_crop
from musiclm.evaluate.structure import frames, similarity
from musiclm.nn.spectrogram import shared_log_mel
from musiclm.picture import canvas, save

SHOWN = ("FAD, ", "KAD, ", "MAD, ", "KLD ", "text and sound")  # rows with a panel
MOST_PANELS, MOST_CLIPS = 9, 3  # clips of each system
SECONDS = 10.0
MEL = (1024, 240, 80)  # window, hop, bins
RANGE = 8.0  # nepers of a spectrogram that are drawn

Clip = Mapping[str, Any]


def draw(figures: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    """Draw beside the report; titles and files, none without matplotlib."""
    if canvas(1, 1) is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    names = systems(figures)
    clips = [
        clip
        for name in names
        for clip in [one for one in figures["clips"] if one["folder"] == name][:MOST_CLIPS]
    ] + list(figures.get("reference_clips", ()))
    lines = list(dict.fromkeys(clip["folder"] for clip in clips))
    waves = [read_crop(clip["file"], 0.0, min(SECONDS, clip["seconds"])) for clip in clips]
    titles = {
        "figures.png": ("Figures by system, with 95 % intervals", _figures(figures, names)),
        "similarity.png": (
            "Each moment of a clip beside each other one: bright where they are alike",
            _grid(clips, [similarity(frames(wave)) for wave in waves], lines, "magma"),
        ),
        "spectrograms.png": (
            "Mel spectrograms of the same clips",
            _grid(clips, [_log_mel(wave) for wave in waves], lines, "viridis"),
        ),
    }
    made = []
    for file, (title, figure) in titles.items():
        if figure is not None:
            made.append({"title": title, "file": save(figure, folder / file).name})
    return made


def systems(figures: Mapping[str, Any]) -> list[str]:
    """The names of what was judged, in their order."""
    return list(dict.fromkeys(clip["folder"] for clip in figures["clips"]))


def _figures(figures: Mapping[str, Any], names: Sequence[str]) -> Any:
    rows = [
        line
        for one in figures["tables"]
        for line in one["rows"]
        if line["what"].startswith(SHOWN)
        and "shrunk" not in line["what"]
        and "difference" not in line
        if any(isinstance(line.get(name), Mapping) for name in names)
    ][:MOST_PANELS]
    if not rows:
        return None
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure = canvas(3.6 * columns, lines * (1.1 + 0.32 * len(names)))
    assert figure is not None
    grid = figure.subplots(lines, columns, squeeze=False)
    for axis in grid.ravel()[len(rows) :]:
        axis.axis("off")
    for axis, line in zip(grid.ravel(), rows, strict=False):
        _panel(axis, line, names)
    return figure


def _panel(axis: Any, line: Mapping[str, Any], names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        cell = line.get(name)
        if isinstance(cell, Mapping):
            axis.plot([cell["low"], cell["high"]], [place, place], color=f"C{place}", linewidth=3)
            axis.plot(cell["value"], place, "o", color=f"C{place}", markersize=8)
        chance = line.get(f"{name}, shuffled")
        if isinstance(chance, float):
            axis.plot(chance, place, "x", color="grey")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_title(line["what"], fontsize=10)


def _grid(
    clips: Sequence[Clip], matrices: Sequence[np.ndarray], names: Sequence[str], colours: str
) -> Any:
    figure = canvas(3.0 * MOST_CLIPS, 2.7 * len(names))
    assert figure is not None
    grid = figure.subplots(len(names), MOST_CLIPS, squeeze=False)
    for axis in grid.ravel():
        axis.axis("off")
    for clip, matrix in zip(clips, matrices, strict=True):
        line = names.index(clip["folder"])
        place = [one["clip"] for one in clips if one["folder"] == clip["folder"]].index(
            clip["clip"]
        )
        axis = grid[line][place]
        axis.axis("on")
        high = 12.0 if colours == "viridis" else SECONDS  # kHz on the mel scale, or seconds
        seconds = min(SECONDS, clip["seconds"])
        top = high if colours == "viridis" else seconds
        axis.imshow(
            matrix, origin="lower", aspect="auto", cmap=colours, extent=(0.0, seconds, 0.0, top)
        )
        if colours == "viridis":
            axis.set_yticks([])
        axis.set_title(f"{clip['folder']}: {clip['clip']}", fontsize=9)
        axis.tick_params(labelsize=8)
    return figure


def _log_mel(wave: Float[np.ndarray, " t"]) -> Float[np.ndarray, "d n"]:
    heard = shared_log_mel(SAMPLE_RATE, *MEL)(torch.from_numpy(wave)[None].float())[0]
    return heard.clamp_min(float(heard.max()) - RANGE).T.numpy()
