"""What a copy keeps of a recording's tune, harmony and attacks, and whether its frames hum.

Log-mel and Frechet distances do not hear pitch: a codec may win on both and carry no tune. These
figures ask what a musician would. The paper has none of them; it leaves fidelity to SoundStream's
raters (section III). ViSQOL, which SoundStream reports, is not among them: no package computes it
without a download or a build of its C++ sources.

All are of mono samples at 24 kHz, a batch in and a number for each clip out, in float32 always; no
likeness to a recording that is silent.

>>> time = torch.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
>>> tone, other = (torch.sin(2 * torch.pi * hertz * time)[None] for hertz in (440.0, 452.0))
>>> peak_kept(tone, tone).item(), peak_kept(tone, other).item()  # 46 cents too high
(1.0, 0.0)

Shapes: b clips, t samples, n windows or frames.
"""

import functools

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Bool, Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.nn.pitch import Semitones, chroma
from musiclm.nn.spectrogram import shared_log_mel

PEAK_WINDOW = 8192  # samples, 0.34 s: bins of 2.9 Hz, which a parabola parts further
PEAK_LOW, PEAK_HIGH = 150.0, 2000.0  # hertz: where melodies and the partials of basses lie
CENTS = 30.0  # within which a partial is in tune: a quarter tone, 50, is plainly out of it
QUIET = 1e-4  # of the loudest window's energy: 40 dB below it nothing counts
CHROMA_HOP = 960  # samples: 25 frames a second, one for each semantic token
ONSET_WINDOW, ONSET_HOP, ONSET_BINS = 1024, SAMPLE_RATE // 100, 40
ONSET_FRAMES = 4  # of which the strongest rise counts: 25 a second
LINE_RATES = (100, 50)  # hertz: frames a second of the codec's networks and of its tokens
LINE_LOW, LINE_HIGH = 1000, 8000  # hertz
LINE_NEIGHBOURS = (-12, -8, 8, 12)  # hertz, on no multiple of either rate
SILENT = 1e-9  # energy below which nothing sounds: -90 dB of full scale
NOTES = (  # beside a table of them
    "peak within 30 cents: share of windows of 0.34 s whose strongest partial between 150 and "
    "2,000 Hz is the recording's; what lies 40 dB below the loudest does not count",
    "chroma correlation: over 24 pitch classes, of the bass and of the treble, frame by frame",
    "onset correlation: of how much louder the bands become, 25 frames a second",
)
HUM_NOTE = (
    "lines: how far multiples of the frame rates stand out of their neighbours from 1 to 8 kHz, "
    "in dB; music has some -1"
)

Wave = Float[Tensor, "b t"]
Figures = Float[Tensor, " b"]


def likeness(heard: Wave, made: Wave) -> dict[str, Figures]:
    """All that compares a copy with its recording, by the names of a table's columns."""
    return {
        "peak_within_30_cents": peak_kept(heard, made),
        "chroma_correlation": chroma_kept(heard, made),
        "onset_correlation": onsets_kept(heard, made),
    }


def hum(made: Wave) -> dict[str, Figures]:
    """`lines` at each frame rate, in dB, by the names of a table's columns."""
    return {f"lines_at_{rate}_Hz_dB": lines(made, rate) for rate in LINE_RATES}


@torch.no_grad()
def peak_kept(heard: Wave, made: Wave) -> Figures:
    """Strongest partial kept: the share of windows in which it lies within 30 cents, 0 to 1.

    Windows are of 0.34 s, half overlapping; the partial is the highest bin between 150 and 2,000
    Hz, placed by a parabola through its logarithm and its neighbours'. Windows of the recording 40
    dB below its loudest do not count. It is what the ear follows as the tune, and phases that do
    not fit, or magnitudes kept too coarsely, move it at once.
    """
    wanted, energy = _strongest(heard)
    told, _ = _strongest(made)
    return _mean((told - wanted).abs() <= CENTS, _sounding(energy))


@torch.no_grad()
def chroma_kept(heard: Wave, made: Wave) -> Figures:
    """Chroma correlation: how well pitch classes agree, frame by frame, -1 to 1.

    Pearson's correlation over the 24 numbers of a frame (twelve pitch classes of the bass, twelve
    of the treble; 25 frames a second), averaged over the frames of the recording that sound. It
    hears chords and keys, in whichever octave, and is deaf to timbre and loudness.
    """
    pitch = _semitones(heard.device)
    wanted, told = pitch(heard), pitch(made)
    agrees = _correlation(chroma(wanted), chroma(told))
    return _mean(agrees, _sounding(wanted.square().sum(dim=-1)))


@torch.no_grad()
def onsets_kept(heard: Wave, made: Wave) -> Figures:
    """Onset correlation: whether the bands grow louder at the same moments, -1 to 1.

    Pearson's correlation, over a clip, of the mean rise of 40 mel bands (nepers in 10 ms), the
    strongest of every 40 ms. Struck and plucked notes that lose their attack lower it.
    """
    wanted = _rises(heard)
    moves = wanted.amax(dim=-1) > 0
    return _correlation(wanted, _rises(made)).where(moves, torch.nan)


@torch.no_grad()
def lines(made: Wave, rate: int) -> Figures:
    """How far multiples of a frame rate stand out of their neighbours in the spectrum, in dB.

    Of power spectra of one second (bins of 1 Hz), averaged over a clip: each multiple of `rate`
    hertz from 1 to 8 kHz over the mean of the bins 8 and 12 Hz away, in dB, averaged. It tells of
    the copy alone: a network that starts anew with every frame hums or rattles at the frame rate.
    Real music lies somewhat below 0, for the logarithm of one bin is on average below that of the
    mean of four.
    """
    wave = F.pad(made.float(), (0, max(0, SAMPLE_RATE - made.shape[-1])))
    window = torch.hann_window(SAMPLE_RATE, device=wave.device)
    spectrum = torch.stft(
        wave, SAMPLE_RATE, SAMPLE_RATE // 2, window=window, center=False, return_complex=True
    )
    power = spectrum.abs().square().mean(dim=-1)
    at = torch.arange(LINE_LOW, LINE_HIGH, rate, device=wave.device)
    around = torch.stack([power[:, at + away] for away in LINE_NEIGHBOURS]).mean(dim=0)
    out = power[:, at].clamp_min(1e-12).log10() - around.clamp_min(1e-12).log10()
    return 10.0 * out.mean(dim=-1)


def _strongest(wave: Wave) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Cents of the highest bin of each window (above 1 bin of the FFT), and the window's energy."""
    wave = F.pad(wave.float(), (0, max(0, PEAK_WINDOW - wave.shape[-1])))
    windows = wave.unfold(-1, PEAK_WINDOW, PEAK_WINDOW // 2)
    windows = windows * torch.hann_window(PEAK_WINDOW, device=wave.device)
    spectrum = torch.fft.rfft(windows).abs().clamp_min(1e-9).log()
    first, last = (int(hertz * PEAK_WINDOW / SAMPLE_RATE) + 1 for hertz in (PEAK_LOW, PEAK_HIGH))
    best = spectrum[..., first:last].argmax(dim=-1) + first
    below, top, above = (
        spectrum.gather(-1, (best + step)[..., None])[..., 0] for step in (-1, 0, 1)
    )
    bend = (below - 2 * top + above).clamp_max(-1e-6)
    place = best + (0.5 * (below - above) / bend).clamp(-0.5, 0.5)
    return 1200.0 * place.log2(), windows.square().mean(dim=-1)


def _rises(wave: Wave) -> Float[Tensor, "b n"]:
    log_mel = shared_log_mel(SAMPLE_RATE, ONSET_WINDOW, ONSET_HOP, ONSET_BINS, wave.device)(wave)
    rise = F.pad((log_mel[:, 1:] - log_mel[:, :-1]).clamp_min(0.0), (0, 0, 1, 0)).mean(dim=-1)
    rise = F.pad(rise, (0, -rise.shape[1] % ONSET_FRAMES))
    return reduce(rise, "b (n few) -> b n", "max", few=ONSET_FRAMES)


@functools.cache
def _semitones(device: torch.device) -> Semitones:
    with torch.inference_mode(False), device:
        return Semitones(SAMPLE_RATE, CHROMA_HOP)


def _sounding(energy: Float[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    return energy > (QUIET * energy.amax(dim=-1, keepdim=True)).clamp_min(SILENT)


def _mean(values: Tensor, there: Bool[Tensor, "b n"]) -> Figures:
    """Over what counts; no number where nothing does."""
    return (values * there).sum(dim=-1) / there.sum(dim=-1)


def _correlation(one: Float[Tensor, "... d"], other: Float[Tensor, "... d"]) -> Tensor:
    one, other = (x - x.mean(dim=-1, keepdim=True) for x in (one, other))
    norms = one.norm(dim=-1) * other.norm(dim=-1)
    return (one * other).sum(dim=-1) / norms.clamp_min(1e-9)
