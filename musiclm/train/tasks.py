"""From the sections of a configuration to a task: the one place where nouns are chosen by name.

sections = load_toml("configs/mini.toml", overrides)
    train_part("codec", sections, data=corpus, system=folder, run_dir=Path("runs/codec"))
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.card import update_card
from musiclm.checkpoint import load_tensors
from musiclm.config import from_dict, to_dict
from musiclm.data.manifest import read_manifest
from musiclm.data.provenance import provenance
from musiclm.data.shards import read_header
from musiclm.errors import UserError
from musiclm.lm.sampling import Sampling
from musiclm.semantic.musical_tokenizer import MusicalConfig
from musiclm.system import (
    NOUNS,
    TOKENIZERS,
    check_parentage,
    data_of,
    install_part,
    load_part,
    origin_of,
    read_index,
    system_config,
    system_folder,
    token_fingerprints,
)
from musiclm.train import distributed
from musiclm.train.codec import CodecTask, CodecTaskConfig
from musiclm.train.config import TrainConfig
from musiclm.train.lm import LMTask
from musiclm.train.loop import Outcome, train
from musiclm.train.mulan import MuLanTask, MuLanTaskConfig
from musiclm.train.origin import begun
from musiclm.train.semantic import MusicalTask, SemanticTask, SemanticTaskConfig
from musiclm.train.task import Task

TASK_CONFIGS: dict[str, type] = {
    "codec": CodecTaskConfig,
    "semantic": SemanticTaskConfig,
    "mulan": MuLanTaskConfig,
}


def train_part(
    noun: str,
    sections: Mapping[str, Any],
    *,
    data: Path,
    system: Path,
    run_dir: Path,
    resume: bool = False,
    quiet: bool = False,
) -> Outcome:
    """Train a part and install it into a system's folder, beside those that it was trained with.

    A stage is trained on shards of the system's own tokenizers, and on no others.
    """
    expect, codebooks, sampling = None, None, sampling_of(noun, sections)
    if noun.startswith("lm."):
        expect = tokenizer_fingerprints(system)
        codebooks = load_tensors(system / "mulan.safetensors")[0]["codebooks"].float()
    task = build_task(
        noun, sections, data, run_dir=run_dir, expect=expect, mulan_codebooks=codebooks
    )
    config, resolved = train_config(noun, sections), resolve(noun, sections)
    origin = begun(resolved, provenance_of(noun, data), config, resume)
    outcome = train(task, config, run_dir, resume, resolved, quiet, origin)
    if outcome.finished and distributed.rank() == 0:
        tensors, _ = load_tensors(run_dir / "export" / f"{noun}.safetensors")
        own = system_config(sections)
        install_part(system, noun, tensors, own, expect, sampling=sampling, origin=outcome.origin)
        update_card(system)
    return outcome


def take_part(noun: str, source: str | Path, system: Path) -> None:
    """Install a part of another system as it is, with its configuration and its origin.

    A stage is refused beside tokenizers that it was not trained with, a missing part by name.
    """
    folder = system_folder(source)
    index = read_index(folder)
    part = load_part(folder, noun, index, torch.device("cpu"))
    expect = None
    if noun.startswith("lm."):
        expect = tokenizer_fingerprints(system)
        check_parentage(f"{folder / noun}", index["parts"][noun], expect)
    stage = noun.removeprefix("lm.") if noun.startswith("lm.") else ""
    install_part(
        system,
        noun,
        part.state_dict(),
        system_config(index["config"]),
        expect,
        data_of(folder, noun, index),
        index.get("generation", {}).get(stage),
        origin=origin_of(folder, noun, index),
    )
    update_card(system)


def provenance_of(noun: str, data: Path) -> dict[str, Any]:
    """Of the training recordings; a stage's shards were told by their manifest."""
    if noun.startswith("lm."):
        return read_header(data).data
    return provenance(read_manifest(data, "train"))


def tokenizer_fingerprints(system: Path) -> dict[str, str]:
    """Of the three tokenizers in a system's folder; UserError names one that is missing."""
    parts = read_index(system)["parts"]
    for noun in TOKENIZERS:
        if noun not in parts:
            raise UserError(f"{system} has no {noun} yet; train it and tokenize before any stage")
    return token_fingerprints(read_index(system))


def train_config(noun: str, sections: Mapping[str, Any]) -> TrainConfig:
    """The `[train.NOUN]` table over the defaults."""
    table = {k: v for k, v in _table(noun, sections).items() if k != "task"}
    if "judged_by" not in table:
        table["judged_by"] = judged_by(noun, sections)
    return from_dict(TrainConfig, table, f"train.{noun}.")


def judged_by(noun: str, sections: Mapping[str, Any]) -> str:
    """The validation figure by which a noun's best step is exported; empty for the last step.

    What fits more after the last step (k-means, MuLan's quantiser) is not judged before it; nor is
    a codec with critics by a distance that they are there to overrule.
    """
    if noun.startswith("lm."):
        return "nats"
    if noun == "codec" and task_config(noun, sections).adversarial_from is None:
        return f"log_mel_{_model_config(noun, sections).levels}_levels"
    return ""


def task_config(noun: str, sections: Mapping[str, Any]) -> Any:
    """The `[train.NOUN.task]` table, for what only one noun's training knows; None for stages."""
    table = _table(noun, sections).get("task", {})
    if noun in TASK_CONFIGS:
        return from_dict(TASK_CONFIGS[noun], table, f"train.{noun}.task.")
    if table:
        raise UserError(f"[train.{noun}.task] has no settings")
    return None


def sampling_of(noun: str, sections: Mapping[str, Any]) -> dict[str, Any]:
    """How a stage will draw unless told otherwise: the `[generation.STAGE]` table."""
    if noun in TOKENIZERS:  # one of them bears the name of a stage
        return {}
    where = f"generation.{noun.removeprefix('lm.')}"
    table = dict(_walk(sections, where))
    from_dict(Sampling, table, where + ".")  # refuses what cannot be drawn
    return table


def resolve(noun: str, sections: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers that shape a run of a noun, for its `config.json`."""
    own = task_config(noun, sections)
    resolved = {"noun": noun, "model": to_dict(_model_config(noun, sections))}
    resolved["train"] = to_dict(train_config(noun, sections))
    return resolved | ({"task": to_dict(own)} if own else {})


def build_task(
    noun: str,
    sections: Mapping[str, Any],
    data: Path,
    *,
    run_dir: Path | None = None,
    expect: dict[str, str] | None = None,
    mulan_codebooks: Float[Tensor, "q v d"] | None = None,
) -> Task:
    """A task ready to train, its weights drawn from the configuration's seed.

    `data` is a manifest (or its folder) for tokenizers and a folder of shards for stages.
    `run_dir` keeps what is computed once. `expect` names the tokenizers that must have made the
    shards, and `mulan_codebooks` lets a stage start from the geometry of MuLan's tokens.
    """
    config = train_config(noun, sections)
    own, model = task_config(noun, sections), _model_config(noun, sections)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if noun.startswith("lm."):
            return LMTask(model, config, data, expect, mulan_codebooks)
        clips = read_manifest(data)
        if noun == "codec":
            return CodecTask(model, config, clips, own)
        if noun == "semantic":
            task = MusicalTask if isinstance(model, MusicalConfig) else SemanticTask
            return task(model, config, clips, own)
        return MuLanTask(model, config, clips, own, run_dir)


def _model_config(noun: str, sections: Mapping[str, Any]) -> Any:
    config: Any = system_config(sections)
    for name in noun.split("."):
        config = getattr(config, name)
    return config


def _table(noun: str, sections: Mapping[str, Any]) -> Mapping[str, Any]:
    if noun not in NOUNS:
        raise UserError(f"no part called {noun!r}; there are {', '.join(NOUNS)}")
    return _walk(sections, f"train.{noun}")


def _walk(sections: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The table of that dotted name; empty where there is none."""
    table: Any = sections
    for name in path.split("."):
        table = table.get(name, {})
        if not isinstance(table, Mapping):
            raise UserError(f"[{path}]: '{name}' must be a table, not {table!r}")
    return table
