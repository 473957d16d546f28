"""The card says what was trained on what, and never loses what a person wrote."""

import shutil

import pytest

from musiclm import MusicLM
from musiclm.card import BEGIN, update_card
from musiclm.data.manifest import Clip
from musiclm.data.provenance import provenance
from musiclm.system import build, install_part, read_index

CLIPS = [
    Clip("a", "a.wav", 7200.0, source="my band", licence="CC-BY-4.0"),
    Clip("b", "b.wav", 3600.0, source="a neighbour"),
]


@pytest.fixture
def folder(tiny_folder, tiny_config, tmp_path):
    copy = tmp_path / "mine"
    shutil.copytree(tiny_folder, copy)
    tensors = build("codec", tiny_config).state_dict()
    install_part(copy, "codec", tensors, tiny_config, data=provenance(CLIPS))
    return copy


def test_licences_and_sources_of_the_recordings_are_on_the_card(folder):
    update_card(folder)
    row = next(line for line in (folder / "CARD.md").read_text().splitlines() if "my band" in line)
    assert row == (
        "| codec | 2 | 3.0 | CC-BY-4.0 2.0, not stated 1.0 | my band 2.0, a neighbour 1.0 |"
    )
    assert (folder / "CARD.md").read_text().count("not recorded") == 5  # the other parts


def test_what_a_person_wrote_stays_and_nothing_is_said_twice(folder):
    update_card(folder)
    path = folder / "CARD.md"
    path.write_text("# Ours\n\nMade in a garage.\n\n" + path.read_text() + "\n## Faults\n\nMany.\n")
    update_card(folder)
    card = path.read_text()
    assert card.startswith("# Ours\n\nMade in a garage.") and card.endswith("## Faults\n\nMany.\n")
    assert card.count(BEGIN) == 1 and card.count("my band") == 1


def test_a_card_written_by_hand_gains_the_section(folder):
    (folder / "CARD.md").write_text("# By hand\n")
    update_card(folder)
    assert (folder / "CARD.md").read_text().startswith(f"# By hand\n\n{BEGIN}")


def test_provenance_survives_saving_and_loading(tiny_folder, folder, tmp_path):
    index = read_index(folder)
    assert index["parts"]["codec"]["data"]["hours"] == 3.0
    shutil.copy(tiny_folder / "codec.safetensors", folder)  # the weights its stages know
    own = read_index(tiny_folder)["parts"]["codec"]
    index["parts"]["codec"] |= {name: own[name] for name in ("fingerprint", "tokens")}
    from musiclm.system import write_index

    write_index(folder, index)
    MusicLM.from_pretrained(folder, "cpu").save_pretrained(tmp_path / "saved")
    assert (
        read_index(tmp_path / "saved")["parts"]["codec"]["data"] == index["parts"]["codec"]["data"]
    )
    assert "my band" in (tmp_path / "saved" / "CARD.md").read_text()
