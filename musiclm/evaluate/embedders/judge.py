"""Our own ears, always there: the judge as an embedder of seconds and as a tagger of clips.

The judge learned from another soundfont and other pieces than the generator; its embeddings are
what it knows of timbre, deaf to level. It was not made to tell good music from bad.

>>> ear = JudgeEmbedder()
>>> ear.embed(np.sin(np.arange(60_000) / 10).astype(np.float32)).shape  # two whole seconds
(2, 192)
>>> tagger = JudgeTagger()
>>> [tagger.labels[place] for place in tagger.groups[0]]
['drums: absent', 'drums: present']
"""

import numpy as np
import torch
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.evaluate.embedders.base import at_least, identity
from musiclm.evaluate.frechet import WINDOW, embed
from musiclm.evaluate.harmony import MODES
from musiclm.evaluate.judge import Judge, load_judge
from musiclm.evaluate.labels import TEMPOS

LEAST = SAMPLE_RATE // 2  # samples in which there is a tempo or a timbre to hear
WINDOWS_AT_ONCE = 64  # bounds the memory of long clips


class JudgeEmbedder:
    """What the judge knows of timbre, for each whole second."""

    def __init__(self, judge: Judge | None = None) -> None:
        """The released judge by default."""
        self.judge = (judge or load_judge()).eval()
        self.name = "judge"
        self.sample_rate = SAMPLE_RATE
        self.dimension = 2 * self.judge.config.width
        self.fingerprint = identity(self.judge, {"kind": "judge", "window": WINDOW})

    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """Seconds -> rows; a clip shorter than a second repeats until it fills one."""
        wave = _wave(at_least(samples, WINDOW))
        parts = wave.split(WINDOWS_AT_ONCE * WINDOW)
        heard = [embed(self.judge, part[None, None])[0] for part in parts if len(part) >= WINDOW]
        return np.concatenate(heard).astype(np.float32)


class JudgeTagger:
    """What the judge would answer to each of its questions, as probabilities.

    Each question is a distribution of its own: drums or none, each family there or not, the class
    of the tempo, the mode, the style.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        """The released judge by default."""
        self.judge = (judge or load_judge()).eval()
        self.name = "judge"
        self.sample_rate = SAMPLE_RATE
        self.fingerprint = identity(self.judge, {"kind": "judge tags", "version": 1})
        questions: list[tuple[str, tuple[str, ...]]] = [("drums", ("absent", "present"))]
        questions += [(family, ("absent", "present")) for family in FAMILIES]
        questions += [("tempo", TEMPOS), ("mode", tuple(MODES))]
        if self.judge.config.styles:
            questions.append(("style", self.judge.config.styles))
        self.labels = tuple(f"{asked}: {a}" for asked, answers in questions for a in answers)
        sizes = [len(answers) for _, answers in questions]
        ends = np.cumsum(sizes).tolist()
        self.groups = tuple(tuple(range(end - n, end)) for n, end in zip(sizes, ends, strict=True))

    @torch.no_grad()
    def tag(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " c"]:
        """The whole clip at once."""
        wave = _wave(at_least(samples, LEAST))
        opinion = self.judge(wave[None, None])
        present = torch.cat([opinion.drums[:, None], opinion.present], dim=1)[0].sigmoid()
        pairs = torch.stack([1.0 - present, present], dim=1).flatten()
        others = [opinion.tempo, opinion.mode, opinion.style][
            : 3 if self.judge.config.styles else 2
        ]
        told = torch.cat([pairs, *(logits[0].softmax(dim=-1) for logits in others)])
        return told.double().numpy()


def _wave(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
