"""The words of captions, in two disjoint sets: for training, and held out for evaluation prompts.

The vocabulary leans on the aspects of MusicCaps; no sentence of it is used.

>>> WORDINGS["train"].tempo["fast"][0], WORDINGS["heldout"].tempo["fast"][0]
('fast', 'brisk')
"""

from musiclm.corpus.wording_form import Wording
from musiclm.corpus.wording_heldout import HELDOUT
from musiclm.corpus.wording_styles import USES
from musiclm.corpus.wording_train import TRAIN

__all__ = ["USES", "WORDINGS", "Wording"]

WORDINGS = {"train": TRAIN, "heldout": HELDOUT}
