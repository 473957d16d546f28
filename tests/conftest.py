"""One thread (small models are slower on more), and a tiny system with random weights on disk."""

from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_config():
    from musiclm.config import load_toml
    from musiclm.system import system_config

    return system_config(load_toml(ROOT / "configs" / "tiny.toml"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, tiny_config):
    """A whole system, untrained: real code, real shapes, noise for music."""
    from musiclm.checkpoint import token_fingerprint
    from musiclm.system import NOUNS, TOKENIZERS, build, install_part

    folder = tmp_path_factory.mktemp("systems") / "tiny"
    torch.manual_seed(0)
    own = {}
    for noun in NOUNS:
        part = build(noun, tiny_config)
        for name, buffer in part.named_buffers():
            if name.endswith(("codebooks", "centroids")):  # what training would have filled
                buffer.copy_(torch.randn_like(buffer))
        tensors = part.state_dict()
        if noun in TOKENIZERS:
            own[noun] = token_fingerprint(noun, tensors)
        install_part(folder, noun, tensors, tiny_config, own)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    from musiclm import MusicLM

    return MusicLM.from_pretrained(tiny_folder, "cpu")
