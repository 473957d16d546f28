"""What reads MuLan's Transformer learns on clips kept from it; the Transformer does not move."""

import dataclasses
import json

import pytest
import torch

from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTowerConfig, Heard
from musiclm.mulan.mulan import MuLanConfig
from musiclm.mulan.text_tower import TextTowerConfig
from musiclm.train.loop import train
from musiclm.train.mulan import MuLanTask, MuLanTaskConfig
from musiclm.train.readout import ReadoutConfig, Remembered, read_anew

AUDIO = AudioTowerConfig(
    bins=32, stem="conv", stride=(32, 16), width=32, layers=1, heads=2, hidden=64, dropout=0.0,
    rhythm_lags=8, harmony=True, head_hidden=16,
)  # fmt: skip
MULAN = MuLanConfig(
    embed_dim=16,
    window_seconds=1.0,
    levels=3,
    codes=4,
    audio=AUDIO,
    text=TextTowerConfig("minilm", 6, 384, 12, 1536, 512, max_tokens=32, head_hidden=32),
)
TOLD = {
    "texture": "solo", "instruments": [{"program": 73, "name": "flute", "family": "winds",
    "role": "melody"}], "families": ["winds"], "drums": False, "bass": False, "style": "folk",
    "bpm": 110.0, "tempo_class": "medium", "key": "A", "metre": "4/4", "density": "sparse",
    "register": "high", "dynamics": "soft", "moods": ["sad"], "mode": "minor",
}  # fmt: skip
STANDING = ("audio.stem.", "audio.blocks.", "audio.norm.", "log_tau")
READOUT = ReadoutConfig(share=0.5, steps=6, batch=4, harmony_steps=4)


def labelled(clips: list[Clip]) -> list[Clip]:
    bright = TOLD | {"mode": "major", "moods": ["happy"]}
    return [dataclasses.replace(c, labels=bright if i % 2 else TOLD) for i, c in enumerate(clips)]


def task_of(clips: list[Clip], settings, readout: ReadoutConfig = READOUT) -> MuLanTask:
    config = settings(steps=3, batch=3, crop_seconds=1.0, lr=1e-3)
    torch.manual_seed(0)
    return MuLanTask(MULAN, config, clips, MuLanTaskConfig(tags=True, readout=readout))


def test_the_towers_never_meet_the_kept_clips(clips, settings):
    task = task_of(labelled(clips), settings)
    train_ids = [clip.id for clip in clips if clip.split == "train"]
    assert [clip.id for clip in (*task.train, *task.kept)] == train_ids
    assert len(task.kept) == 5  # of 9
    met = {clip.id for step in range(9) for clip in task.crops.batch(step).clips}
    assert met == {clip.id for clip in task.train}


def test_only_what_reads_the_transformer_learns(clips, settings, tmp_path):
    task = task_of(labelled(clips), settings)
    before = {name: x.clone() for name, x in task.model.state_dict().items()}
    task.model.eval()
    task.finish(tmp_path)
    moved = {n for n, x in task.model.state_dict().items() if not torch.equal(x, before[n])}
    assert not [name for name in moved if name.startswith(STANDING)]
    for part in ("audio.project.", "audio.rhythm.", "audio.harmony.", "audio.head.", "text.head."):
        assert any(name.startswith(part) for name in moved), part
    assert not task.model.training
    assert json.loads((tmp_path / "mulan.json").read_text())["noun"] == "mulan"


def test_clips_without_our_labels_all_go_to_the_towers(clips, settings, tmp_path):
    task = task_of(clips, settings)
    assert not task.kept and len(task.train) == 9
    before = {name: x.clone() for name, x in task.model.state_dict().items()}
    task.model.eval()
    task.finish(tmp_path)
    assert all(torch.equal(x, before[name]) for name, x in task.model.state_dict().items())


def test_kept_clips_may_all_be_without_labels(clips, settings, tmp_path):
    task = task_of([*labelled(clips[:2]), *clips[2:]], settings)
    assert task.kept and not any(clip.labels for clip in task.kept)
    task.model.eval()
    task.finish(tmp_path)
    assert all(x.isfinite().all() for x in task.model.state_dict().values())


def test_the_same_seed_reads_the_same(clips, settings, tmp_path):
    states = []
    for name in ("one", "two"):
        torch.manual_seed(17 if name == "one" else 18)
        task = task_of(labelled(clips), settings)
        assert train(task, settings(steps=3, batch=3), tmp_path / name, quiet=True).finished
        task.model.load_state_dict(task_of(labelled(clips), settings).model.state_dict())
        task.model.eval()
        task.finish(tmp_path / name)
        states.append(task.model.state_dict())
    assert all(torch.equal(x, states[1][name]) for name, x in states[0].items())


def chords(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Triads over seven octaves in any key, ten frames each, and which of them are minor."""
    generator = torch.Generator().manual_seed(seed)
    minor = torch.rand(number, generator=generator) < 0.5
    roots = torch.randint(12, (number,), generator=generator)
    rows = torch.zeros(number, 12)
    for row, low, root in zip(rows, minor, roots, strict=True):
        row[[int(root), (int(root) + 4 - int(low)) % 12, (int(root) + 7) % 12]] = 1.0
    return rows[:, None].repeat(1, 10, 7), minor


def test_it_tells_mode_where_the_transformer_says_nothing_of_it(clips, settings):
    number = 200
    semitones, minor = chords(number, 0)
    rows = [
        dataclasses.replace(
            clips[0],
            id=f"{i}",
            captions=(f"music in a {'minor' if low else 'major'} key",),
            labels=TOLD if low else TOLD | {"mode": "major", "moods": ["happy"]},
        )
        for i, low in enumerate(minor.tolist())
    ]
    task = task_of(rows, settings, ReadoutConfig(share=0.5, steps=200, batch=64, harmony_steps=200))
    noise = torch.randn(2 * number, 32, generator=torch.Generator().manual_seed(1))
    kept = Remembered(rows, Heard(noise[:number], torch.zeros(number, 4, 8), semitones))
    weights, harmonic = task.readout_weights, task.tags.harmonic
    read_anew(task.model, kept, task._told, task._terms, weights, harmonic, task.readout, 0)
    unheard, low = chords(number, 2)
    heard = Heard(noise[number:], torch.zeros(number, 4, 8), unheard)
    with torch.no_grad():
        audio = torch.nn.functional.normalize(task.model.audio.tell(heard), dim=-1)
        text = task.model.embed_text(["minor key", "major key"])
    nearer_to_minor = (audio @ (text[0] - text[1])) > 0
    assert (nearer_to_minor == low).float().mean() > 0.95


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"share": 1.0}, "share and alone must lie"),
        ({"alone": -0.1}, "share and alone must lie"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"lr": 0.0}, "learning rates must be positive"),
    ],
)
def test_what_cannot_be_is_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        ReadoutConfig(**wrong)


def test_too_few_clips_are_refused(clips, settings):
    with pytest.raises(UserError, match="cannot be drawn from 1"):
        task_of(labelled(clips), settings, ReadoutConfig(share=0.9))
    with pytest.raises(UserError, match="keeps 1 of 9 clips to read anew"):
        task_of(labelled(clips), settings, ReadoutConfig(share=0.1))


def test_an_unknown_loss_term_is_named(clips, settings):
    with pytest.raises(UserError, match="no loss term 'tag'; legal: contrastive"):
        task_of(clips, settings, ReadoutConfig(loss_weights={"tag": 1.0}))
