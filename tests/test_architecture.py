"""The form of the code: small files, small functions, few parameters."""

import ast
from pathlib import Path

import pytest

import musiclm

FILES = sorted(Path(musiclm.__file__).parent.rglob("*.py"))
LINES, FUNCTION_LINES, PARAMETERS = 400, 60, 10
# A folder whose functions are lists of options: one parameter for each flag.
MANY_PARAMETERS = "cli"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_form(path):
    text = path.read_text()
    assert text.count("\n") <= LINES
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            arguments = node.args
            count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
            if path.parent.name != MANY_PARAMETERS:
                assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"
                assert count - (arguments.args[:1] != [] and arguments.args[0].arg == "self") <= (
                    PARAMETERS
                ), f"{node.name} has {count} parameters"


def test_no_forbidden_import():
    forbidden = {
        "torchaudio",
        "torchvision",
        "fairseq",
        "xformers",
        "flash_attn",
        "wandb",
        "transformers",
    }
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {name.split(".")[0] for name in names}, path
