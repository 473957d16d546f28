"""The link table: true tokens are decoded as they are, drawn ones depend on the seed alone."""

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from musiclm.audio import read
from musiclm.cli.main import app
from musiclm.data.manifest import write_manifest
from musiclm.errors import UserError
from musiclm.evaluate.clips import open_folder
from musiclm.evaluate.distances import fad
from musiclm.evaluate.drawing import coarse_levels, draw_rest, sound_of, true_tokens
from musiclm.evaluate.frechet import interval
from musiclm.evaluate.joints import beyond, joints, jumps, rank
from musiclm.evaluate.judges import Judges
from musiclm.evaluate.release import with_links
from musiclm.evaluate.sound import load
from musiclm.evaluate.stages import (
    CHANCE,
    DISTANCES,
    ORIGINALS,
    Link,
    chain,
    halves,
    render,
    stages,
)
from musiclm.lm.stages import FINE, SEMANTIC
from musiclm.pipeline import MusicLM

SECONDS = 4.0


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Two hundred take a second a row."""

    def rough(real, made):
        return interval(fad.draws(real, made, resamples=5), len(made))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DISTANCES, "FAD", rough)
        yield


@pytest.fixture(scope="module")
def judges():
    return Judges.load(("judge",))


@pytest.fixture(scope="module")
def short(tiny):
    """The same system without a fine stage."""
    music = MusicLM(tiny.system)
    music.stages = {name: one for name, one in tiny.stages.items() if name != "fine"}
    return music


@pytest.fixture(scope="module")
def made(tiny, corpus, judges, tmp_path_factory):
    folder = tmp_path_factory.mktemp("links")
    return stages(tiny, corpus, judges, n=3, seconds=SECONDS, folder=folder, batch=2), folder


def by_name(figures, title: str) -> dict:
    found = next(one for one in figures["tables"] if one["title"].startswith(title))
    return {line["what"]: line for line in found["rows"]}


def test_every_link_has_a_row_in_every_table(made, tiny):
    names = [ORIGINALS, *(link.name for link in chain(tiny))]
    assert names == [
        "originals",
        *(f"codec, {q} levels" for q in (12, 8, 6, 4)),
        "+ fine drawn",
        "+ coarse drawn",
        "+ coarse drawn, fine too",
        "+ semantic drawn",
        "+ semantic drawn, fine too",
        "+ text",
        "+ text, fine too",
    ]
    for title in ("The chain", "Distance", "Facts", "Chance", "Structure", "Joints"):
        assert [name for name in by_name(made[0], title) if name != CHANCE] == names
    for line in by_name(made[0], "Distance").values():
        assert {"FAD", "precision", "recall", "coverage", "diversity"} < set(line)
        assert line["FAD"]["n"] == 3 and line["FAD"]["value"] > 0
    for line in by_name(made[0], "Facts").values():
        assert {"drums", "tempo class", "mode", "key"} < set(line)
    for line in by_name(made[0], "Structure").values():
        assert {"repetition", "stuck", "silent", "clipped", "lines_at_100_Hz_dB"} < set(line)


def test_what_is_kept_is_told_of_rows_that_had_it(made):
    kept = by_name(made[0], "Kept")
    assert CHANCE in kept and "+ fine drawn" in kept and "+ coarse drawn" in kept
    assert not [name for name in kept if "semantic" in name or "text" in name]
    assert kept[ORIGINALS]["peak_within_30_cents"]["value"] == 1.0
    assert kept[ORIGINALS]["chroma_correlation"]["value"] == pytest.approx(1.0, abs=1e-4)
    assert kept[CHANCE]["peak_within_30_cents"]["value"] < 1.0


def test_joints_of_originals_are_ordinary(made):
    # Fine chunks of two seconds: one joint in four, and as ordinary as the originals' own.
    line = by_name(made[0], "Joints")[ORIGINALS]
    assert line["joints of fine"]["value"] == pytest.approx(0.5)
    assert "joints of fine" in by_name(made[0], "The chain")["+ text"]


def test_codec_rows_are_the_true_codes_decoded(made, tiny, corpus):
    ours, _ = halves([clip for clip in corpus if clip.split == "test"], 3, 0)
    waves = load(ours, SECONDS)
    codes = tiny.tokenizers.codec.encode(waves)
    for levels in (12, 4):
        kept = open_folder(made[1] / f"codec-{levels}-levels").recordings
        wanted = tiny.tokenizers.codec.decode(codes[..., :levels])[:, 0]
        for one, wave in zip(kept, wanted, strict=True):
            scale = min(1.0, 0.999 / float(wave.abs().max()))  # what a file can hold
            found = torch.from_numpy(read(one.path).samples)
            torch.testing.assert_close(found, scale * wave, atol=2e-3, rtol=0.0)
    told = open_folder(made[1] / "text").recordings
    assert [one.prompt for one in told] == [clip.captions[0] for clip in ours]
    assert [one.facts["drums"] for one in told] == [clip.labels["drums"] for clip in ours]


def test_drawn_rows_depend_on_the_seed_and_on_nothing_else(tiny, corpus):
    waves = load(corpus[:3], 2.0)
    links = [Link("codec", levels=12), Link("+ coarse drawn", ("mulan", "semantic"))]
    one, again, other = (
        render(tiny, links, waves, corpus[:3], seed, batch)
        for seed, batch in ((0, 3), (0, 2), (5, 3))
    )
    torch.testing.assert_close(one["codec"], other["codec"])
    torch.testing.assert_close(one["+ coarse drawn"], again["+ coarse drawn"], atol=1e-3, rtol=0.0)
    assert not torch.allclose(one["+ coarse drawn"], other["+ coarse drawn"], atol=1e-2)


def test_a_row_with_fine_codes_has_the_coarse_ones_of_the_row_before(tiny, corpus):
    waves = load(corpus[:2], 2.0)
    heard = true_tokens(tiny, waves)
    given = {"mulan": heard.mulan, "semantic": heard.semantic}
    alone = draw_rest(tiny, given, 2.0, [3, 4], fine=False)
    whole = draw_rest(tiny, given, 2.0, [3, 4])
    assert "fine" not in alone and torch.equal(alone["coarse"], whole["coarse"])
    assert torch.equal(draw_rest(tiny, alone, 2.0, [3, 4])["fine"], whole["fine"])
    assert whole["semantic"] is heard.semantic
    assert sound_of(tiny, alone).shape == sound_of(tiny, whole).shape == waves.shape


def test_the_same_seed_is_the_same_table(short, corpus, judges):
    one, again = (stages(short, corpus, judges, n=2, seconds=2.0) for _ in range(2))
    assert one["tables"] == again["tables"]
    other = stages(short, corpus, judges, n=2, seconds=2.0, seed=1)
    assert other["tables"] != one["tables"]


def test_a_system_without_a_fine_stage_has_no_such_rows(short):
    names = [link.name for link in chain(short)]
    assert names[-3:] == ["+ coarse drawn", "+ semantic drawn", "+ text"]
    assert f"codec, {coarse_levels(short)} levels" in names
    assert not [name for name in names if "fine" in name]


def test_clips_without_captions_have_no_row_from_text(short, corpus, judges):
    dumb = [replace(clip, captions=()) for clip in corpus]
    figures = stages(short, dumb, judges, n=2, seconds=1.0)
    assert "+ text" not in by_name(figures, "Distance")
    assert "2 of 2 clips have no caption: no row from text" in figures["notes"]


def test_the_halves_share_no_work(corpus):
    pairs = [replace(clip, work=str(int(clip.id) // 2)) for clip in corpus]
    ours, others = halves(pairs, 10, 0)
    assert len(ours) == len(others) == 10
    assert not {clip.work for clip in ours} & {clip.work for clip in others}
    assert halves(pairs, 10, 0) == (ours, others) != halves(pairs, 10, 1)


def test_bad_input_is_one_line(tiny, corpus, judges, tmp_path):
    with pytest.raises(UserError, match="2 clips or more"):
        stages(tiny, corpus, judges, n=1)
    with pytest.raises(UserError, match="no clip of split valid"):
        stages(tiny, corpus, judges, splits=("valid",))
    with pytest.raises(UserError, match="different works"):
        stages(tiny, [replace(clip, work="suite") for clip in corpus], judges)
    with pytest.raises(UserError, match="60 s long"):
        stages(tiny, corpus, judges, seconds=60.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot keep clips"):
        stages(tiny, corpus, judges, n=2, folder=tmp_path / "file")


def test_the_command_prints_and_keeps_the_table(tiny_folder, corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_manifest(tmp_path / "manifest.jsonl", corpus)
    words = ["evaluate", "stages", "--model", tiny_folder, "--data", tmp_path / "manifest.jsonl"]
    words += ["--n", "2", "--splits", "test", "--seed", "1", "--quiet"]
    words += ["-o", tmp_path / "links.json", "--save", tmp_path / "clips"]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0
    kept = json.loads((tmp_path / "links.json").read_text())
    assert kept["claim"] == "stages" and "2 test clips" in kept["reference"]
    assert "| + coarse drawn |" in (tmp_path / "links.md").read_text()
    assert len(list((tmp_path / "clips" / "originals").glob("*.wav"))) == 2


def test_joints_are_where_a_stage_begins_anew():
    assert joints(FINE, 10.0) == [3.0, 6.0, 9.0]
    assert joints(FINE, 3.1) == []  # too near the end to be compared
    assert joints(SEMANTIC, 31.0) == [30.0]
    assert joints(replace(SEMANTIC, seconds=4.0), 10.0) == [4.0, 6.0, 8.0]


def test_a_change_of_colour_is_found_at_its_joint():
    generator = torch.Generator().manual_seed(0)
    steady = torch.randn(8, 96_000, generator=generator)
    other = torch.nn.functional.avg_pool1d(steady, 9, stride=1, padding=4)
    painted = torch.cat([steady[:, :48_000], other[:, 48_000:]], dim=1)
    real, made = jumps(steady, [2.0]), jumps(painted, [2.0])
    assert (rank(real, real).mean() - 0.5).abs() < 1e-6
    assert (rank(real, made) == 1.0).all() and (beyond(real, made) == 1.0).all()
    elsewhere = jumps(painted, [1.0])
    assert rank(real, elsewhere).mean() < 1.0
    assert jumps(steady, []).shape == (8, 0)


def test_the_release_report_ends_with_the_links():
    figures = {"claim": "release", "tables": [{"title": "In short"}], "notes": ["a"]}
    links = {"reference": "2 clips", "tables": [{"title": "Joints", "rows": []}], "notes": ["b"]}
    both = with_links(figures, links)
    assert [one["title"] for one in both["tables"]] == ["In short", "Links: Joints"]
    assert both["notes"] == ["a", "links: 2 clips", "b"] and both["claim"] == "release"
