"""A network that several tests of the codec build: small, and large enough to learn a tone."""

from musiclm.codec.spectral import SpectralConfig

SMALL_SPECTRAL = SpectralConfig(
    dimension=32,
    encoder_width=32,
    encoder_depth=1,
    decoder_width=48,
    decoder_depth=1,
    fine_depth=1,
)
