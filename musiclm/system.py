"""A system on disk: a folder of safetensors and the `system.json` that says what they are.

    systems/mini/
        system.json     configurations, fingerprints, how to sample
        codec · semantic · mulan · lm.semantic · lm.coarse · lm.fine .safetensors
        CARD.md         data and licences, metrics, known faults

A folder grows part by part while it is trained. A stage remembers the fingerprints of the
tokenizers whose tokens it learned, and `load_system` refuses it, by name, beside others.

>>> sorted(to_dict(SystemConfig()))
['codec', 'lm', 'mulan', 'semantic']
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musiclm.checkpoint import (
    atomic_path,
    fingerprint,
    load_tensors,
    load_weights,
    save_tensors,
    token_fingerprint,
)
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.config import from_dict, merge, to_dict
from musiclm.errors import UserError
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.sampling import Sampling
from musiclm.lm.stages import COARSE, COARSE_LEVELS, FINE, PARTS, SEMANTIC
from musiclm.mulan.mulan import MuLan, MuLanConfig
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.origin import Origin, read_origin
from musiclm.semantic.musical_tokenizer import MusicalConfig, MusicalTokenizer
from musiclm.semantic.tokenizer import W2vBertTokenizer
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig
from musiclm.tokenizers import Tokenizers
from musiclm.tokens import MULAN, Alphabet
from musiclm.tokens import SEMANTIC as SEMANTIC_ALPHABET

RELEASED = Path(__file__).parent / "systems"
INDEX = "system.json"
TOKENIZERS = ("codec", "semantic", "mulan")
STAGES = ("semantic", "coarse", "fine")
NOUNS = TOKENIZERS + tuple(f"lm.{stage}" for stage in STAGES)


@dataclass(frozen=True)
class StagesConfig:
    """The `[lm]` section and its tables; the defaults are the paper's three rows.

    A system without a fine stage decodes its coarse levels alone.
    """

    stages: tuple[str, ...] = STAGES
    coarse_levels: int = COARSE_LEVELS  # of the codec's; every stage is told
    semantic: LMConfig = field(default_factory=lambda: LMConfig(SEMANTIC))
    coarse: LMConfig = field(default_factory=lambda: LMConfig(COARSE))
    fine: LMConfig = field(default_factory=lambda: LMConfig(FINE))

    def __post_init__(self) -> None:
        """Refuse a chain with a gap."""
        if self.stages not in (STAGES, STAGES[:2]):
            raise UserError(f"lm.stages are {list(STAGES)} or {list(STAGES[:2])}")

    def over(self, acoustic: Alphabet) -> "StagesConfig":
        """The same chain over a codec's tokens."""
        own = {name: getattr(self, name) for name in STAGES}
        told = {"acoustic": acoustic, "coarse_levels": self.coarse_levels}
        stages = {name: replace(lm, stage=replace(lm.stage, **told)) for name, lm in own.items()}
        return replace(self, **stages)


@dataclass(frozen=True)
class SystemConfig:
    """Every model of a system; the section names are the folder names."""

    codec: SoundStreamConfig = field(default_factory=SoundStreamConfig)
    semantic: W2vBertConfig | MusicalConfig = field(default_factory=W2vBertConfig)
    mulan: MuLanConfig = field(default_factory=MuLanConfig)
    lm: StagesConfig = field(default_factory=StagesConfig)

    def __post_init__(self) -> None:
        """Tell the stages what the codec's tokens are; refuse what shares no frame with others."""
        acoustic = self.codec.alphabet
        if acoustic.rate % SEMANTIC_ALPHABET.rate:
            raise UserError(
                f"codec: {acoustic.rate} frames a second are no multiple of the "
                f"{SEMANTIC_ALPHABET.rate} semantic ones"
            )
        object.__setattr__(self, "lm", self.lm.over(acoustic))

    @property
    def nouns(self) -> tuple[str, ...]:
        """The parts of such a system."""
        return TOKENIZERS + tuple(f"lm.{stage}" for stage in self.lm.stages)


@dataclass(frozen=True)
class System:
    """Parts that were trained together."""

    name: str
    config: SystemConfig
    tokenizers: Tokenizers
    stages: dict[str, StageModel]
    generation: dict[str, dict[str, Any]] = field(default_factory=dict)  # stage -> sampling
    data: dict[str, dict[str, Any]] = field(default_factory=dict)  # part -> provenance
    origins: dict[str, Origin] = field(default_factory=dict)  # of the parts that have a record

    def sampling(self, stage: str) -> Sampling:
        """How the system was released to draw the tokens of a stage."""
        default = {"temperature": self.stages[stage].config.stage.temperature}
        return from_dict(Sampling, default | self.generation.get(stage, {}), f"generation.{stage}.")


def system_config(sections: Mapping[str, Any]) -> SystemConfig:
    """The models of a parsed TOML file: its sections laid over the paper's numbers."""
    own = {name: value for name, value in sections.items() if name in to_dict(SystemConfig())}
    # Only the rows of the stages have defaults that are not those of their class.
    return from_dict(SystemConfig, merge({"lm": to_dict(StagesConfig())}, own))


def build(noun: str, config: SystemConfig) -> nn.Module:
    """The module of one part, untrained, as it is saved in `{noun}.safetensors`."""
    if noun == "codec":
        return SoundStream(config.codec)
    if noun == "semantic":
        if isinstance(config.semantic, MusicalConfig):
            return MusicalTokenizer(config.semantic)
        return W2vBertTokenizer(W2vBert(config.semantic))
    if noun == "mulan":
        return MuLanTokenizer(MuLan(config.mulan))
    if noun in NOUNS:
        return StageModel(getattr(config.lm, noun.removeprefix("lm.")))
    raise UserError(f"no part called {noun!r}; there are {', '.join(NOUNS)}")


def system_folder(name_or_dir: str | Path) -> Path:
    """Where a system lies: a folder, or the name of a released one."""
    path = Path(name_or_dir)
    if (path / INDEX).is_file():
        return path
    if (RELEASED / str(name_or_dir) / INDEX).is_file():
        return RELEASED / str(name_or_dir)
    known = sorted(found.parent.name for found in RELEASED.glob(f"*/{INDEX}"))
    raise UserError(
        f"no system called {str(name_or_dir)!r}: give a folder with {INDEX}, or one of "
        f"{', '.join(known) or '(none is released)'}"
    )


def read_index(folder: Path) -> dict[str, Any]:
    """`system.json` as it stands, or an empty one."""
    path = folder / INDEX
    if not path.exists():
        return {"name": folder.absolute().name, "config": {}, "parts": {}, "generation": {}}
    try:
        index = json.loads(path.read_text())
        assert {"name", "config", "parts"} <= index.keys()
    except (OSError, ValueError, AssertionError, AttributeError) as error:
        raise UserError(f"{path} is not a system's index: {error}") from error
    return index


def load_part(folder: Path, noun: str, index: Mapping[str, Any], device: torch.device) -> nn.Module:
    """One part, checked against its configuration and fingerprint, ready to use."""
    if noun not in index["parts"]:
        have = ", ".join(index["parts"]) or "nothing"
        raise UserError(f"{folder} has no {noun} yet (it holds {have}); train it first")
    config = system_config(index["config"])
    path = folder / f"{noun}.safetensors"
    tensors, _ = load_tensors(path)
    part = build(noun, config)
    load_weights(part, tensors, path)
    if fingerprint(tensors) != index["parts"][noun]["fingerprint"]:
        raise UserError(f"{path} is not the file that {folder / INDEX} was written for")
    return part.to(device).eval().requires_grad_(False)


def load_tokenizers(folder: Path, device: torch.device) -> Tokenizers:
    """The three tokenizers of a system, whether or not its stages are trained."""
    index = read_index(folder)
    return Tokenizers(*(load_part(folder, noun, index, device) for noun in TOKENIZERS))  # type: ignore[arg-type]


def load_system(name_or_dir: str | Path, device: torch.device) -> System:
    """A whole system; UserError if a part is missing, damaged or of another system."""
    folder = system_folder(name_or_dir)
    index = read_index(folder)
    tokenizers = load_tokenizers(folder, device)
    own = token_fingerprints(index)
    config, stages = system_config(index["config"]), {}
    for stage in config.lm.stages:
        part = load_part(folder, f"lm.{stage}", index, device)
        check_parentage(f"{folder / f'lm.{stage}'}", index["parts"][f"lm.{stage}"], own)
        assert isinstance(part, StageModel)
        stages[stage] = part
    return System(
        index["name"],
        config,
        tokenizers,
        stages,
        index.get("generation", {}),
        {noun: data for noun in index["parts"] if (data := data_of(folder, noun, index))},
        {noun: told for noun in index["parts"] if (told := origin_of(folder, noun, index))},
    )


def token_fingerprints(index: Mapping[str, Any]) -> dict[str, str]:
    """What stages are pinned to: the tokenizers, as far as their ids depend on them."""
    parts = {noun: index["parts"][noun] for noun in TOKENIZERS}
    return {noun: part.get("tokens", part["fingerprint"]) for noun, part in parts.items()}


def origin_of(folder: Path, noun: str, index: Mapping[str, Any]) -> Origin | None:
    """How a part was made, if that was written down."""
    return read_origin(index["parts"][noun].get("origin"), f"{folder / INDEX}: {noun}")


def data_of(folder: Path, noun: str, index: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of a part's recordings: in its origin, or beside it in an older index."""
    origin = origin_of(folder, noun, index)
    return index["parts"][noun].get("data") or (origin.data if origin else {})


def parents(noun: str, config: SystemConfig) -> tuple[str, ...]:
    """The tokenizers whose tokens a part reads or writes: none for a tokenizer.

    >>> parents("lm.semantic", SystemConfig()), parents("lm.fine", SystemConfig())
    (('mulan', 'semantic'), ('codec',))
    """
    if noun in TOKENIZERS:
        return ()
    stage = getattr(config.lm, noun.removeprefix("lm.")).stage
    streams = {PARTS[name].alphabet.name for name in (*stage.given, stage.predict)}
    nouns = {"codec" if stream == "acoustic" else stream for stream in streams}
    return tuple(sorted(nouns))


def check_parentage(where: str, part: Mapping[str, Any], own: Mapping[str, str]) -> None:
    """Raise UserError if a stage was trained on the tokens of other tokenizers."""
    for noun, learned in part.get("trained_with", {}).items():
        if learned != own[noun]:
            raise UserError(
                f"{where} was trained with another {noun} ({learned[:12]}) than this system's "
                f"({own[noun][:12]})"
            )


def install_part(
    folder: Path,
    noun: str,
    tensors: Mapping[str, Tensor],
    config: SystemConfig,
    tokenizers: Mapping[str, str] | None = None,
    data: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    origin: Origin | None = None,
) -> None:
    """Put a trained part into a system's folder as float16, and write down what it is.

    `tokenizers` are the fingerprints of those it was trained beside, `origin` how it was made,
    `data` the provenance of its recordings where no origin says so. `sampling` is how a stage draws
    unless told otherwise; none leaves what is there.
    """
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    index = read_index(folder)
    save_tensors(folder / f"{noun}.safetensors", half)
    plain: Any = to_dict(config)
    for key in noun.split("."):
        plain = plain[key]
    for key in reversed(noun.split(".")):
        plain = {key: plain}
    if noun.startswith("lm."):
        chain = {"stages": list(config.lm.stages), "coarse_levels": config.lm.coarse_levels}
        plain["lm"] |= chain
    # Not merged into what was there: another class of tokenizer has other fields.
    others = {name: table for name, table in index["config"].items() if name != noun}
    index["config"] = merge(others, plain)
    index["parts"][noun] = {"fingerprint": fingerprint(half)}
    if noun == "codec":
        index["parts"][noun]["tokens"] = token_fingerprint(noun, half)
    pinned = {name: (tokenizers or {})[name] for name in parents(noun, config)}
    if pinned:
        index["parts"][noun]["trained_with"] = pinned
    if origin is not None:
        index["parts"][noun]["origin"] = origin.to_dict()
    elif data:
        index["parts"][noun]["data"] = dict(data)
    if sampling:
        index.setdefault("generation", {})[noun.removeprefix("lm.")] = dict(sampling)
    write_index(folder, index)


def describe(name_or_dir: str | Path) -> dict[str, Any]:
    """Parts, sizes, rates, fingerprints and card of a system: what `musiclm info` prints."""
    folder = system_folder(name_or_dir)
    index = read_index(folder)
    config, parts = system_config(index["config"]), {}
    for noun, part in index["parts"].items():
        path = folder / f"{noun}.safetensors"
        tensors, _ = load_tensors(path)
        parts[noun] = {
            "parameters": sum(tensor.numel() for tensor in tensors.values()),
            "megabytes": path.stat().st_size / 1e6,
            "rate": _rate(noun, config),
            "fingerprint": part["fingerprint"],
            "data": data_of(folder, noun, index) or None,
            "origin": own.to_dict() if (own := origin_of(folder, noun, index)) else None,
        }
    card = folder / "CARD.md"
    return {
        "name": index["name"],
        "folder": str(folder),
        "parts": parts,
        "parameters": sum(part["parameters"] for part in parts.values()),
        "megabytes": sum(part["megabytes"] for part in parts.values()),
        "card": card.read_text() if card.exists() else "",
    }


def _rate(noun: str, config: SystemConfig) -> str:
    rates = {"codec": config.codec.alphabet, "semantic": SEMANTIC_ALPHABET, "mulan": MULAN}
    if noun not in rates:
        return PARTS[noun.removeprefix("lm.")].alphabet.name + " tokens"
    alphabet = rates[noun]
    if not alphabet.rate:
        return f"{alphabet.levels} tokens a clip"
    return f"{alphabet.tokens_per_second} tokens a second"


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Replace `system.json`."""
    with atomic_path(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=2) + "\n")


def save_system(system: System, folder: str | Path) -> None:
    """Write every part of a system into a folder."""
    folder = Path(folder)
    own = system.tokenizers.fingerprints()
    for noun in system.config.nouns:
        stage = noun.removeprefix("lm.") if noun.startswith("lm.") else None
        module = system.stages[stage] if stage else getattr(system.tokenizers, noun)
        tensors, data = module.state_dict(), system.data.get(noun)
        origin = system.origins.get(noun)
        install_part(folder, noun, tensors, system.config, own, data, origin=origin)
    write_index(folder, read_index(folder) | {"name": system.name, "generation": system.generation})
