"""The README's commands, options and file tree are real."""

import re
from pathlib import Path

import pytest
import typer.main

from musiclm.cli.main import app

ROOT = Path(__file__).parents[1]
TEXT = "\n".join(
    path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
)
SHELL = "\n".join(re.findall(r"```(?:bash|sh)\n(.*?)```", TEXT, re.S)).replace("\\\n", " ")
COMMANDS = sorted(set(re.findall(r"^(?:\.venv/bin/)?musiclm (.+)$", SHELL, re.M)))


@pytest.mark.parametrize("command", COMMANDS)
def test_command_parses(command):
    node = typer.main.get_command(app)
    words = re.findall(r'"[^"]*"|\S+', command.split(" #")[0])
    while words and words[0] in getattr(node, "commands", {}):
        node = node.commands[words.pop(0)]
    flags = {flag for parameter in node.params for flag in parameter.opts}
    used = {word for word in words if re.match(r"--?[a-z]", word)}
    assert used - {"--help"} <= flags, used - flags


def test_there_are_commands():
    assert len(COMMANDS) >= 5


def test_the_tree_exists():
    tree = re.search(r"```text\n(musiclm/.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert tree
    for line in tree[1].splitlines()[1:]:
        name = line.split()[0]
        assert (ROOT / "musiclm" / name).exists(), name


def test_local_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
