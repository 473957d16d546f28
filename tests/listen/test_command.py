"""`musiclm listen`: mistakes are one line, and leave nothing."""

import pytest
from typer.testing import CliRunner

import musiclm.cli.listen  # noqa: F401 - registers the verb
from musiclm.cli.app import app
from musiclm.errors import UserError


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nowhere", "elsewhere"], "nowhere"),
        (["{a}"], "two folders"),
        (["{a}", "{b}", "--prompts", "missing.csv"], "missing.csv"),
        (["{a}", "{b}", "--mode", "mushra"], "--reference"),
        (["{a}", "{b}", "--trials", "0"], "--trials"),
        (["{a}", "{b}", "--raters", "-1"], "--raters"),
        (["{a}", "{b}", "--port", "70000"], "--port"),
        (["{a}", "{b}", "--seconds", "nan"], "--seconds"),
        (["{a}", "{b}", "--votes", "missing/votes.db"], "missing"),
    ],
)
def test_mistakes(folders, tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    words = [word.format(a=folders[0], b=folders[1]) for word in words]
    result = CliRunner().invoke(app, ["listen", *words, "--quiet"])
    assert isinstance(result.exception, UserError), result.output
    assert named in str(result.exception) and "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken(serve, experiment, folders, tmp_path):
    port = serve(experiment).address.rsplit(":", 1)[1]
    words = ["listen", *map(str, folders), "--votes", str(tmp_path / "v.db"), "--port", port]
    result = CliRunner().invoke(app, [*words, "--quiet"])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith(f"cannot listen on 127.0.0.1, port {port}: ")
