"""SoundStream in training (SoundStream section III-E): say it again, later also fool the critics.

The critics are expensive on a CPU and confused by noise, so they enter at `adversarial_from`, if
ever.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.codec.discriminators import DiscriminatorConfig, Discriminators
from musiclm.codec.losses import (
    WINDOWS,
    choose_windows,
    discriminator_hinge,
    feature_matching,
    generator_hinge,
    log_mel_distance,
    reconstruction_losses,
)
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.task import Batch, Terms

COARSE_LEVELS = 4  # what the coarse stage alone will have to sound like
VALIDATED = 32  # clips
LISTENED = 4  # clips


@dataclass(frozen=True)
class CodecTaskConfig:
    """What only the codec's training knows: `[train.codec.task]`."""

    adversarial_from: int | None = None  # step; None: never
    windows_per_step: int = len(WINDOWS)  # of the spectral loss, chosen at random; paper: all
    critics: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)

    def __post_init__(self) -> None:
        """Refuse what has no windows."""
        if not 1 <= self.windows_per_step <= len(WINDOWS):
            raise UserError(f"windows_per_step must be 1 to {len(WINDOWS)}")


class CodecTask:
    """Crops of waves in, the same waves out."""

    noun = "codec"
    # The paper's are 1, 1 and 100 on sums over frames; ours are means, with DAC's proportions.
    weights = {
        "mel": 10.0,
        "log_mel": 1.0,
        "commitment": 0.25,
        "correlation": 0.6,  # not in the paper: keeps a young encoder from using few directions
        "adversarial": 0.07,
        "features": 0.14,
        "critics": 1.0,
    }

    def __init__(
        self,
        model_config: SoundStreamConfig,
        config: TrainConfig,
        clips: Sequence[Clip],
        task_config: CodecTaskConfig | None = None,
    ):
        self.task_config = task_config or CodecTaskConfig()
        self.model = SoundStream(model_config)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        if self.task_config.adversarial_from is not None:
            self.modules["critics"] = Discriminators(self.task_config.critics)
        seconds = config.crop_seconds or 2.0
        self.crops = Crops(
            [clip for clip in clips if clip.split == "train"], seconds, config.batch, config.seed
        )
        self.seconds_per_batch = seconds * config.batch
        self.valid = held_out(clips, "valid", VALIDATED)
        self.valid_wave = middles(self.valid, max(4.0, seconds)) if self.valid else None

    def batch(self, step: int) -> Batch:
        """Waves [b 1 t]."""
        return {"wave": self.crops.batch(step).wave}

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """The critics' terms, once there are any, then the codec's."""
        real = batch["wave"]
        output = self.model(real, generator)
        fake = output.wave.float()
        windows = choose_windows(self.task_config.windows_per_step, generator)
        terms = reconstruction_losses(real, fake, windows) | {
            "commitment": output.commitment,
            "correlation": output.correlation,
        }
        start = self.task_config.adversarial_from
        if start is not None and step >= start:
            critics = self.modules["critics"].requires_grad_(True)
            pairs = zip(critics(real), critics(fake.detach()), strict=True)
            judged = [(true, false) for (true, _), (false, _) in pairs]
            yield "critics", {"critics": discriminator_hinge(*map(list, zip(*judged, strict=True)))}
            terms |= self._fooling(critics, real, fake)
        yield "model", terms

    def _fooling(self, critics: nn.Module, real: Tensor, fake: Tensor) -> Terms:
        critics.requires_grad_(False)
        with torch.no_grad():
            wanted = [features for _, features in critics(real)]
        judged = critics(fake)
        return {
            "adversarial": generator_hinge([logits for logits, _ in judged]),
            "features": feature_matching(wanted, [features for _, features in judged]),
        }

    def validate(self) -> dict[str, float]:
        """Distance to the original with all levels and with the coarse ones; codes in use."""
        usage = self.model.quantiser.usage()
        figures = {"usage_first": float(usage[0]), "usage_least": float(usage.min())}
        if self.valid_wave is not None:
            every = self.model.config.levels
            for levels in {every, min(COARSE_LEVELS, every)}:
                distance = [
                    log_mel_distance(real, self._there_and_back(real, levels))
                    for real in self.valid_wave.split(8)
                ]
                figures[f"log_mel_{levels}_levels"] = float(torch.cat(distance).mean())
        return figures

    def _there_and_back(self, wave: Float[Tensor, "b 1 t"], levels: int) -> Float[Tensor, "b 1 t"]:
        device = next(self.model.parameters()).device
        codes = self.model.encode(wave.to(device), levels)
        return self.model.decode(codes)[..., : wave.shape[-1]].float().cpu()

    def samples(self, folder: Path) -> None:
        """Some held-out clips as they are, and as the codec says them."""
        if self.valid_wave is None:
            return
        real = self.valid_wave[:LISTENED]
        fake = self._there_and_back(real, self.model.config.levels)
        for clip, true, false in zip(self.valid, real, fake, strict=False):
            Waveform(true[0].numpy(), SAMPLE_RATE).save(folder / f"{clip.id}.real.wav")
            Waveform(false[0].numpy(), SAMPLE_RATE).save(folder / f"{clip.id}.decoded.wav")

    def finish(self, folder: Path) -> None:
        """Export the averaged weights."""
        export(folder, self.noun, self.model, self.model.config)
