"""MuLan in training (arXiv 2208.12415): sound and its captions side by side, then the quantiser."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.data.dataset import Crops
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.mulan.losses import chance, contradiction_loss, contrastive_loss, recall, tag_loss
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.train.captions import Captions, Tags, captions_of, contradictions_of, labelled
from musiclm.train.config import TrainConfig
from musiclm.train.export import export
from musiclm.train.heldout import held_out, middles
from musiclm.train.readout import ReadoutConfig, read_anew, remember
from musiclm.train.run import write_json
from musiclm.train.spectrograms import Spectrograms
from musiclm.train.task import Batch, Terms, reweighted

VALIDATED = 500  # pairs: recall depends on how many there are to choose from
AT_ONCE = 16  # clips, outside training
TAGGED = 96  # clips a step whose tags are told: their pairs grow with the square


@dataclass(frozen=True)
class MuLanTaskConfig:
    """What only this training knows: `[train.mulan.task]`."""

    fit_clips: int = 8192  # that the quantiser is fitted on, kept ones if any; not in the paper
    fit_crops: int = 2  # crops of each of them; not in the paper
    fit_seconds: float = 0.0  # of each crop; as long as the clips whose tokens count. 0: as trained
    remember: bool = False  # log-mel of all training clips in memory: steps cost a third less
    captions: int = 1  # of each clip a step: reading is cheap beside hearing; not in the paper
    # Of clips with labels of our corpus; not in the paper.
    contradictions: int = 0  # pairs of a true and an untrue caption a clip
    tags: bool = False  # short phrases, held against those clips only that they do not fit
    readout: ReadoutConfig = field(default_factory=ReadoutConfig)  # on clips kept from the towers


class MuLanTask:
    """Each clip with one of its captions; everything else in the batch is a negative."""

    noun = "mulan"
    weights = {"contrastive": 1.0, "contradiction": 3.0, "tags": 6.0}

    def __init__(
        self,
        model_config: MuLanConfig,
        config: TrainConfig,
        clips: Sequence[Clip],
        task_config: MuLanTaskConfig | None = None,
        cache: Path | None = None,
    ):
        self.task_config = task_config or MuLanTaskConfig()
        captioned = [clip for clip in clips if clip.captions]
        self.readout = self.task_config.readout
        learned = [clip for clip in captioned if clip.split == "train"]
        # What is read anew is what our labels tell; without any the towers need every clip.
        share = self.readout.share if any(labelled(clip) for clip in learned) else 0.0
        towers = round(len(learned) * (1.0 - share))
        self.train, self.kept = learned[:towers], learned[towers:]
        if config.batch < 2 or len(self.train) < config.batch:
            raise UserError(
                f"mulan: a batch of {config.batch} pairs cannot be drawn from {len(self.train)} "
                "training clips with captions (and needs at least 2)"
            )
        if share and len(self.kept) < 2:
            raise UserError(
                f"mulan: train.mulan.task.readout.share = {share:g} keeps "
                f"{len(self.kept)} of {len(learned)} clips to read anew; it needs 2"
            )
        self.model = MuLan(model_config)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.seed = config.seed
        weights = {**self.weights, **config.loss_weights}
        where = "train.mulan.task.readout"
        self.readout_weights = reweighted(where, weights, self.readout.loss_weights)
        self.seconds = config.crop_seconds or model_config.window_seconds
        self.crops = Crops(self.train, self.seconds, config.batch, config.seed, evenly="clips")
        self.remembered = self._remembered() if self.task_config.remember else None
        self.seconds_per_batch = self.seconds * config.batch
        self.size = config.batch
        if self.task_config.captions < 1 or self.task_config.fit_seconds < 0:
            raise UserError("train.mulan.task: captions must be at least 1, fit_seconds at least 0")
        self.captions = captions_of(captioned)
        self.valid = held_out(captioned, "valid", VALIDATED)
        self.right, self.wrong = self._contradictions(self.task_config.contradictions)
        told = [clip for clip in learned if labelled(clip)]
        self.tags = Tags(told) if told and self.task_config.tags else None
        if model_config.text.frozen:
            kinds = [self.captions, self.right, self.wrong, self.tags.told if self.tags else None]
            for texts in kinds:
                if texts is not None:
                    texts.compute(self.model, cache)

    def _remembered(self) -> Spectrograms:
        config = self.model.config
        if self.seconds > config.window_seconds:
            raise UserError(
                f"mulan: crops of {self.seconds:g} s are more than a window of "
                f"{config.window_seconds:g} s, which train.mulan.task.remember cannot keep"
            )
        return Spectrograms(self.crops, self.model.audio)

    def _contradictions(self, each: int) -> tuple[Captions | None, Captions | None]:
        if each < 0:
            raise UserError(f"train.mulan.task.contradictions must not be negative, but is {each}")
        told = [clip for clip in (*self.train, *self.kept, *self.valid) if labelled(clip)]
        return contradictions_of(told, each, self.seed) if each and told else (None, None)

    def batch(self, step: int) -> Batch:
        """Sound [b 1 t] or [b n f], captions [k b] and contradictions [b] by number, tags [b k]."""
        sound: Batch
        if self.remembered is not None:
            mel, clips = self.remembered.batch(step)
            sound = {"mel": mel}
        else:
            crops = self.crops.batch(step)
            sound, clips = {"wave": crops.wave}, crops.clips
        return sound | self._told(clips, np.random.default_rng((self.seed, 2, step)))

    def _told(self, clips: Sequence[Clip], rng: np.random.Generator) -> Batch:
        """What is said of these clips."""
        drawn = [self.captions.draw(clips, rng) for _ in range(self.task_config.captions)]
        batch = {"caption": torch.stack(drawn)}
        rows = [row for row, clip in enumerate(clips) if labelled(clip)]
        told = [clips[row] for row in rows]
        batch["labelled"] = torch.tensor(rows, dtype=torch.long)
        if self.right is not None:
            batch["contradiction"] = self.right.draw(told, rng)
        if self.tags is not None:
            batch["fits"] = self.tags.fits(told)
        return batch

    def losses(
        self, batch: Batch, step: int, generator: torch.Generator
    ) -> Iterator[tuple[str, Terms]]:
        """The contrastive loss; those of contradicting captions and of tags if there are any."""
        if "mel" in batch:
            audio = self.model.embed_spectrogram(batch["mel"], generator)
        else:
            audio = self.model.embed_audio(batch["wave"], generator)
        yield "model", self._terms(audio, batch)

    def _terms(self, audio: Float[Tensor, "b d"], batch: Batch) -> Terms:
        """Of embeddings of clips, and what `_told` says of these."""
        texts = [self.captions.embed(self.model, numbers) for numbers in batch["caption"]]
        log_tau, known = self.model.log_tau, audio[batch["labelled"]]
        terms = {"contrastive": _mean(contrastive_loss(audio, text, log_tau) for text in texts)}
        if self.right is not None and self.wrong is not None:
            right, wrong = (
                pair.embed(self.model, batch["contradiction"]) for pair in (self.right, self.wrong)
            )
            # What is true is nearer, said in nearly the same words or in quite other ones.
            true = (right, texts[0][batch["labelled"]])
            terms["contradiction"] = _mean(contradiction_loss(known, text, wrong) for text in true)
        if self.tags is not None:
            every = torch.arange(len(self.tags.told.texts))
            told = self.tags.told.embed(self.model, every)
            terms["tags"] = tag_loss(known[:TAGGED], told, batch["fits"][:TAGGED])
        return terms

    def validate(self) -> dict[str, float]:
        """Retrieval among held-out pairs, the loss of batches of them, and chance beside both."""
        if len(self.valid) < 2:
            return {"chance": chance(self.size)}
        audio = self._hear(self.valid)
        text = self._read(self.captions, self.valid)
        size = min(self.size, len(audio))
        batches = [
            contrastive_loss(a, t, self.model.log_tau)
            for a, t in zip(audio.split(size), text.split(size), strict=True)
            if len(a) == size
        ]
        figures = recall(audio, text)
        if self.right is not None and self.wrong is not None:
            rows = [row for row, clip in enumerate(self.valid) if labelled(clip)]
            told = [self.valid[row] for row in rows]
            if told:
                right, wrong = (self._read(pair, told) for pair in (self.right, self.wrong))
                nearer = (audio[rows] * (right - wrong)).sum(dim=1) > 0
                figures["right_over_contradicting"] = float(nearer.float().mean())
        return figures | {
            "recall_1_chance": 1 / len(audio),
            "contrastive": float(torch.stack(batches).mean()),
            "chance": chance(size),
            "temperature": self.model.temperature,
        }

    def _hear(self, clips: Sequence[Clip]) -> Float[Tensor, "b d"]:
        device = next(self.model.parameters()).device
        parts = [clips[first : first + AT_ONCE] for first in range(0, len(clips), AT_ONCE)]
        return torch.cat(
            [self.model.embed_audio(middles(part, self.seconds).to(device)) for part in parts]
        )

    def _read(self, texts: Captions, clips: Sequence[Clip]) -> Float[Tensor, "b d"]:
        """The first text of each clip."""
        return self._embed(texts, torch.tensor([texts.places[clip.id][0] for clip in clips]))

    def _embed(self, texts: Captions, numbers: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        return torch.cat([texts.embed(self.model, part) for part in numbers.split(AT_ONCE)])

    def samples(self, folder: Path) -> None:
        """Nothing to hear."""

    def finish(self, folder: Path) -> None:
        """Read the kept clips anew if there are any, fit the quantiser, and export it all."""
        tokenizer = MuLanTokenizer(self.model).eval()
        crops = remember(self.model, *self._crops_to_fit())
        if self.kept:
            harmonic = self.tags.harmonic if self.tags else []
            about = (self.readout_weights, harmonic, self.readout, self.seed)
            read_anew(self.model, crops, self._told, self._terms, *about)
        rng, generator = np.random.default_rng((self.seed, 4)), torch.Generator()
        some = slice(self.task_config.fit_clips * self.task_config.fit_crops)
        text = self._embed(self.captions, self.captions.draw(crops.clips[some], rng))
        tokenizer.fit(crops.embed(self.model)[some], text, generator.manual_seed(self.seed))
        export(folder, self.noun, tokenizer, self.model.config)
        if len(self.valid) >= 2:
            heard, told = self._hear(self.valid), self._read(self.captions, self.valid)
            agreement = tokenizer.agreement(heard, told)
            figures = {"pairs": len(self.valid), "share": agreement.share}
            more = {"chance": agreement.chance, "cosine": agreement.cosine, "near": agreement.near}
            write_json(folder / "mulan.agreement.json", figures | more)

    def _crops_to_fit(self) -> tuple[Crops, int]:
        """One crop of each kept clip; without any, `fit_crops` of `fit_clips` of the others."""
        window = self.model.config.window_seconds
        seconds = min(self.task_config.fit_seconds or self.seconds, window)
        clips, fitted = self.kept or self.train, self.task_config
        count = len(self.kept) or min(fitted.fit_clips, len(clips)) * fitted.fit_crops
        return Crops(clips, seconds, min(AT_ONCE, count), self.seed, evenly="clips"), count


def _mean(losses: Iterable[Float[Tensor, ""]]) -> Float[Tensor, ""]:
    return torch.stack(list(losses)).mean()
