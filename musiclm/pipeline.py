"""MusicLM: text -> MuLan tokens -> semantic -> coarse -> fine -> waveform. The main path.

    model = MusicLM.from_pretrained("mini")
    model.generate("a calm solo piano", duration=10, seed=1).save("calm.wav")

Paper: arXiv 2301.11325, section 3.2 and figure 2; the continuation is AudioLM's (2209.03143).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, Waveform, normalise_loudness
from musiclm.card import update_card
from musiclm.device import pick_device
from musiclm.errors import UserError
from musiclm.lm.generate import generate
from musiclm.lm.model import StageModel
from musiclm.lm.sampling import Sampling
from musiclm.system import System, load_system, save_system
from musiclm.tokenizers import FRAME, Tokenizers
from musiclm.tokens import SEMANTIC

MIN_SECONDS, MAX_SECONDS = 0.1, 600.0
MAX_PROMPT = 2_000  # characters; the text tower reads some 250 words
JOINT = SAMPLE_RATE // 50  # samples of the cross-fade where a continuation leaves its clip
Progress = Callable[[str, int, int], None]  # (stage, done, total)


@dataclass(frozen=True)
class Settings:
    """How to draw tokens; None leaves what the system was released with."""

    temperature: tuple[float, float, float] | None = None  # semantic, coarse, fine
    top_k: int | None = None
    top_p: float | None = None
    cfg_scale: float | None = None


@dataclass(frozen=True)
class Clip:
    """What was generated, and what it was generated from."""

    wave: Waveform
    tokens: Mapping[str, Int[Tensor, "..."]]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> Float[np.ndarray, " t"]:
        """Mono samples in [-1, 1]."""
        return self.wave.samples

    @property
    def sample_rate(self) -> int:
        """24,000."""
        return self.wave.sample_rate

    def save(self, path: Path | str) -> None:
        """Write WAV, FLAC, OGG or MP3 by extension, with prompt, seed and system inside."""
        self.wave.save(path, self.metadata)


class MusicLM:
    """A whole system: three tokenizers, three stages, and the defaults it was released with."""

    def __init__(self, system: System) -> None:
        """Parts come checked: see `musiclm.system`."""
        self.system = system
        self.tokenizers: Tokenizers = system.tokenizers
        self.stages: dict[str, StageModel] = system.stages

    @classmethod
    def from_pretrained(cls, name_or_dir: str | Path = "mini", device: str = "auto") -> "MusicLM":
        """Load a released system by name, or any system's folder."""
        return cls(load_system(name_or_dir, pick_device(device)))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that `from_pretrained` reads."""
        save_system(self.system, folder)
        update_card(Path(folder))

    @overload
    def generate(self, prompt: str = "", *args: Any, **keywords: Any) -> Clip: ...

    @overload
    def generate(self, prompt: list[str], *args: Any, **keywords: Any) -> list[Clip]: ...

    def generate(
        self,
        prompt: str | list[str] = "",
        duration: float | int = 10.0,
        seed: int = 0,
        *,
        settings: Settings | None = None,
        continue_from: Waveform | None = None,
        progress: Progress | None = None,
    ) -> Clip | list[Clip]:
        """Text to music: one clip for a string, a list of clips for a list.

        Clip i of a list is drawn with seed + i and is what a call with that prompt and seed gives
        (up to the rounding of batched arithmetic). With `continue_from`, `duration` seconds
        follow the given clip; the prompt may then be empty.
        """
        prompts = [prompt] if isinstance(prompt, str) else prompt
        check_duration(duration)
        for text in prompts:
            if text or continue_from is None:
                check_prompt(text)
        for stage in self.stages:  # a bad setting of the last stage is named before the first one
            self._sampling(stage, settings or Settings())
        clips = self._generate(
            prompts, duration, seed, settings or Settings(), continue_from, progress
        )
        return clips[0] if isinstance(prompt, str) else clips

    @torch.inference_mode()
    def _generate(
        self,
        prompts: list[str],
        duration: float,
        seed: int,
        settings: Settings,
        before: Waveform | None,
        progress: Progress | None,
    ) -> list[Clip]:
        start = self._context(before, len(prompts)) if before else {}
        seconds = duration + (start["semantic"].shape[1] / SEMANTIC.rate if start else 0.0)

        seeds = [seed + row for row in range(len(prompts))]

        def draw(stage: str, given: dict[str, Tensor], prompt: Tensor | None = None) -> Tensor:
            return self.draw(stage, given, seconds, seeds, prompt, settings, progress)

        mulan = self._mulan(prompts, before)
        semantic = draw("semantic", {"mulan": mulan}, start.get("semantic"))
        coarse = draw("coarse", {"mulan": mulan, "semantic": semantic}, start.get("coarse"))
        acoustic = coarse
        if "fine" in self.stages:
            acoustic = torch.cat([coarse, draw("fine", {"coarse": coarse})], dim=-1)
        waves = self.tokenizers.codec.decode(acoustic)[:, 0].float().cpu().numpy()

        clips = []
        for row, text in enumerate(prompts):
            samples = waves[row, : round(seconds * SAMPLE_RATE)]
            if before is not None:
                samples = _join(before.samples, samples, round(duration * SAMPLE_RATE))
            samples = normalise_loudness(samples, SAMPLE_RATE)
            tokens = {
                "mulan": mulan[row],
                "semantic": semantic[row, :, 0],
                "acoustic": acoustic[row],
            }
            metadata = {"prompt": text, "seed": str(seed + row), "system": self.system.name}
            clips.append(Clip(Waveform(samples), tokens, metadata))
        return clips

    def _mulan(self, prompts: list[str], before: Waveform | None) -> Int[Tensor, "b 12"]:
        """MuLan tokens of each sentence; of the clip that is continued where there is none."""
        mulan = self.tokenizers.mulan.tokenize_text([text or "music" for text in prompts])
        if before is not None and not all(prompts):
            heard = self.tokenizers.mulan.tokenize_audio(_batch(before.samples, 1).to(mulan.device))
            silent = torch.tensor([not text for text in prompts], device=mulan.device)
            mulan = torch.where(silent[:, None], heard, mulan)
        return mulan

    def _context(self, before: Waveform, batch: int) -> dict[str, Tensor]:
        """Semantic and coarse tokens of the end of a clip: what a continuation starts from."""
        window = min(
            model.config.stage.seconds
            for model in self.stages.values()
            if not model.config.stage.chunked
        )
        most = int(window / 2 * SAMPLE_RATE)
        length = min(len(before.samples), most) // FRAME * FRAME
        if length == 0:
            raise UserError("the clip to continue from is shorter than 0.04 s")
        wave = _batch(before.samples[-length:], batch)
        device = next(self.tokenizers.codec.parameters()).device
        coarse = self.stages["coarse"].config.stage.part
        return {
            "semantic": self.tokenizers.semantic.tokenize(wave.to(device))[..., None],
            "coarse": self.tokenizers.codec.encode(wave.to(device))[
                ..., coarse.first : coarse.last
            ],
        }

    def _sampling(self, stage: str, settings: Settings) -> Sampling:
        """What the system was released with, as far as `settings` leaves it."""
        sampling = self.system.sampling(stage)
        if settings.temperature is not None:
            index = list(self.stages).index(stage)
            sampling = replace(sampling, temperature=settings.temperature[index])
        for name in ("top_k", "top_p", "cfg_scale"):
            if getattr(settings, name) is not None:
                sampling = replace(sampling, **{name: getattr(settings, name)})
        return sampling

    def draw(
        self,
        stage: str,
        given: Mapping[str, Tensor],
        seconds: float,
        seeds: Sequence[int],
        prompt: Tensor | None = None,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Int[Tensor, "b n q"]:
        """The tokens of one stage, each row from a seed of its own."""
        # Each stage has its own stream of random numbers, so that changing how one stage draws
        # leaves the numbers of the next ones alone.
        offset = list(self.stages).index(stage)
        generators = [torch.Generator().manual_seed(seed * 3 + offset) for seed in seeds]
        report = (lambda done, total: progress(stage, done, total)) if progress else None
        return generate(
            self.stages[stage],
            given,
            seconds,
            prompt=prompt,
            sampling=self._sampling(stage, settings or Settings()),
            generators=generators,
            progress=report,
        )


def check_duration(seconds: float | int) -> None:
    """Raise UserError for a duration that cannot be generated."""
    if not (math.isfinite(seconds) and MIN_SECONDS <= seconds <= MAX_SECONDS):
        raise UserError(
            f"the duration must be between {MIN_SECONDS:g} and {MAX_SECONDS:g} seconds, "
            f"not {seconds:g}"
        )


def check_prompt(text: str) -> None:
    """Raise UserError for a prompt that says nothing the text tower could read."""
    if not text.strip():
        raise UserError("the prompt is empty; describe the music in a few English words")
    if len(text) > MAX_PROMPT:
        raise UserError(f"the prompt has {len(text)} characters; at most {MAX_PROMPT} are read")
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(letter.isascii() for letter in letters)
    if latin < 2 or latin < 0.7 * len(letters):
        raise UserError(
            f"the prompt {text[:40]!r} has no English words; the text tower knows English only"
        )


def _batch(samples: np.ndarray, batch: int) -> Float[Tensor, "b 1 t"]:
    wave = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    return wave.expand(batch, 1, -1).contiguous()


def _join(before: np.ndarray, after: np.ndarray, new: int) -> np.ndarray:
    """The clip itself, then the last `new` samples of `after`, cross-faded over the joint."""
    fade = min(JOINT, len(before), len(after) - new)
    tail = after[len(after) - new - fade :]
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    mixed = before[len(before) - fade :] * (1 - ramp) + tail[:fade] * ramp
    return np.concatenate([before[: len(before) - fade], mixed, tail[fade:]])
