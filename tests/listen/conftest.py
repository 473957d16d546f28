"""Small tests: tones of three systems for four prompts, and real servers on them."""

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
import uvicorn

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.listen.experiment import gather
from musiclm.listen.server import open_test

SYSTEMS = {"oak": 330.0, "pine": 440.0, "willow": 550.0}
PROMPTS = ["a calm bell", "a <b>loud</b> & long horn", "two flutes", "one drum"]


def tone(hertz, seconds=1.0, level=0.3):
    moments = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)


@pytest.fixture(scope="session")
def write():
    """Make a file of a tone, with its prompt inside."""

    def written(folder, name, prompt, hertz=440.0, **options):
        folder.mkdir(parents=True, exist_ok=True)
        metadata = {"prompt": prompt} if prompt else None
        Waveform(tone(hertz, **options)).save(folder / name, metadata)

    return written


@pytest.fixture(scope="session")
def texts():
    return PROMPTS


@pytest.fixture(scope="session")
def folders(tmp_path_factory, write):
    root = tmp_path_factory.mktemp("clips")
    for number, (system, hertz) in enumerate(SYSTEMS.items()):
        for i, prompt in enumerate(PROMPTS):
            write(root / system, f"{i}.wav", prompt, hertz * (1 + i / 10), level=0.1 + 0.2 * number)
    return [root / system for system in SYSTEMS]


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def experiment(folders):
    return gather(folders)


class Client:
    """What a browser asks of a server."""

    def __init__(self, address):
        self.address = address

    def get(self, path, headers=None):
        return self._ask(urllib.request.Request(self.address + path, headers=headers or {}))

    def post(self, path, body, raw=False):
        data = body if raw else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json"}
        )
        status, _, text = self._ask(request)
        return status, json.loads(text)

    def vote(self, told, answer, **others):
        ballot = {"rater": told["rater"], "trial": told["trial"]["id"], "answer": answer}
        return self.post("/api/vote", ballot | {"seconds": 3.5} | others)

    def _ask(self, request):
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()


@pytest.fixture
def serve(cache, tmp_path):
    """Start a real server in a thread."""
    running = []

    def start(experiment, votes=None, **options):
        test = open_test(experiment, votes or str(tmp_path / "votes.db"), cache=cache, **options)
        config = uvicorn.Config(test.app, port=0, log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread, test))
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}")
        client.test = test
        client.admin = test.clerk.desk.admin
        return client

    yield start
    for server, thread, test in running:
        server.should_exit = True
        thread.join()
        test.clerk.close()


@pytest.fixture
def command(cache, tmp_path):
    """Start the real command: the process and its client, or what it says as it refuses."""
    running = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "musiclm", "listen", *map(str, words), "--quiet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "XDG_CACHE_HOME": str(cache),
            },
        )
        running.append(process)
        for line in process.stdout:
            if line.startswith("results:"):
                address, key = line.split()[1].split("/results?key=")
                client = Client(address)
                client.admin = key
                return process, client
        return process, process.stderr.read()

    yield start
    for process in running:
        process.kill()
        process.communicate()
