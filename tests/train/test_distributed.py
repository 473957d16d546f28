"""Two processes are one run: the same weights on both, from the batches of both; one writes."""

import copy
import json
import os
import socket
from pathlib import Path

import torch
import torch.multiprocessing as mp

from musiclm.checkpoint import fingerprint
from musiclm.train import distributed
from musiclm.train.loop import train


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def work(rank: int, port: int, folder: Path, task, config) -> None:
    """What torchrun starts: the environment names the process and its group."""
    names = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    torch.set_num_threads(1)
    task = copy.deepcopy(task)  # out of the memory that spawning shares
    torch.manual_seed(rank)
    for module in task.modules.values():  # processes that begin apart must be brought together
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    steps, original = [], task.batch
    task.batch = lambda step: steps.append(step) or original(step)
    outcome = train(task, config, folder / "run", quiet=True)
    about = {"step": outcome.step, "batches": steps[:4], "rank": distributed.rank()}
    about["weights"] = {name: fingerprint(m) for name, m in task.modules.items()}
    (folder / f"{rank}.json").write_text(json.dumps(about))


def test_two_processes_train_one_model(clips, tmp_path, codec, settings, monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(pytestconfig.rootpath)  # the processes import this file by name
    config = settings(steps=4, validate_every=2)
    mp.spawn(work, (free_port(), tmp_path, codec(clips, config, 2), config), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert (first["rank"], second["rank"]) == (0, 1)
    assert first["step"] == second["step"] == 4
    assert (first["batches"], second["batches"]) == ([0, 2, 4, 6], [1, 3, 5, 7])
    assert first["weights"] == second["weights"]
    assert (tmp_path / "run" / "checkpoints" / "latest").read_text() == "0000004"
    assert (tmp_path / "run" / "export" / "codec.safetensors").exists()
    steps = [json.loads(row)["step"] for row in (tmp_path / "run" / "log.jsonl").open()]
    assert steps == [1, 2, 2, 3, 4, 4]  # one writer: each step once, and two validations


def test_alone_nothing_is_distributed():
    assert (distributed.rank(), distributed.world()) == (0, 1)
    assert distributed.agree(3.5, torch.device("cpu")) == 3.5
