"""A part trained from another's weights tells of both, wherever those weights lay."""

import json
import shutil

import pytest

from musiclm.checkpoint import fingerprint, load_tensors
from musiclm.config import load_toml
from musiclm.data.manifest import write_manifest
from musiclm.origin import Earlier
from musiclm.system import origin_of, read_index
from musiclm.train.origin import earlier
from musiclm.train.run import Run
from musiclm.train.tasks import judged_by, train_part

SHORT = "{steps=2, warmup=0, batch=2, log_every=1, crop_seconds=0.48, device='cpu'}"


@pytest.fixture
def run(clips, tmp_path, pytestconfig):
    """Train the codec; what it says of its origin."""
    write_manifest(tmp_path / "manifest.jsonl", clips)

    def run(name, resume=False, **changes):
        tiny = pytestconfig.rootpath / "configs" / "tiny.toml"
        more = [f"train.codec.{key}={json.dumps(value)}" for key, value in changes.items()]
        sections = load_toml(tiny, [f"train.codec={SHORT}", *more])
        system, folder = tmp_path / "system", tmp_path / "runs" / name
        train_part(
            "codec", sections, data=tmp_path, system=system, run_dir=folder, resume=resume,
            quiet=True,
        )  # fmt: skip
        return origin_of(system, "codec", read_index(system))

    return run


def test_a_chain_of_runs_is_told_the_latest_first(run, tmp_path):
    system, runs = tmp_path / "system", tmp_path / "runs"
    installed = system / "codec.safetensors"
    first = run("one")
    assert (first.steps, first.started_from, first.data["clips"]) == (2, (), 9)
    assert first.config.keys() == {"model", "train", "task"}
    names = [read_index(system)["parts"]["codec"]["fingerprint"]]

    second = run("two", steps=3, start_from=str(installed))  # which it then replaces
    names.insert(0, read_index(system)["parts"]["codec"]["fingerprint"])
    assert names[0] != names[1] == second.started_from[0].fingerprint
    assert second.started_from[0].steps == 2 and second.started_from[0].data == first.data

    exported = json.loads((runs / "two/export/codec.json").read_text())
    assert exported["origin"] == second.to_dict()
    checkpoint = Run(runs / "two").latest() / "model.safetensors"
    for start in (installed, runs / "two/export/codec.safetensors", checkpoint):
        told = earlier(start)
        assert [each.fingerprint for each in told] == names
        assert [each.steps for each in told] == [3, 2]
    assert "- codec: 3 steps" in (system / "CARD.md").read_text()
    assert f"  - went on from `{names[1][:12]}`: 2 steps" in (system / "CARD.md").read_text()


def test_weights_without_a_record_are_told_by_fingerprint(run, tmp_path):
    run("one")
    stray = tmp_path / "stray.safetensors"
    shutil.copy(tmp_path / "system/codec.safetensors", stray)
    second = run("two", start_from=str(stray))
    assert second.started_from == (Earlier(fingerprint(load_tensors(stray)[0])),)
    assert "origin unknown" in (tmp_path / "system/CARD.md").read_text()


def test_a_run_that_goes_on_remembers_where_it_began_though_that_is_gone(run, tmp_path):
    run("one")
    stray = tmp_path / "stray.safetensors"
    shutil.copy(tmp_path / "system/codec.safetensors", stray)
    before = run("two", start_from=str(stray))
    stray.unlink()
    after = run("two", resume=True, start_from=str(stray), steps=4)
    assert after.steps == 4 and after.started_from == before.started_from
    (tmp_path / "runs/two/origin.json").unlink()  # as of an earlier version
    old = run("two", resume=True, start_from=str(stray), steps=5)
    assert old.steps == 5 and old.started_from == (Earlier(""),)


def test_the_best_of_a_codec_is_known_and_said(run, tmp_path):
    origin = run("one", steps=4, validate_every=1)
    best = Run(tmp_path / "runs/one").best_path(origin.best_step)
    told = json.loads((best / "meta.json").read_text())
    assert told["name"] == origin.judged_by and told["name"].startswith("log_mel_")
    assert earlier(best / "model.safetensors")[0].steps == origin.best_step


def test_what_judges_a_noun():
    assert [judged_by(f"lm.{stage}", {}) for stage in ("semantic", "coarse")] == ["nats"] * 2
    assert judged_by("mulan", {}) == judged_by("semantic", {}) == ""
    assert judged_by("codec", {"codec": {"levels": 8}}) == "log_mel_8_levels"
    assert judged_by("codec", {"train": {"codec": {"task": {"adversarial_from": 9}}}}) == ""
