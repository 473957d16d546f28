"""The index of the styles; their rows are in `styles_popular`, `_electronic` and `_classical`.

>>> sorted(STYLES)[:3], len(STYLES)
(['ambient', 'baroque', 'blues'], 26)
"""

from musiclm.corpus.style import TEMPO_RANGES, Style
from musiclm.corpus.styles_classical import CLASSICAL
from musiclm.corpus.styles_electronic import ELECTRONIC
from musiclm.corpus.styles_popular import POPULAR

__all__ = ["BAND_STYLES", "DRUM_STYLES", "ENSEMBLE_STYLES", "STYLES", "TEMPO_RANGES", "Style"]

STYLES: dict[str, Style] = {s.name: s for s in (*POPULAR, *ELECTRONIC, *CLASSICAL)}

BAND_STYLES: tuple[str, ...] = tuple(name for name, s in STYLES.items() if s.grooves)
DRUM_STYLES: tuple[str, ...] = tuple(
    s for s in BAND_STYLES if s not in ("ambient", "folk", "waltz", "cinematic")
)
ENSEMBLE_STYLES: tuple[str, ...] = tuple(name for name, s in STYLES.items() if s.ensembles)
