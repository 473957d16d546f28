"""Pictures of figures, where matplotlib is installed: drawn without a screen, written whole.

>>> figure = canvas(4, 3)
>>> figure is None or figure.get_size_inches().tolist() == [4.0, 3.0]
True
"""

from pathlib import Path
from typing import TYPE_CHECKING, Optional

from musiclm.checkpoint import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOT_DRAWN = "pictures: not drawn; install matplotlib"


def canvas(width: float | int, height: float | int) -> Optional["Figure"]:
    """An empty figure of so many inches; None without matplotlib, which is an extra."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", path: Path) -> Path:
    """Write a PNG."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    return path
