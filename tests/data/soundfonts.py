"""The soundfonts that are installed, fastest first, and the mark of tests that need one."""

import pytest

from musiclm.corpus import render

KNOWN = [*(path for kind in render.SOUNDFONTS for path in kind), *render.HELD_OUT]
# The small and uncompressed ones load fastest.
BY_SPEED = sorted(
    {path.resolve() for path in KNOWN if path.is_file()},
    key=lambda path: (path.suffix, path.stat().st_size),
)
INSTALLED = next(iter(BY_SPEED), None)
needs_soundfont = pytest.mark.skipif(INSTALLED is None, reason="no soundfont is installed")
