"""Three recordings of different lengths, each a ramp, so that a crop says where it is from."""

import numpy as np
import pytest

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.data.manifest import Clip

SECONDS = (1.0, 2.0, 4.0)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("ramps")
    rows = []
    for number, seconds in enumerate(SECONDS):
        path = folder / f"{number}.wav"
        Waveform(np.linspace(0, 0.9, round(seconds * SAMPLE_RATE), dtype=np.float32)).save(path)
        rows.append(Clip(id=str(number), path=str(path), seconds=seconds))
    return rows
