"""An open MusicLM: a sentence in, music out.

from musiclm import MusicLM

model = MusicLM.from_pretrained("mini")
model.generate("a calm solo piano", duration=10, seed=1).save("calm.wav")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musiclm.audio import Waveform as Waveform
    from musiclm.pipeline import MusicLM as MusicLM

__version__ = "0.1.0"
__all__ = ["MusicLM", "Waveform", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `musiclm --help` does not wait for PyTorch.
    if name == "MusicLM":
        from musiclm.pipeline import MusicLM

        return MusicLM
    if name == "Waveform":
        from musiclm.audio import Waveform

        return Waveform
    raise AttributeError(f"module 'musiclm' has no attribute {name!r}")
