"""Which clips of two systems answer the same prompt: what paired differences are made of.

The paper compares systems on the same captions of MusicCaps (MusicLM section 5).

>>> from pathlib import Path
>>> def clip(name, prompt): return Recording(Path(name), name, prompt)
>>> ours = [clip("1", "a flute"), clip("2", "a drum"), clip("3", "a flute")]
>>> shared(ours, [clip("x", "a drum"), clip("y", "a flute"), clip("3", "a flute")])
[(0, 1), (1, 0), (2, 2)]
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from musiclm.evaluate.clips import Recording

Key = Callable[[Recording], object]


def shared(one: Sequence[Recording], other: Sequence[Recording]) -> list[tuple[int, int]]:
    """Places of clips with the same prompt, of the same name first; without prompts, by name."""
    pairs: dict[int, int] = {}
    for key in (_name_and_prompt, _prompt):
        free: dict[object, list[int]] = defaultdict(list)
        taken = set(pairs.values())
        for j, clip in enumerate(other):
            if j not in taken and key(clip) is not None:
                free[key(clip)].append(j)
        for i, clip in enumerate(one):
            if i not in pairs and free.get(key(clip)):
                pairs[i] = free[key(clip)].pop(0)
    return sorted(pairs.items())


def _name_and_prompt(clip: Recording) -> object:
    return clip.name, clip.prompt


def _prompt(clip: Recording) -> object:
    return clip.prompt
