"""The release report: everybody is asked for the same, and what was made is made once."""

from pathlib import Path

import numpy as np
import pytest

from musiclm.audio import Waveform
from musiclm.corpus.captions import captions
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.clips import Folder, Recording, heard
from musiclm.evaluate.release import (
    REAL,
    RETRIEVED,
    SHUFFLED,
    asked_for,
    contenders,
    digest,
    reference,
)
from musiclm.pipeline import MusicLM

LABELS = {
    "texture": "solo",
    "instruments": [{"program": 73, "name": "flute", "family": "winds", "role": "melody"}],
    "families": ["winds"],
    "drums": False,
    "bass": False,
    "style": "classical",
    "bpm": 70.0,
    "tempo_class": "slow",
    "key": "A",
    "mode": "minor",
    "metre": "4/4",
    "density": "sparse",
    "register": "high",
    "dynamics": "soft",
    "moods": ["sad"],
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("corpus")
    made = []
    for number, split in enumerate(["train", "train", "test", "test", "test", "valid", "valid"]):
        path = folder / f"{number}.wav"
        noise = np.random.default_rng(number).normal(size=240_000).astype(np.float32)
        Waveform(0.1 * noise).save(path)
        made.append(Clip(str(number), str(path), 10.0, split, work=str(number), labels=LABELS))
    return made


def test_held_out_clips_in_words_of_their_own(clips: list[Clip]) -> None:
    asked = asked_for(clips, 2, 0)
    assert asked == asked_for(clips, 2, 0)
    assert {one.clip.split for one in asked} == {"test"}
    rng = np.random.default_rng(0)
    learned = {text for _ in range(200) for text in captions(LABELS, rng)}
    assert not learned & {one.text for one in asked}


def test_the_reference_shares_no_work_with_the_prompts(clips: list[Clip]) -> None:
    asked = asked_for(clips, 2, 0)
    names = {one.name for one in reference(clips, asked).recordings}
    assert names and not names & {one.clip.id for one in asked}
    assert not names & {clip.id for clip in clips if clip.split == "train"}
    with pytest.raises(UserError, match="ask for fewer"):
        reference(clips[:5], asked_for(clips, 3, 0))


def test_labels_of_a_composed_corpus_are_needed(clips: list[Clip]) -> None:
    bare = [Clip(one.id, one.path, one.seconds, one.split) for one in clips]
    with pytest.raises(UserError, match="musiclm data compose"):
        asked_for(bare, 2, 0)


def test_the_short_table_has_a_row_for_each_contender() -> None:
    tables = [
        {"title": "Distance", "rows": [{"what": "FAD, judge", "mini": 2.0, "real": 1.0}]},
        {"title": "Control", "rows": [{"what": "drums", "judged_by": "judge", "mini": 0.5}]},
        {"title": "real less mini", "rows": [{"what": "FAD, judge", "difference": -1.0}]},
    ]
    short = digest(tables, [Folder("mini", ()), Folder("real", ())])
    assert short[0] == {"what": "mini", "FAD, judge": 2.0, "drums (judge)": 0.5}
    assert short[1]["FAD, judge"] == 1.0


def test_contenders(tiny: MusicLM, clips: list[Clip], tmp_path: Path) -> None:
    folders = {one.name: one for one in contenders(tiny, clips, tmp_path, n=2)}
    first = next(iter(folders.values()))
    assert all(len(one.recordings) == 2 for one in folders.values())
    prompts = [[r.prompt for r in one.recordings] for one in folders.values()]
    assert prompts[-1] == prompts[0][::-1] and all(told == prompts[0] for told in prompts[:-1])
    # The same sound under the other prompt; real recordings as they are.
    for own, moved in zip(first.recordings, folders[SHUFFLED].recordings, strict=True):
        np.testing.assert_allclose(heard(own), heard(moved), atol=1e-4)
    by_id = {clip.id: clip for clip in clips}
    for one in folders[REAL].recordings:
        original = heard(Recording(Path(by_id[one.name].path), one.name))
        np.testing.assert_allclose(heard(one), original, atol=1e-3)
    learned = [heard(Recording(Path(clip.path), clip.id)) for clip in clips[:2]]
    for one in folders[RETRIEVED].recordings:
        assert min(np.abs(heard(one) - sound).max() for sound in learned) < 1e-3
    # Again: nothing is made anew, and clips of other prompts are not touched.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    contenders(tiny, clips, tmp_path, n=2)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    with pytest.raises(UserError, match="other prompts"):
        contenders(tiny, clips, tmp_path, n=3)
