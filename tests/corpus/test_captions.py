"""Captions say only what is so: 2,000 clips, text only."""

import re
from typing import Any

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import perform
from musiclm.corpus.vocabulary import INSTRUMENTS, KIT_NAMES
from musiclm.corpus.wording import WORDINGS

SECONDS = 10.0
PIECES, DRAWS = 200, 10  # captions are drawn ten times for each piece: 2,000 sets of four

# What gives away a family when all true names have been taken out of a caption.
GIVEAWAYS = {
    "keys": r"piano|harpsichord|keyboard",
    "plucked": r"guitar|\bharp\b",
    "bowed": r"violin|viola|cello|strings|fiddle",
    "winds": r"flute|clarinet|oboe|sax",
    "brass": r"trumpet|trombone|horn|brass",
    "organ": r"organ|accordion|squeezebox",
    "mallets": r"vibraphone|vibes|marimba|xylophone|glockenspiel|bells",
    "voice": r"choir|voices|vocal|chorus|oohs",
    "synth": r"synth|pad\b",
}
NO_DRUMS = (
    r"no drums|without drums|drumless|no percussion|without (any )?percussion"
    r"|free of (drums|percussion)|(drums|percussion) (are|is) absent|not a single drum"
)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[dict[str, Any], str]]:
    pairs = []
    for index in range(PIECES):
        rng = np.random.default_rng([7, index])
        piece = compose_piece(rng, SECONDS)
        labels = describe(piece, perform(piece, rng, SECONDS), SECONDS)
        for draw in range(DRAWS):
            wording = "heldout" if draw % 4 == 0 else "train"
            pairs += [(labels, text.lower()) for text in captions(labels, rng, wording=wording)]
    return pairs


def _without_true_names(labels: dict[str, Any], text: str) -> str:
    names = ["jazz club", "synth bass"] if labels["style"] == "jazz" else []
    for row in labels["instruments"]:
        if row["family"] == "drums":
            names += KIT_NAMES[row["program"]]
        else:
            instrument = INSTRUMENTS[row["program"]]
            names += [*instrument.names, *instrument.heldout]
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name.lower(), "")
    return text


def test_captions_name_no_instrument_that_is_silent(drawn: list[Any]) -> None:
    for labels, text in drawn:
        rest = _without_true_names(labels, text)
        for family, pattern in GIVEAWAYS.items():
            if family not in labels["families"]:
                assert not re.search(pattern, rest), (family, text)


def test_captions_deny_drums_exactly_when_there_are_none(drawn: list[Any]) -> None:
    for labels, text in drawn:
        denied = re.search(NO_DRUMS, text)
        assert not (denied and labels["drums"]), text
        rest = re.sub(NO_DRUMS, "", text)
        if not labels["drums"]:
            assert not re.search(r"drum|percussion|groove|the beat", rest), text
        if "mallets" in labels["families"]:
            assert "percussion" not in text, text


def test_captions_never_name_another_tempo_or_mode(drawn: list[Any]) -> None:
    for labels, text in drawn:
        for words in WORDINGS.values():
            own = {w for t in (words.tempo, words.pace) for w in t[labels["tempo_class"]]}
            for name in words.tempo:
                others = {w for t in (words.tempo, words.pace) for w in t[name]} - own
                if name != labels["tempo_class"]:
                    for word in others:
                        assert not re.search(rf"\b{re.escape(word)}\b", text), (word, text)
        other = {"major": "minor", "minor": "major"}.get(labels["mode"], "major|minor")
        assert not re.search(rf"\b({other})\b", text), text
        for bpm in re.findall(r"(\d+) (?:bpm|beats)", text):
            assert int(bpm) == round(labels["bpm"]), text


def test_captions_never_name_another_style(drawn: list[Any]) -> None:
    styles = {
        style: {name.lower() for words in WORDINGS.values() for name in words.styles[style]}
        for style in WORDINGS["train"].styles
    }
    for labels, text in drawn:
        rest = _without_true_names(labels, text)
        for name in sorted(styles[labels["style"]], key=len, reverse=True):
            rest = rest.replace(name, "")
        for style, names in styles.items():
            if style != labels["style"]:
                for name in names - {"house", "popular"}:
                    # Uses mention clubs and halls; a style is named as a word of its own.
                    assert not re.search(rf"(?<!in a ){re.escape(name)}\b", rest), (name, text)


def test_captions_are_well_formed(drawn: list[Any]) -> None:
    for _, text in drawn:
        assert text.strip() == text and text
        assert not re.search(r"[{}]|  |, ,|,,|\ba an?\b|\ban? [a-z]+ drums\b", text), text
        assert not re.search(r"\ba [aeio]|\ban [^aeiou8]", text), text


def test_heldout_wording_shares_no_template_with_training() -> None:
    train, heldout = WORDINGS["train"], WORDINGS["heldout"]
    for field in ("tempo", "styles", "sentences", "openings", "roles", "density", "pace"):
        for key, phrases in getattr(train, field).items():
            if field != "pace" or key != "fast":
                assert not set(phrases) & set(getattr(heldout, field)[key]), (field, key)
    assert not set(train.closings) & set(heldout.closings)
    for instrument in INSTRUMENTS.values():
        assert not set(instrument.names) & set(instrument.heldout), instrument


def test_captions_of_one_clip_differ_in_length_and_repeat_with_the_generator() -> None:
    rng = np.random.default_rng(3)
    piece = compose_piece(rng, SECONDS, texture="band")
    labels = describe(piece, perform(piece, rng, SECONDS), SECONDS)
    first = captions(labels, np.random.default_rng(1))
    assert first == captions(labels, np.random.default_rng(1))
    assert len(set(first)) == len(first) == 4
    assert len(first[2]) > len(first[3])
