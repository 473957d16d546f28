"""What MuLan hears of whole clips, kept in memory: a step then neither reads nor transforms sound.

A third of a step of MuLan's small tower is its spectrogram. What is random is done after it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.data.dataset import Crops, crop
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTower

MOST_BYTES = 8 * 2**30  # of spectrograms in memory
BYTES = 2  # of a number in float16


class Spectrograms:
    """The crops of a training as pieces of remembered log-mel."""

    def __init__(self, crops: Crops, tower: AudioTower) -> None:
        rate = tower.config.sample_rate / tower.config.hop
        size = sum(clip.seconds for clip in crops.clips) * rate * tower.config.heard * BYTES
        if size > MOST_BYTES:
            raise UserError(
                f"mulan: the spectrograms of {len(crops.clips)} clips would take "
                f"{size / 2**30:.0f} GiB of memory; set train.mulan.task.remember = false"
            )
        self.crops, self.tower, self.rate = crops, tower, rate
        self.frames = round(crops.seconds * rate)
        self.kept: dict[str, Float[Tensor, "n f"]] = {}

    def batch(self, step: int) -> tuple[Float[Tensor, "b n f"], list[Clip]]:
        """The crops of a step, to the nearest frame, and whose they are."""
        rows = self.crops.rows(step)
        return torch.stack([self._crop(clip, start) for clip, start in rows]).float(), [
            clip for clip, _ in rows
        ]

    def _crop(self, clip: Clip, start: float) -> Float[Tensor, "n f"]:
        whole = self.kept.get(clip.id)
        if whole is None:
            seconds = max(clip.seconds, self.crops.seconds)
            wave = torch.from_numpy(crop(clip, 0.0, seconds))[None]
            device = self.tower.mel.window.device
            whole = self.tower.spectrogram(wave.to(device))[0].half().cpu()
            self.kept[clip.id] = whole
        first = min(round(start * self.rate), max(0, len(whole) - self.frames))
        return whole[first : first + self.frames]
