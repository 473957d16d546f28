"""Aspects: the table is whole, and its meanings and the checker tell true from false."""

from pathlib import Path
from typing import Any

import pytest

from musiclm.corpus.aspects import (
    GENRE,
    MOOD,
    PLAYABLE,
    REASONS,
    SOUND,
    facts_of,
    meaning,
    said,
    tempo_marks,
    true,
)
from musiclm.corpus.aspects_check import claims, untruths
from musiclm.corpus.aspects_table import MEANINGS
from musiclm.corpus.aspects_words import WORDS

DRUMS = {"program": 0, "name": "drums", "family": "drums", "role": "drums"}
BASS = {"program": 33, "name": "electric bass", "family": "bass", "role": "bass"}
PIANO = {"program": 0, "name": "piano", "family": "keys", "role": "chords"}
FLUTE = {"program": 73, "name": "flute", "family": "winds", "role": "melody"}


def labels(**changed: Any) -> dict[str, Any]:
    """A medium pop band in C major, with changes."""
    return {
        "texture": "band", "instruments": [FLUTE, PIANO, BASS, DRUMS],
        "families": ["keys", "winds"], "bass": True, "drums": True, "style": "pop",
        "bpm": 104.0, "tempo_class": "medium", "key": "C", "mode": "major", "metre": "4/4",
        "density": "medium", "register": "high", "dynamics": "medium", "energy": "medium",
        "moods": ["cheerful"], "swing": False, "era": None,
        "percussion": ["hi-hat", "kick", "snare"], "four_on_the_floor": False, "sections": [],
        "changes": [], **changed,
    }  # fmt: skip


SOLO = labels(
    texture="solo", instruments=[FLUTE], families=["winds"], bass=False, drums=False, percussion=[],
    tempo_class="slow", bpm=70.0, mode="minor", key="F#", dynamics="soft", energy="low",
    style="folk", density="sparse",
)  # fmt: skip


def test_the_table_holds_five_hundred_aspects_once_each():
    playable, rest = list(PLAYABLE.values()), [a for rows in REASONS.values() for a in rows]
    names = [aspect.phrase for aspect in (*playable, *rest)]
    assert len(names) == len(set(names)) == 500
    assert min(aspect.count for aspect in (*playable, *rest)) >= 14
    assert sum(aspect.count for aspect in (*playable, *rest)) == 28_286
    assert len(playable) >= 360 and all(len(reason) > 10 for reason in REASONS)


def test_the_page_of_the_vocabulary_tells_what_cannot_be_played_and_how_often():
    page = (Path(__file__).parents[2] / "docs" / "vocabulary.md").read_text()
    assert f"| playable | {len(PLAYABLE)} | {sum(a.count for a in PLAYABLE.values()):,} |" in page
    for reason, rows in REASONS.items():
        assert f"| {reason} | {len(rows)} | {sum(a.count for a in rows):,} |" in page, reason
        for aspect in rows:
            assert f"{aspect.phrase} {aspect.count}" in page, aspect


def test_every_meaning_compiles_to_facts_that_may_occur():
    keys = {
        "tempo", "mode", "style", "dynamics", "density", "register", "texture", "metre", "energy",
        "era", "drums", "bass", "swing", "family", "perc", "section", "change", "four", "quick",
        "mark", "program", "plays", "melody", "role", "kit", "kit_program", "production", "parts",
        "acoustic", "orchestra", "only", "perc_like", "always",
    }  # fmt: skip
    rules = [*MEANINGS.values(), *(a.rule for a in PLAYABLE.values()), *WORDS]
    for rule in rules:
        for clause in meaning(rule).clauses:
            for fact in (*clause.banned, *(f for group in clause.groups for f in group)):
                assert fact.split(":")[0] in keys, (rule, fact)


@pytest.mark.parametrize(
    ("phrase", "yes", "no"),
    [
        ("slow tempo", SOLO, labels()),
        ("medium tempo", labels(), SOLO),
        ("no percussion", SOLO, labels()),
        ("acoustic drums", labels(), SOLO),
        ("electronic drums", labels(instruments=[FLUTE, {**DRUMS, "program": 25}]), labels()),
        ("sad", SOLO, labels()),
        ("happy", labels(), SOLO),
        ("piano accompaniment", labels(), SOLO),
        ("mellow piano melody", labels(instruments=[{**PIANO, "role": "melody"}], energy="low"),
         labels(instruments=[{**PIANO, "role": "melody"}], energy="high")),
        ("punchy snare", labels(), labels(percussion=["kick"])),
        ("solo", SOLO, labels()),
        ("no voices", labels(), labels(families=["voice"])),
        ("pop", labels(), SOLO),
        ("bass guitar", labels(), SOLO),
        ("high notes", labels(), labels(register="low")),
        ("4 on the floor kick", labels(four_on_the_floor=True), labels()),
        ("loud", labels(dynamics="loud"), labels()),
    ],
)  # fmt: skip
def test_an_aspect_is_true_where_it_should_be_and_only_there(phrase, yes, no):
    assert true(phrase, facts_of(yes)) and not true(phrase, facts_of(no))


def test_what_may_be_said_is_true_and_of_its_kind():
    facts = facts_of(labels())
    for kind in (MOOD, GENRE, SOUND):
        phrases = said(kind, facts)
        assert phrases and all(true(p, facts) and PLAYABLE[p].kind == kind for p in phrases)


def test_no_clip_is_called_by_opposites():
    pairs = [
        ("sad", "happy"), ("calm", "energetic"), ("loud", "soft"), ("slow tempo", "uptempo"),
        ("peaceful", "aggressive"), ("gentle", "powerful"), ("melancholic", "joyful"),
        ("scary", "fun"), ("simple", "complex"), ("acoustic", "electronic"),
        ("relaxing", "exciting"), ("mellow", "adrenaline rush"), ("dark", "cheerful"),
        ("no percussion", "drums"), ("solo", "duet"),
    ]  # fmt: skip
    for style in ("pop", "metal", "ambient", "cinematic", "techno", "romantic", "jazz", "latin"):
        for mode in ("major", "minor", None):
            for tempo in ("slow", "medium", "fast"):
                for dynamics, energy in (("soft", "low"), ("medium", "medium"), ("loud", "high")):
                    facts = facts_of(
                        labels(style=style, mode=mode, tempo_class=tempo, dynamics=dynamics,
                               energy=energy)
                    )  # fmt: skip
                    for one, other in pairs:
                        assert not (true(one, facts) and true(other, facts)), (one, other, facts)


def test_tempo_marks_belong_to_their_class():
    assert "adagio" in tempo_marks("slow", 70.0) and "presto" in tempo_marks("fast", 172.0)
    assert tempo_marks("medium", 172.0) == [] and "running" not in tempo_marks("fast", 140.0)


@pytest.mark.parametrize(
    "text",
    [
        "A slow, sad flute solo in F sharp minor, without drums.",
        "solo flute, adagio, 70 bpm, no drums or percussion",
        "Drums are absent and nobody sings. Unaccompanied flute at a leisurely pace.",
        "Flute music for a rainy evening, drumless, at around 71 bpm",
    ],
)
def test_true_captions_pass(text):
    assert untruths(SOLO, text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("A fast flute.", "fast"),
        ("A slow piano.", "piano"),
        ("A slow flute with drums.", "drums"),
        ("A flute in F sharp major.", "major"),
        ("A flute in G minor.", "G minor"),
        ("A flute at 75 bpm.", "75 bpm"),
        ("A flute in 3/4 time.", "3/4"),
        ("Heavy metal on a flute.", "heavy metal"),
        ("No flute is heard.", "flute"),
        ("A happy flute.", "happy"),
        ("A flute and a male voice.", "male voice"),
        ("The low quality recording of a flute.", "low quality recording"),
        ("A flute without melody.", "melody"),
        ("A loud flute.", "loud"),
        ("A flute for a workout.", "for a workout"),
        ("The flute enters halfway.", "flute enters halfway"),
        ("The flute builds up.", "builds up"),
        ("The flute plays chords.", "flute: chords"),
        ("A trio with a flute.", "trio"),
        ("An 80s flute.", "80s"),
    ],
)
def test_false_captions_are_caught(text, wrong):
    assert wrong in untruths(SOLO, text)


def test_entries_and_exits_are_checked_with_their_times():
    enters = {"what": "enters", "name": "flute", "program": 73, "drums": False, "at": 5.0,
              "share": 0.5}  # fmt: skip
    leaves = {"what": "leaves", "name": "drums", "program": 0, "drums": True, "at": 7.0,
              "share": 0.7}  # fmt: skip
    clip = labels(changes=[enters, leaves])
    assert untruths(clip, "The flute enters halfway. The drums drop out towards the end.") == []
    assert untruths(clip, "Halfway, the flute joins in.") == []
    assert untruths(clip, "The flute enters towards the end.")
    assert untruths(clip, "The piano enters halfway.")
    assert untruths(clip, "The flute drops out halfway.")
    assert untruths(clip, "After a few seconds, the drums drop out.")


def test_longer_phrases_hide_the_shorter_in_them():
    phrases = [claim.phrase for claim in claims("drum and bass in a jazz club with rock drums")]
    assert phrases == ["drum and bass", "in a jazz club", "rock drums"] or phrases == [
        "drum and bass", "in a jazz club", "rock", "drums",
    ]  # fmt: skip
    assert [claim.denied for claim in claims("without any drums")] == [True]
    assert [claim.denied for claim in claims("with drums")] == [False]
