"""The report as files: one page that stands alone, and figures that others can read."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from musiclm.evaluate.clips import open_folder, write_prompts
from musiclm.evaluate.judges import Judges
from musiclm.evaluate.music import music
from musiclm.evaluate.page import save_report

EVIL = '<script>alert("boo")</script> & a "flute"'


class Links(HTMLParser):
    """Everything that a browser would fetch, and all tags."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]


@pytest.fixture(scope="module")
def report(tmp_path_factory, tiny_folder):
    root = tmp_path_factory.mktemp("page")
    made = root / "made <b>"  # a folder may have any name
    made.mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        beat = np.exp(-(np.arange(48_000) % 12_000) / 2_000)
        soundfile.write(made / f"{i}.wav", 0.2 * rng.standard_normal(48_000) * beat, 24_000)
    (made / "broken.wav").write_bytes(b"")
    write_prompts(made, [(f"{i}.wav", EVIL, {}) for i in range(9)])
    judges = Judges.load(("mulan",), model=tiny_folder, cache=root / "cache")
    folder = open_folder(made)
    figures = music([folder], judges, reference=folder)
    return root / "report", save_report(figures, root / "report", "musiclm evaluate <music>")


def test_the_files(report):
    folder, paths = report
    names = {path.name for path in paths}
    assert {"index.html", "report.json", "report.md", "clips.csv"} <= names
    assert all(path.is_file() for path in paths)
    told = json.loads((folder / "report.json").read_text())
    assert told["command"] == "musiclm evaluate <music>" and len(told["clips"]) == 9
    assert not list(folder.glob(".*"))


def test_the_page_fetches_nothing(report):
    text = (report[0] / "index.html").read_text()
    links = Links()
    links.feed(text)
    assert links.found and all(link.startswith("data:") for link in links.found)
    assert "script" not in links.tags and "link" not in links.tags
    assert "@import" not in text and not re.search(r"url\(", text)


def test_the_page_escapes_what_others_wrote(report):
    text = (report[0] / "index.html").read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert "made &lt;b&gt;" in text and "<b>" not in text


def test_the_page_lets_one_hear_the_first_and_the_odd_clips(report):
    text = (report[0] / "index.html").read_text()
    assert text.count("<audio controls") == 7
    assert text.count("far from the reference") == 3
    assert "data:audio/ogg;base64,T2dnUw" in text  # "OggS"


def test_the_page_tells_what_was_not_judged(report):
    text = (report[0] / "index.html").read_text()
    assert "Not judged" in text and "broken.wav" in text and "the file is empty" in text


def test_pictures_are_in_the_page(report):
    pytest.importorskip("matplotlib")
    text = (report[0] / "index.html").read_text()
    assert text.count("data:image/png;base64,") == 3 and text.count("alt=") == 3
