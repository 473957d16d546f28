"""Figures as tables, JSON and Markdown."""

import json

from rich.console import Console

from musiclm.evaluate.intervals import mean, share
from musiclm.evaluate.report import markdown, report, row, save, show, table

ROWS = [
    row("ours", kbps=6.0, distance=mean([0.5, 0.7])),
    row("Opus", distance="not measured: install opus-tools"),
]
FIGURES = report("codec", "2 test clips", [table("held-out clips", ROWS)], ["a note"])


def test_figures_survive_json(tmp_path):
    save(FIGURES, tmp_path / "codec.json", "musiclm evaluate codec")
    back = json.loads((tmp_path / "codec.json").read_text())
    assert back == FIGURES | {"command": "musiclm evaluate codec"}
    assert back["tables"][0]["rows"][0]["distance"]["n"] == 2
    assert "musiclm evaluate codec" in (tmp_path / "codec.md").read_text()


def test_markdown_has_a_cell_for_every_column():
    lines = [line for line in markdown(FIGURES).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "0.600" in lines[2] and "not measured" in lines[3]


def test_the_table_shows_values_and_n():
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    show(FIGURES, console)
    text = console.export_text()
    assert "0.600" in text and "n=2" in text and "a note" in text


def test_negative_intervals_are_readable():
    text = markdown(report("x", "y", [table("t", [row("z", dB=mean([-5.0, -3.0]))])]))
    assert "-4.000 (-5.000 to -3.000)" in text


def test_shares_have_intervals():
    assert row("x", right=share([True, False]))["right"]["n"] == 2
