"""What raters are asked: the paper's question (appendix B), and three other common ones.

The paper's raters hear two clips and read a caption, choose on five steps which clip the text
describes better, and are told to ignore how clean the sound is.

>>> QUESTIONS["pairs"].choices[2]
'No preference'
>>> QUESTIONS["mushra"].valid([0, 55, 100], 3), QUESTIONS["pairs"].valid([3], 2)
(True, False)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["pairs", "quality", "mos", "mushra"]

PREFERENCE = ("A, strongly", "A, slightly", "No preference", "B, slightly", "B, strongly")
OPINION = ("1 Bad", "2 Poor", "3 Fair", "4 Good", "5 Excellent")  # ITU-T P.800


@dataclass(frozen=True)
class Question:
    """One mode: the words on the page, and what an answer looks like."""

    title: str
    text: str  # the question itself
    advice: str  # what counts, and what does not
    lowest: int
    highest: int
    choices: tuple[str, ...]  # names of the steps; empty: a slider for each clip
    clips: int  # on one page; 0: one for each system
    shows_prompt: bool

    def valid(self, answer: Sequence[int], clips: int) -> bool:
        """Whether an answer is one number, or one for each clip, on the scale."""
        wanted = 1 if self.choices else clips
        return len(answer) == wanted and all(self.lowest <= x <= self.highest for x in answer)

    def as_dict(self) -> dict[str, Any]:
        """For the page."""
        return {
            "title": self.title,
            "text": self.text,
            "advice": self.advice,
            "lowest": self.lowest,
            "highest": self.highest,
            "choices": list(self.choices),
        }


QUESTIONS: dict[str, Question] = {
    "pairs": Question(
        "Which music fits the text?",
        "Which clip does the text describe better?",
        "Judge only how well the music fits the text. Ignore the sound quality: a noisy recording "
        "of the right music beats a clean recording of the wrong music.",
        -2,
        2,
        PREFERENCE,
        2,
        True,
    ),
    "quality": Question(
        "Which music is better?",
        "Which clip is better, all in all?",
        "Judge the music and its sound together, as if you had to keep one of the two.",
        -2,
        2,
        PREFERENCE,
        2,
        False,
    ),
    "mos": Question(
        "How good is this music?",
        "How good is this clip, all in all?",
        "Judge the music and its sound together. Use the whole scale.",
        1,
        5,
        OPINION,
        1,
        False,
    ),
    "mushra": Question(
        "How close is it to the reference?",
        "How good is each sample, compared with the reference?",
        "100 means that you hear no difference to the reference. One of the samples is the "
        "reference itself. 80 to 100 is excellent, 60 good, 40 fair, 20 poor, below 20 bad.",
        0,
        100,
        (),
        0,
        False,
    ),
}
