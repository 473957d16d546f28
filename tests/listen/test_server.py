"""The server over real HTTP: blind, idempotent, resumable, and only the key opens the results."""

import csv
import io
import re
import statistics

import pytest
import soundfile

from musiclm.errors import UserError
from musiclm.listen.experiment import NOISE, gather
from musiclm.listen.server import open_test


def finish(client, told, choose=lambda trial: [1]):
    while told["trial"] is not None:
        status, told = client.vote(told, choose(client.test.clerk.desk.trial(told["trial"]["id"])))
        assert status == 200, told
    return told


def test_a_rater_hears_votes_and_ends(serve, experiment, texts):
    client = serve(experiment, trials=3)
    status, told = client.post("/api/session", {})
    assert status == 200 and told["done"] == 0 and told["total"] == 3
    assert told["question"]["choices"][0] == "A, strongly"
    assert {told["trial"]["text"], told["next"]["text"]} <= set(texts)
    after = told["next"]
    status, told = client.vote(told, [-2])
    assert status == 200 and told["done"] == 1 and told["trial"] == after
    told = finish(client, told)
    assert told["done"] == 3 and told["next"] is None
    assert client.post("/api/session", {"rater": told["rater"]})[1]["trial"] is None


def test_nothing_tells_the_system(serve, experiment, folders):
    client = serve(experiment, trials=3)
    seen = [client.get("/")[2].decode()]
    seen += [client.get(f"/page/{name}")[2].decode() for name in ("listen.js", "listen.css")]
    _, told = client.post("/api/session", {})
    for page in (told["trial"], told["next"]):
        for place in (0, 1):
            status, headers, data = client.get(f"/audio/{page['id']}/{place}")
            assert status == 200 and headers["content-type"] == "audio/flac"
            seen += [str(headers), data.decode("latin-1")]
    seen.append(str(told))
    for secret in ("oak", "pine", "willow", str(folders[0].parent), "wav", client.admin):
        assert not any(re.search(rf"\b{secret}\b", text) for text in seen), secret
    # The same clip on another page has another address, validator and date.
    assert len({h for h in seen if "etag" in h.lower()}) == 4


def test_clips_are_served_by_ranges(serve, experiment):
    client = serve(experiment, trials=3)
    page = client.post("/api/session", {})[1]["trial"]["id"]
    _, headers, whole = client.get(f"/audio/{page}/0")
    assert headers["accept-ranges"] == "bytes"
    status, headers, part = client.get(f"/audio/{page}/0", {"Range": "bytes=100-299"})
    assert status == 206 and part == whole[100:300]
    assert headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert client.get(f"/audio/{page}/0", {"Range": f"bytes={10**9}-"})[0] == 416
    assert soundfile.read(io.BytesIO(whole))[1] == 48_000


@pytest.mark.parametrize(
    "path",
    ["/audio/{page}/2", "/audio/{page}/-1", "/audio/{page}/reference", "/audio/{page}/%2e%2e%2f0",
     "/audio/none/0", "/page/../server.py", "/page/%2e%2e/server.py", "/page/..%2fvotes.py",
     "/page//etc/passwd", "/docs", "/openapi.json"],
)  # fmt: skip
def test_only_what_is_offered_is_served(serve, experiment, path):
    client = serve(experiment, trials=3)
    page = client.post("/api/session", {})[1]["trial"]["id"]
    assert client.get(path.format(page=page))[0] in (404, 405)


def test_a_vote_counts_once(serve, experiment):
    client = serve(experiment, trials=3)
    told = client.post("/api/session", {})[1]
    first, again = client.vote(told, [2]), client.vote(told, [2])
    assert first == again and first[0] == 200
    assert client.vote(told, [1])[0] == 409
    ballots = client.test.clerk.votes.read().ballots
    assert [(one.trial, one.answer) for one in ballots] == [(told["trial"]["id"], (2,))]


def test_malformed_votes_are_refused_with_a_reason(serve, experiment):
    client = serve(experiment, trials=3)
    told = client.post("/api/session", {})[1]
    other = client.post("/api/session", {})[1]
    for answer in ([3], [-3], [], [0, 0], ["1"], [1.5], [True], None, [1] * 65):
        status, said = client.vote(told, answer)
        assert status == 422 and said["error"], answer
    for seconds in (-1, 1e9, "soon", None):
        assert client.vote(told, [1], seconds=seconds)[0] == 422
    assert client.vote(told, [1], rater=other["rater"])[0] == 404
    assert client.vote(told, [1], trial=told["next"]["id"])[0] == 409  # not yet
    assert client.vote(told, [1], trial="nothing")[0] == 404
    assert client.vote(told, [1], more=1)[0] == 422
    for text in (b"", b"{", b"[]", b"\xff", b'{"rater": NaN}', b"[" * 5000):
        assert client.post("/api/vote", text, raw=True)[0] in (400, 422)
    assert client.post("/api/vote", b" " * 10_000, raw=True)[0] == 413
    assert client.test.clerk.votes.read().ballots == []
    assert client.vote(told, [1])[0] == 200


def test_invited_raters_alone_may_enter(serve, experiment):
    client = serve(experiment, trials=3, raters=2)
    assert client.post("/api/session", {})[0] == 403
    assert client.post("/api/session", {"rater": "guessed"})[0] == 403
    links = [line for line in client.test.lines("http://x") if line.startswith("rater:")]
    names = [link.split("?rater=")[1] for link in links]
    told = [client.post("/api/session", {"rater": name})[1] for name in names]
    assert [one["rater"] for one in told] == names and len(set(names)) == 2


def test_results_need_the_key(serve, experiment):
    client = serve(experiment, trials=3)
    for path in ("/results", "/results.csv", "/results?key=guess", "/results.csv?key=%ff"):
        assert client.get(path)[0] == 403
    status, headers, text = client.get(f"/results?key={client.admin}")
    assert status == 200 and b"No votes yet" in text and headers["cache-control"] == "no-store"


def test_results_tell_wins_strengths_raters_and_what_is_missing(serve, experiment):
    client = serve(experiment, trials=10)

    def prefers_oak(trial):
        left, right = trial.sounds
        if NOISE in trial.sounds:
            return [-1 if right == NOISE else 1]
        return [-2 if left == "oak" else 2 if right == "oak" else 0]

    for _ in range(12):
        finish(client, client.post("/api/session", {})[1], prefers_oak)
    for _ in range(2):  # who do not listen
        told = client.post("/api/session", {})[1]
        finish(client, told, lambda t: [-2 if t.sounds[0] == NOISE else 2])
    page = client.get(f"/results?key={client.admin}")[2].decode()
    assert "2 raters of 14" in page and "they are left out" in page
    for words in ("oak is better", "<svg", "Krippendorff", "no difference is seen", "Bonferroni"):
        assert words in page, words
    everybody = client.get(f"/results?key={client.admin}&all=true")[2].decode()
    assert "all are counted" in everybody
    rows = list(
        csv.DictReader(io.StringIO(client.get(f"/results.csv?key={client.admin}")[2].decode()))
    )
    assert len(rows) == 14 * 12
    assert {row["kind"] for row in rows} == {"new", "repeat", "check"}
    assert not {row["rater"] for row in rows} - {f"r{i}" for i in range(1, 15)}


def test_prompts_are_escaped(serve, experiment, tmp_path, write):
    for system in ("<i>x</i>", "b&b"):
        write(tmp_path / system.replace("/", "_"), "1.wav", "<script>alert(1)</script>")
    found = gather(sorted(path for path in tmp_path.iterdir() if path.is_dir()))
    client = serve(found, trials=1)
    finish(client, client.post("/api/session", {})[1])
    page = client.get(f"/results?key={client.admin}")[2].decode()
    assert "<i>" not in page and "&lt;i&gt;" in page and "b&amp;b" in page


@pytest.mark.parametrize("mode", ["mos", "mushra"])
def test_scores(serve, folders, mode):
    reference = folders[0] if mode == "mushra" else None
    client = serve(gather(folders[1:], mode, reference=reference), trials=4)
    clips = {"mos": 1, "mushra": 4}[mode]
    scale = {"oak": 5, "pine": 4, "willow": 2, NOISE: 1, "(reference)": 95, "(anchor)": 10}

    def score(trial):
        return [scale[sound] for sound in trial.sounds]

    for _ in range(3):
        told = client.post("/api/session", {})[1]
        assert told["trial"]["clips"] == clips and told["trial"]["text"] is None
        if mode == "mushra":
            assert client.get(f"/audio/{told['trial']['id']}/reference")[0] == 200
        finish(client, told, score)
    page = client.get(f"/results?key={client.admin}")[2].decode()
    assert "4.00" in page and "pine" in page and "<svg" in page
    rows = list(
        csv.DictReader(io.StringIO(client.get(f"/results.csv?key={client.admin}")[2].decode()))
    )
    found = [int(row["score"]) for row in rows if row["system"] == "willow"]
    assert statistics.mean(found) == 2 and len(rows) >= 3 * 4 * clips


def test_a_restart_goes_on_and_another_test_is_refused(serve, experiment, folders, tmp_path, cache):
    votes = str(tmp_path / "v.db")
    first = serve(experiment, votes, trials=3, raters=1)
    name = first.test.invited[0]
    told = first.vote(first.post("/api/session", {"rater": name})[1], [0])[1]
    second = serve(gather(folders), votes, trials=3, raters=1)
    assert second.test.invited == (name,) and second.admin == first.admin
    assert second.post("/api/session", {"rater": name})[1]["trial"] == told["trial"]
    with pytest.raises(UserError, match="another experiment: other clips, systems"):
        open_test(gather(folders[:2]), votes, cache=cache)


def test_two_servers_on_one_database_do_not_double(serve, experiment, tmp_path):
    votes = str(tmp_path / "v.db")
    one, two = serve(experiment, votes, trials=3), serve(experiment, votes, trials=3)
    told = one.post("/api/session", {})[1]
    assert one.vote(told, [1])[0] == 200
    # The other has not read of this rater; whoever asks it begins anew, and nothing is lost.
    assert two.post("/api/session", {})[0] == 200
    assert len(one.test.clerk.votes.read().ballots) == 1
