"""SoundStream in training (SoundStream section III-E): say it again, later also fool the critics.

The critics are expensive on a CPU and confused by noise, so they enter at `adversarial_from`, if
ever, under the eyes of a referee. What the training shows of itself is in docs/codec-training.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.codec.denoise import mix_noise
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
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig, SoundStreamOutput
from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.train.balance import RECONSTRUCTION, Balancer
from musiclm.train.config import TrainConfig
from musiclm.train.diagnosis import diagnose
from musiclm.train.diagnostics import (
    Tally,
    band_errors,
    code_figures,
    directions,
    draw,
    gradient_norms,
    histogram,
    shares,
    still_distance,
    win_rate,
)
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.referee import FallbackConfig, Referee
from musiclm.train.task import LOGGED, Batch, Terms

COARSE_LEVELS = 4  # what the coarse stage alone will have to sound like
VALIDATED = 32  # clips
LISTENED = 4  # clips
BALANCED = (*RECONSTRUCTION, "adversarial", "features")  # terms that listen to the waveform


@dataclass(frozen=True)
class CodecTaskConfig:
    """What only the codec's training knows: `[train.codec.task]`."""

    adversarial_from: int | None = None  # step; None: never
    windows_per_step: int = len(WINDOWS)  # of the spectral loss, chosen at random; paper: all
    fit_batches: int = 125  # that the magnitude network starts from; 0: from `start_from`
    critics: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    fallback: FallbackConfig = field(default_factory=FallbackConfig)
    # Of the gradient at the decoded waveform, by term, in place of weights; empty: by weights.
    shares: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what has no windows."""
        if not 1 <= self.windows_per_step <= len(WINDOWS):
            raise UserError(f"windows_per_step must be 1 to {len(WINDOWS)}")
        unknown = sorted(self.shares.keys() - set(BALANCED))
        if unknown:
            raise UserError(f"no share for {unknown[0]!r}; legal: {', '.join(BALANCED)}")
        if self.shares and not any(self.shares.get(term) for term in RECONSTRUCTION):
            raise UserError(f"shares need one of {', '.join(RECONSTRUCTION)}")


class CodecTask:
    """Crops of waves in, the same waves out."""

    noun = "codec"
    # The paper's are 1, 1 and 100 on sums over frames; ours are means, with DAC's proportions.
    weights = {
        "mel": 10.0,
        "log_mel": 1.0,
        "commitment": 0.25,
        # Only of a network that aims at magnitudes (`musiclm.codec.magnitude.misfits`).
        **{"tune": 1.5, "slope": 1.0, "long": 0.3, "short": 0.3, "loudness": 0.7},
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
        self.config, self.term_weights = config, {**self.weights, **config.loss_weights}
        self.referee: Referee | None = None
        if self.task_config.adversarial_from is not None:
            self.modules["critics"] = Discriminators(self.task_config.critics)
            self.referee = Referee(self.task_config.fallback, self.task_config.adversarial_from)
            self.modules["referee"] = self.referee
        self.balancer: Balancer | None = None
        if self.task_config.shares:
            self.balancer = Balancer(self.task_config.shares, self.term_weights)
            self.modules["balancer"] = self.balancer
        # A network of magnitudes learns from spectra; its sound is made for critics alone.
        spectra = model_config.network == "magnitude"
        self.sounding = not spectra or self.referee is not None or self.balancer is not None
        self.tally = Tally(model_config.levels, model_config.codebook_size)
        self.detail: dict[str, Any] = {}  # of the last validation
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
        """The critics' terms, once there are any, then the codec's, then figures for the log."""
        wave = batch["wave"]
        if step == 0 and self.task_config.fit_batches:
            waves = (self.crops.batch(i).wave for i in range(self.task_config.fit_batches))
            self.model.fit((w.to(wave.device) for w in waves), generator)
        real, output, terms = self._there(wave, generator)
        logged: Terms = {}
        if self.referee is not None:
            assert output.wave is not None
            fake = output.wave.float()
            self.referee.decide(step)
            if step >= self.referee.start and self.referee.heard:
                if self.referee.learning:
                    judged = self._judged(real, fake.detach())
                    logged["critics.win_rate"] = win_rate(*judged)
                    yield "critics", {"critics": discriminator_hinge(*judged)}
                fooling, rate = self._fooling(real, fake)
                terms |= fooling
                logged.setdefault("critics.win_rate", rate)
            sound = sum(self.term_weights[name] * terms[name].detach() for name in RECONSTRUCTION)
            assert isinstance(sound, Tensor)
            self.referee.note(sound, logged.get("critics.win_rate"))
        if self.balancer is not None:
            assert output.wave is not None
            terms = self.balancer(terms, output.wave.float())
        if (step + 1) % self.config.log_every == 0:
            logged |= self._measure(terms, output)
        yield "model", terms
        yield LOGGED, logged

    def _there(
        self, wave: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, SoundStreamOutput, Terms]:
        """What should be said, what is said, and the terms that need no critics."""
        real = wave
        if self.model.config.denoise:
            mixed = mix_noise(wave, generator)
            real, output = mixed.target, self.model(mixed.wave, generator, mixed.denoise)
        else:
            output = self.model(wave, generator, sounding=self.sounding)
        self.tally.add(output.codes, self.model.quantiser.revived)
        own = {"commitment": output.commitment, "correlation": output.correlation}
        terms = dict(output.misfits) or own
        if output.wave is not None:
            windows = choose_windows(self.task_config.windows_per_step, generator)
            terms |= reconstruction_losses(real, output.wave.float(), windows)
        return real, output, terms

    def _judged(self, real: Tensor, fake: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        critics = self.modules["critics"].requires_grad_(True)
        return [logits for logits, _ in critics(real)], [logits for logits, _ in critics(fake)]

    def _fooling(self, real: Tensor, fake: Tensor) -> tuple[Terms, Tensor]:
        critics = self.modules["critics"].requires_grad_(False)
        with torch.no_grad():
            true = critics(real)
        false = critics(fake)
        logits = [[logits for logits, _ in judged] for judged in (true, false)]
        features = [[features for _, features in judged] for judged in (true, false)]
        terms = {
            "adversarial": generator_hinge(logits[1]),
            "features": feature_matching(*features),
        }
        return terms, win_rate(*logits)

    def _measure(self, terms: Terms, output: SoundStreamOutput) -> Terms:
        """What costs a little, so it is only done for rows of the log."""
        # Where the decoder aims at magnitudes, a term need not pass through the waveform.
        point = output.spectra.long if output.spectra is not None else output.wave
        assert point is not None
        figures = self.tally.read() | shares(gradient_norms(terms, self.term_weights, point))
        if self.referee is not None:
            figures["critics.mode"] = self.referee.mode.clone()
        return figures

    def validate(self) -> dict[str, float]:
        """Distance to the original with all levels and with the coarse ones; codes in use."""
        usage = self.model.quantiser.usage()
        figures = {"usage_first": float(usage[0]), "usage_least": float(usage.min())}
        if self.valid_wave is None:
            return figures
        every = self.model.config.levels
        device = next(self.model.parameters()).device
        vectors = torch.cat([self.model.embed(w.to(device)) for w in self.valid_wave.split(8)])
        codes = self.model.quantiser.encode(vectors)
        for levels in sorted({every, min(COARSE_LEVELS, every)}):
            back = self._back(codes[..., :levels])
            figures[f"log_mel_{levels}_levels"] = float(
                log_mel_distance(self.valid_wave, back).mean()
            )
        used = code_figures(histogram(codes, self.model.config.codebook_size))
        self.detail |= {name: figure.tolist() for name, figure in used.items()}
        self.detail |= {"directions": directions(vectors), "dimension": vectors.shape[-1]}
        self.detail |= {"log_mel_still": self._still(self.valid_wave)}
        self.detail |= band_errors(self.valid_wave, back)  # `back` is now that of all levels
        return figures

    def _still(self, wave: Float[Tensor, "b 1 t"]) -> float:
        if "log_mel_still" not in self.detail:  # it never changes
            self.detail["log_mel_still"] = still_distance(wave)
        return self.detail["log_mel_still"]

    def _back(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b 1 t"]:
        """Of held-out clips, as long as those are."""
        assert self.valid_wave is not None
        waves = [self.model.decode(part).float().cpu() for part in codes.split(8)]
        return torch.cat(waves)[..., : self.valid_wave.shape[-1]]

    def details(self) -> dict[str, Any]:
        """Codes by level, directions of the latents and errors by band, on held-out clips."""
        return self.detail

    def diagnose(self, figures: Mapping[str, Any]) -> list[str]:
        """What is going wrong, in plain English."""
        return diagnose({**figures, "clip_norm": self.config.clip_norm})

    def samples(self, folder: Path) -> None:
        """Some held-out clips as they are and as the codec says them, for ears and for eyes."""
        if self.valid_wave is None:
            return
        real = self.valid_wave[:LISTENED]
        device = next(self.model.parameters()).device
        fake = self._back(self.model.encode(real.to(device)))
        for clip, true, false in zip(self.valid, real, fake, strict=False):
            Waveform(true[0].numpy(), SAMPLE_RATE).save(folder / f"{clip.id}.real.wav")
            Waveform(false[0].numpy(), SAMPLE_RATE).save(folder / f"{clip.id}.decoded.wav")
            draw(folder / f"{clip.id}.png", true[0], false[0], clip.id)

    def finish(self, folder: Path) -> None:
        """Export the averaged weights."""
        export(folder, self.noun, self.model, self.model.config)
