"""Captions say only what is so, in many words: drawn from pieces that are composed, not rendered.

What is so is judged by `aspects_check`, which reads the finished text, and again here by patterns
of its own for what matters most: drums, tempo, mode and who plays.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.aspects import CLASSES, PLAYABLE
from musiclm.corpus.aspects_check import claims, untruths
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import perform
from musiclm.corpus.styles import STYLES
from musiclm.corpus.vocabulary import INSTRUMENTS, KIT_NAMES
from musiclm.corpus.wording import WORDINGS

SECONDS = 10.0
PIECES, DRAWS = 600, 2
KINDS = ("tags", "sentence", "paragraph", "long", "partial")

# What gives away a family when all true names have been taken out of a caption.
GIVEAWAYS = {
    "keys": r"piano\b|harpsichord|clavinet",
    "winds": r"clarinet|oboe|\bsax|bassoon|ocarina|bagpipe",
    "brass": r"trumpet|trombone|tuba\b",
    "mallets": r"vibraphone|vibes|marimba|xylophone|glockenspiel|celesta|kalimba",
    "bowed": r"violin|viola\b|cello",
}
NO_DRUMS = (
    r"no drums( or percussion)?\b|without (any )?drums|drumless|(no|without( any)?) percussion"
    r"|free of (drums|percussion)|(drums|percussion|a drum kit) (are|is) absent|not a single drum"
    r"|no one plays the drums|(no|without a) drum kit"
)
NOT_DRUMS = r"drum and bass|drum & bass"  # a style
SLOW = r"\b(slow\w*|adagio|largo|unhurried|leisurely|languid\w*|sluggish|downtempo)\b"
FAST = r"\b(fast|quick\w*|uptempo|up-tempo|upbeat|allegro|presto|brisk|rapid\w*|high speed)\b"
NEITHER = r"neither (slow|fast) nor (slow|fast)|medium to uptempo|medium fast"


@dataclass(frozen=True)
class Drawn:
    """One caption, its kind and wording, and the labels that it was made from."""

    labels: dict[str, Any]
    text: str
    kind: str
    wording: str


def draw(pieces: int, seed: int) -> list[Drawn]:
    found = []
    for index in range(pieces):
        rng = np.random.default_rng([seed, index])
        piece = compose_piece(rng, SECONDS)
        labels = describe(piece, perform(piece, rng, SECONDS), SECONDS)
        for wording in ["train"] * DRAWS + ["heldout"] * (index % 2):
            texts = captions(labels, rng, wording=wording)
            found += [Drawn(labels, t, k, wording) for t, k in zip(texts, KINDS, strict=True)]
    return found


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    return draw(PIECES, seed=7)


def test_captions_say_nothing_that_is_not_so(drawn: list[Drawn]) -> None:
    for one in drawn:
        assert not untruths(one.labels, one.text), one


@pytest.mark.slow
def test_captions_of_many_more_pieces_say_nothing_that_is_not_so() -> None:
    for one in draw(5000, seed=8):
        assert not untruths(one.labels, one.text), one


def _without_true_names(labels: dict[str, Any], text: str) -> str:
    names = list(PLAYABLE)  # these are judged by the aspects' meanings
    for row in labels["instruments"]:
        if row["family"] == "drums":
            names += KIT_NAMES[row["program"]]
        else:
            instrument = INSTRUMENTS[row["program"]]
            names += [*instrument.names, *instrument.heldout]
    names += [name for words in WORDINGS.values() for name in words.uses[labels["style"]]]
    for words in WORDINGS.values():
        names += [name for table in words.subgenres.values() for name in table]
        names += [name for table in words.mood_uses.values() for name in table]
    for name in sorted(names, key=len, reverse=True):
        if name.lower() in text:
            text = text.replace(name.lower(), "")
    return text


def test_captions_name_no_instrument_that_is_silent(drawn: list[Drawn]) -> None:
    for one in drawn[::3]:
        rest = _without_true_names(one.labels, one.text.lower())
        for family, pattern in GIVEAWAYS.items():
            if family not in one.labels["families"]:
                assert not re.search(pattern, rest), (family, one)


def test_captions_deny_drums_exactly_when_there_are_none(drawn: list[Drawn]) -> None:
    for one in drawn:
        text = one.text.lower()
        denied = re.search(NO_DRUMS, text)
        assert not (denied and one.labels["drums"]), one
        rest = re.sub(f"{NO_DRUMS}|{NOT_DRUMS}", "", text)
        if not one.labels["drums"]:
            assert not re.search(r"\bdrum|percussion\b(?!s)|groove\b|the beat", rest), one
        if "mallets" in one.labels["families"]:
            assert not re.search(r"(no|without|free of)( any)? percussion", text), one


def test_captions_never_name_another_tempo_or_mode(drawn: list[Drawn]) -> None:
    for one in drawn:
        tempo, mode = one.labels["tempo_class"], one.labels["mode"]
        text = re.sub(NEITHER, "", one.text.lower())
        assert tempo == "slow" or not re.search(SLOW, text), one
        assert tempo == "fast" or not re.search(FAST, text), one
        other = {"major": "minor", "minor": "major"}.get(mode, "major|minor")
        assert not re.search(rf"\b({other})\b", text), one
        for bpm in re.findall(r"(\d+) (?:bpm|beats)", text):
            assert abs(int(bpm) - one.labels["bpm"]) <= 1, one


def test_every_word_of_the_writer_has_a_meaning_for_the_checker() -> None:
    """Words of tempo and the like are filed twice, in wording_*.py and aspects_words.py."""
    for words in WORDINGS.values():
        for key, table in (
            ("tempo", words.tempo), ("tempo", words.pace), ("tempo", words.at_tempo),
            ("tempo", words.tempo_tags), ("tempo", words.tempo_lines),
            ("density", words.density), ("register", words.register),
            ("dynamics", words.dynamics), ("energy", words.energy), ("metre", words.metres),
        ):  # fmt: skip
            for value, phrases in table.items():
                for phrase in phrases:
                    text = f"The tempo is {phrase}" if key == "tempo" else phrase
                    if "{" in phrase or "/" in phrase:
                        continue
                    rules = [rule for claim in claims(text) for rule in claim.rules]
                    assert any(f"{key}:" in rule and value in rule for rule in rules), phrase


def test_captions_are_well_formed(drawn: list[Drawn]) -> None:
    for one in drawn:
        text = one.text
        assert text.strip() == text and text
        assert not re.search(r"[{}]|  |, ,|,,|\.\.|\ba an?\b|\ban? [a-z]+ drums\b", text), text
        assert not re.search(r"\ba [aeio]|\ban [^aeiou8AEIOU]", text), text
        if one.kind in ("sentence", "paragraph", "long"):
            assert text[0].isupper() and text.endswith("."), text


def test_captions_span_tags_to_long_descriptions(drawn: list[Drawn]) -> None:
    train = [one for one in drawn if one.wording == "train"]
    words = {k: [len(one.text.split()) for one in train if one.kind == k] for k in KINDS}
    assert 40 <= np.mean(words["long"]) <= 60 and max(words["long"]) <= 110
    assert np.mean(np.array(words["long"]) >= 40) > 0.5
    assert 20 <= np.mean(words["paragraph"]) <= 40
    assert 10 <= np.mean(words["sentence"]) <= 22
    assert 10 <= np.mean(words["tags"]) <= 25
    assert np.mean(words["partial"]) <= 8
    longs = [one.text.count(". ") + 1 for one in drawn if one.kind == "long"]
    assert min(longs) >= 3 and max(longs) == 8


def test_captions_are_nearly_all_distinct(drawn: list[Drawn]) -> None:
    texts = [one.text for one in drawn if one.wording == "train"]
    assert len(texts) >= 6000 and len(set(texts)) >= 0.98 * len(texts)
    partial = [one.text for one in drawn if one.wording == "train" and one.kind == "partial"]
    assert len(set(partial)) >= 0.95 * len(partial)


def _says(one: Drawn, *keys: str) -> bool:
    rules = [rule for claim in claims(one.text) for rule in claim.rules]
    return any(key in rule for rule in rules for key in keys)


def test_tempo_and_drums_are_said_often_and_bare_facts_seldom(drawn: list[Drawn]) -> None:
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for one in drawn:
        if one.wording == "train":
            count = counts[one.kind]
            count["all"] += 1
            count["tempo"] += _says(one, "tempo:", "mark:") or "bpm" in one.text.lower()
            count["drums"] += bool(re.search("drum|percussion", one.text.lower()))
            count["bare"] += len(claims(one.text)) <= 1 and len(one.text.split()) <= 2
    share = {kind: {k: n / c["all"] for k, n in c.items()} for kind, c in counts.items()}
    assert all(share[kind]["tempo"] >= 0.7 for kind in ("tags", "sentence", "paragraph", "long"))
    assert share["partial"]["tempo"] >= 0.5 and share["partial"]["bare"] <= 0.03, share["partial"]
    assert all(share[kind]["drums"] >= 0.6 for kind in ("tags", "sentence", "paragraph", "long"))
    assert share["partial"]["drums"] >= 0.2


def test_tempo_is_said_in_very_many_ways(drawn: list[Drawn]) -> None:
    for tempo in ("slow", "medium", "fast"):
        ways = {
            claim.phrase
            for one in drawn
            if one.labels["tempo_class"] == tempo and one.wording == "train"
            for claim in claims(one.text)
            if any(rule.startswith(("tempo:", "mark:")) for rule in claim.rules)
        }
        assert len(ways) >= 18, (tempo, ways)


def test_nine_in_ten_playable_aspects_are_said(drawn: list[Drawn]) -> None:
    said = {claim.phrase for one in drawn for claim in claims(one.text)}
    silent = sorted(set(PLAYABLE) - said)
    assert len(silent) <= 0.1 * len(PLAYABLE), silent


def test_changes_sections_and_eras_are_said(drawn: list[Drawn]) -> None:
    texts = " ".join(one.text for one in drawn if one.wording == "train")
    for pattern in (
        r"enters? halfway|joins? in halfway|comes? in halfway", r"towards the end", r"early on",
        r"drops? out", r"builds up", r"dies down", r"\b80s\b", r"rainy evening", r"\bswung\b",
    ):  # fmt: skip
        assert re.search(pattern, texts), pattern


def test_every_style_has_words_and_uses() -> None:
    for words in WORDINGS.values():
        assert set(STYLES) <= set(words.styles) and set(STYLES) <= set(words.uses)
    for style in STYLES:
        subgenres = [rule for rule in WORDINGS["train"].subgenres if _names(style, rule)]
        assert len(WORDINGS["train"].styles[style]) + len(subgenres) >= 3, style
        assert len(WORDINGS["train"].uses[style]) >= 3


def _names(style: str, rule: str) -> bool:
    return style.replace(" ", "_") in re.split(r"[:| ]", rule)


def test_heldout_wording_shares_no_template_with_training() -> None:
    train, heldout = WORDINGS["train"], WORDINGS["heldout"]
    for field in (
        "tempo", "pace", "at_tempo", "tempo_tags", "tempo_lines", "styles", "sentences", "openings",
        "roles", "changes", "whens", "density", "register", "dynamics", "energy", "eras", "groups",
        "mood_uses",
    ):  # fmt: skip
        for key, phrases in getattr(train, field).items():
            assert not set(phrases) & set(getattr(heldout, field).get(key, ())), (field, key)
    for field in ("closings", "no_drums", "no_percussion", "with_drums", "moods", "figure"):
        assert not set(getattr(train, field)) & set(getattr(heldout, field)), field
    for instrument in INSTRUMENTS.values():
        assert not set(instrument.names) & set(instrument.heldout), instrument


def test_training_captions_use_no_heldout_word(drawn: list[Drawn]) -> None:
    heldout = WORDINGS["heldout"]
    words = {w for table in (heldout.tempo, heldout.pace, heldout.at_tempo, heldout.styles)
             for phrases in table.values() for w in phrases} - {"that of a walk"}  # fmt: skip
    names = {name for instrument in INSTRUMENTS.values() for name in instrument.heldout}
    pattern = "|".join(re.escape(w.lower()) for w in sorted(words | names, key=len, reverse=True))
    found = re.compile(rf"\b(?:{pattern})\b")
    for one in drawn:
        if one.wording == "train":
            assert not found.search(one.text.lower()), one.text


def test_captions_of_one_clip_differ_and_repeat_with_the_generator() -> None:
    rng = np.random.default_rng(3)
    piece = compose_piece(rng, SECONDS, texture="band")
    labels = describe(piece, perform(piece, rng, SECONDS), SECONDS)
    first = captions(labels, np.random.default_rng(1))
    assert first == captions(labels, np.random.default_rng(1))
    assert first != captions(labels, np.random.default_rng(2))
    assert len(set(first)) == len(first) == 5
    assert len(first[3]) > len(first[4])


def test_labels_of_an_older_corpus_still_make_captions() -> None:
    labels = {
        "texture": "band", "families": ["keys"], "bass": True, "drums": True, "style": "pop",
        "bpm": 100.0, "tempo_class": "medium", "key": "Eb", "mode": "major", "metre": "4/4",
        "density": "medium", "register": "mid", "dynamics": "medium", "moods": ["cheerful"],
        "instruments": [
            {"program": 0, "name": "piano", "family": "keys", "role": "melody"},
            {"program": 33, "name": "electric bass", "family": "bass", "role": "bass"},
            {"program": 0, "name": "drums", "family": "drums", "role": "drums"},
        ],
    }  # fmt: skip
    for seed in range(50):
        for text in captions(labels, np.random.default_rng(seed)):
            assert not untruths(labels, text), text


def test_classes_name_programs_that_exist() -> None:
    for name, programs in CLASSES.items():
        assert set(programs) & set(INSTRUMENTS), name
