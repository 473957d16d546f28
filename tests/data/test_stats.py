"""A corpus is counted as it is, with the labels that it has."""

from musiclm.data.manifest import Clip
from musiclm.data.stats import statistics


def clip(number, captions, **labels):
    return Clip(
        str(number), f"{number}.wav", 10.0, work=f"w{number}", captions=captions, labels=labels
    )


def test_what_is_counted():
    piano = {"program": 0, "name": "piano"}
    clips = [
        clip(1, ("slow piano", "a piano"), style="pop", bpm=80, instruments=[piano, piano]),
        clip(2, ("slow piano",), style="pop", bpm=120, instruments=[{"name": "flute"}]),
        clip(3, (), style="jazz", bpm=100),
        Clip("4", "4.wav", 3570.0, licence="CC0-1.0"),
    ]
    facts = statistics(clips)
    assert facts["clips"] == 4 and facts["hours"] == 1.0 and facts["works"] == 4
    assert list(facts["labels"]["style"].items()) == [("pop", 2), ("jazz", 1)]
    assert facts["instruments"] == {"flute": 1, "piano": 1}  # once a clip
    assert (facts["bpm"]["least"], facts["bpm"]["median"]) == (80, 100)
    assert facts["captions"]["clips_with"] == 2 and facts["captions"]["count"] == 3
    assert facts["captions"]["distinct"] == round(2 / 3, 4)
    assert facts["captions"]["words"]["median"] == 2.0


def test_a_folder_without_labels_or_captions_has_statistics():
    facts = statistics([Clip("a", "a.wav", 5.0)])
    assert facts["labels"] == {} and facts["bpm"] == {} and facts["captions"]["distinct"] == 0.0
    assert statistics([])["clips"] == 0
