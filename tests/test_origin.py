"""A record of origin says how a part was made, and is refused where it cannot be true."""

import json
import re
import shutil

import pytest
import torch

from musiclm import MusicLM
from musiclm.card import update_card
from musiclm.cli.music import info
from musiclm.data.manifest import Clip
from musiclm.data.provenance import provenance
from musiclm.errors import UserError
from musiclm.origin import THEN, Earlier, Origin, commit, device_name, resumed
from musiclm.system import build, describe, install_part, load_system, read_index, write_index

LABELS = {"soundfont": "A.sf2"}
CLIPS = [
    Clip("a", "a.wav", 7200.0, work="pop 2-17", source="procedural", labels=LABELS),
    Clip("b", "b.wav", 3600.0, work="slow waltz 1-3-2", source="procedural", labels=LABELS),
    Clip("c", "c.wav", 3600.0, work="Op. 3-4", source="mutopia", licence="CC0-1.0"),
]
FIRST = Origin(
    {"model": {"levels": 3}, "train": {"judged_by": "nats", "lr": 1e-3}},
    "0123456789" * 4 + "-dirty",
    provenance(CLIPS),
    steps=3000,
    best_step=1200,
    seconds=1860.0,
    device="cpu x2 threads",
    torch="2.9.0",
)
SECOND = Origin({}, "musiclm 0.1.0", steps=7, started_from=FIRST.earlier("ab" * 32), device="H100")


@pytest.fixture
def folder(tiny_folder, tiny_config, tmp_path):
    copy = tmp_path / "mine"
    shutil.copytree(tiny_folder, copy)
    for noun, origin in (("codec", FIRST), ("lm.fine", SECOND)):
        tensors = build(noun, tiny_config).state_dict()
        own = {n: part["fingerprint"] for n, part in read_index(copy)["parts"].items()}
        install_part(copy, noun, tensors, tiny_config, own, origin=origin)
    return copy


def damage(folder, noun, **changes):
    """The index with something else in the origin of a part."""
    index = read_index(folder)
    index["parts"][noun]["origin"] |= changes
    write_index(folder, index)


def test_the_index_holds_it_and_gives_it_back(folder):
    part = read_index(folder)["parts"]["codec"]
    assert part["origin"] == FIRST.to_dict() and "data" not in part
    assert part["origin"]["data"]["seeds"] == [1, 2]  # not of a score, whatever it is called
    assert part["origin"]["data"]["soundfonts"] == {"A.sf2": 3.0}
    facts = describe(folder)["parts"]
    assert facts["codec"]["data"] == provenance(CLIPS)
    assert facts["codec"]["origin"] == FIRST.to_dict() and facts["mulan"]["origin"] is None


def test_the_card_says_how_each_part_was_made(folder):
    update_card(folder)
    card = (folder / "CARD.md").read_text()
    lines = card.split("## How each part was made")[1].splitlines()
    assert lines[2] == (
        "- codec: 3,000 steps in 31.0 minutes on cpu x2 threads (torch 2.9.0, 0123456-dirty); "
        "step 1,200 is kept, the best by nats; composed with seeds 1, 2; played by A.sf2 3.0 h"
    )
    assert card.count("origin unknown") == 4
    fine = next(line for line in lines if line.startswith("- lm.fine"))
    assert fine.startswith("- lm.fine: 7 steps")
    before = lines[lines.index(fine) + 1]
    assert before.startswith("  - went on from `abababababab`: 3,000 steps in 31.0 minutes on cpu")
    assert before.endswith(
        "; 3 clips, 4.0 h (not stated 3.0, CC0-1.0 1.0); composed with seeds 1, 2; "
        "played by A.sf2 3.0 h"
    )


def test_info_says_so_in_a_line(folder, capsys):
    info(str(folder))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert FIRST.told in lines and lines.count("origin unknown") == 4
    info(str(folder), json_=True)
    assert json.loads(capsys.readouterr().out)["parts"]["codec"]["origin"] == FIRST.to_dict()


def test_it_survives_loading_and_saving(folder, tiny_folder, tmp_path):
    shutil.copy(tiny_folder / "codec.safetensors", folder)  # the weights that its stages know
    index = read_index(folder)
    own = read_index(tiny_folder)["parts"]["codec"]
    index["parts"]["codec"] |= {name: own[name] for name in ("fingerprint", "tokens")}
    index["parts"]["lm.fine"]["trained_with"]["codec"] = own["tokens"]
    write_index(folder, index)
    MusicLM.from_pretrained(folder, "cpu").save_pretrained(tmp_path / "saved")
    saved = read_index(tmp_path / "saved")["parts"]
    assert saved["codec"]["origin"] == FIRST.to_dict()
    assert saved["lm.fine"]["origin"] == SECOND.to_dict()
    assert "origin" not in saved["mulan"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": -1}, "-1 steps in 1860 seconds cannot be"),
        ({"seconds": float("nan")}, "3000 steps in nan seconds"),
        ({"seconds": "long"}, "'origin.seconds' must be float, not 'long'"),
        ({"best_step": 3001}, "best_step 3001 of 3000 cannot be"),
        ({"started_from": "codec"}, "'origin.started_from' must be a list"),
        ({"started_from": [{"fingerprint": "xyz"}]}, "not a fingerprint: 'xyz'"),
        ({"started_from": [{}]}, "missing .*'fingerprint'"),
        ({"data": {"clips": -3}}, "data: -3 clips of 0.0 hours cannot be"),
        ({"data": {"clips": 3, "licences": {"CC0-1.0": "all"}}}, "data.licences must be hours"),
        ({"data": {"seeds": "all"}}, "data.seeds must be whole numbers"),
        ({"config": 3}, "'origin.config' must be a table, not 3"),
        ({"wind": "west"}, "unknown key 'origin.wind'; legal: config, commit"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_names_the_file(folder, changes, said):
    damage(folder, "codec", **changes)
    with pytest.raises(UserError, match=said) as refused:
        describe(folder)
    line = str(refused.value)
    assert line.startswith(f"{folder / 'system.json'}: codec: its origin") and "\n" not in line


def test_what_is_no_table_is_refused(tiny_folder, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(tiny_folder, folder)
    index = read_index(folder)
    index["parts"]["codec"]["origin"] = "a garage"
    write_index(folder, index)
    for use in (describe, update_card, lambda folder: load_system(folder, torch.device("cpu"))):
        with pytest.raises(UserError, match=r"system\.json: codec: its origin must be a table"):
            use(folder)


def test_a_run_that_is_resumed_elsewhere_says_both():
    later = Origin({}, "fedcba9", device="NVIDIA H100", torch="2.9.0", started_from=(Earlier(""),))
    both = resumed(FIRST, later)
    assert both.device == "cpu x2 threads then NVIDIA H100" and both.torch == "2.9.0"
    assert both.commit == FIRST.commit + THEN + "fedcba9" and both.started_from == ()
    assert resumed(both, later) == both
    assert resumed(None, later).started_from == (Earlier(""),)


def test_the_commit_is_that_of_the_package_or_its_version():
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|musiclm [\d.]+|unknown", commit())
    assert re.fullmatch(r"cpu x\d+ threads?", device_name(torch.device("cpu")))
