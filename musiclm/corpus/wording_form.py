"""What a wording of captions consists of; `wording.py` holds the two that exist.

>>> Wording.__dataclass_params__.frozen
True
"""

from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True)
class Wording:
    """Synonyms and templates. Slots in braces are filled from the labels or the template is out."""

    tempo: dict[str, Words]  # adjectives
    pace: dict[str, Words]  # after "the tempo is"
    at_tempo: dict[str, Words]  # after a verb; may have the slot {figure}
    tempo_tags: dict[str, Words]
    tempo_lines: dict[str, Words]  # whole sentences
    marks: dict[str, Words]  # by Italian tempo mark, as tags and after "the tempo is"
    figure: Words  # the tempo as a number
    styles: dict[str, Words]
    subgenres: dict[str, Words]  # by meaning (aspects.py), as adjectives
    eras: dict[str, Words]  # as adjectives
    no_drums: Words  # after a comma or as a tag
    no_percussion: Words  # the same, untrue where mallets play
    no_kit: Words  # the same, true even where timpani play
    drums: Words
    with_drums: Words  # after a verb
    density: dict[str, Words]
    register: dict[str, Words]
    dynamics: dict[str, Words]
    energy: dict[str, Words]
    swing: Words
    metres: dict[str, Words]
    groups: dict[int, Words]  # by number of instruments
    sentences: dict[str, Words]  # by texture
    openings: dict[str, Words]
    features: Words  # who plays, as a sentence
    roles: dict[str, Words]  # {the}: noun with article, {s}: verb ending
    changes: dict[str, Words]  # the same, and {when}
    whens: dict[str, Words]  # by early, halfway, late
    change_tags: dict[str, Words]  # with {noun}
    moods: Words  # sentences of moods
    sounds: Words  # sentences of sounds, with {sounds}
    closings: Words
    uses: dict[str, Words]  # by style
    mood_uses: dict[str, Words]  # by meaning (aspects.py)
    partials: Words
