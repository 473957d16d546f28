"""The ears by name, as the command line gives them.

    judge                our own, always there
    mulan                of the system that is judged with, always there
    vggish=FILE          VGGish weights as safetensors; vggish-post=FILE with AudioSet's PCA
    clap=FOLDER          LAION-CLAP, for CLAP score too
    mert=FOLDER          MERT-v1, its last layer; mert=FOLDER@7 for another
    encodec=FOLDER       EnCodec's encoder
    ast=FOLDER           (a tagger) AST, for KLD

>>> load_embedder("judge").name
'judge'
"""

from pathlib import Path

from musiclm.errors import UserError
from musiclm.evaluate.embedders.ast import AstTagger
from musiclm.evaluate.embedders.base import Embedder, Tagger
from musiclm.evaluate.embedders.clap import Clap
from musiclm.evaluate.embedders.encodec import Encodec
from musiclm.evaluate.embedders.judge import JudgeEmbedder, JudgeTagger
from musiclm.evaluate.embedders.mert import Mert
from musiclm.evaluate.embedders.mulan import MuLanEmbedder
from musiclm.evaluate.embedders.vggish import VGGishEmbedder

EMBEDDERS = ("judge", "mulan", "vggish", "vggish-post", "clap", "mert", "encodec")
TAGGERS = ("judge", "ast")
OURS = ("judge", "mulan")


def load_embedder(spec: str, model: str | Path = "mini") -> Embedder:
    """An embedder from "judge", "mulan" (of the system `model`) or NAME=PATH."""
    name, path = _parts(spec, EMBEDDERS)
    if name == "judge":
        return JudgeEmbedder()
    if name == "mulan":
        return MuLanEmbedder(model)
    if name == "clap":
        return Clap(path)
    if name == "mert":
        folder, _, layer = path.partition("@")
        if layer and not layer.isdecimal():
            raise UserError(f"{spec!r}: the layer after @ must be a number")
        return Mert(folder, int(layer) if layer else None)
    if name == "encodec":
        return Encodec(path)
    return VGGishEmbedder(path, post=name == "vggish-post")


def load_tagger(spec: str) -> Tagger:
    """A tagger from "judge" or "ast=FOLDER"."""
    name, path = _parts(spec, TAGGERS)
    return JudgeTagger() if name == "judge" else AstTagger(path)


def _parts(spec: str, known: tuple[str, ...]) -> tuple[str, str]:
    name, _, path = spec.partition("=")
    if name not in known:
        raise UserError(f"no ear called {name!r}; there are {', '.join(known)}")
    if name in OURS and path:
        raise UserError(f"{spec!r}: {name} is our own and takes no path")
    if name not in OURS and not path:
        raise UserError(f"{name} needs its weights: {name}=PATH")
    return name, path
