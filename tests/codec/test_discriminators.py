"""The critics: shapes, and that they can learn to tell sound from sound."""

import torch

from musiclm.codec.discriminators import DiscriminatorConfig, Discriminators
from musiclm.codec.losses import discriminator_hinge, feature_matching, generator_hinge

TINY = DiscriminatorConfig(channels=4, max_channels=16, stft_channels=2)


def test_three_waveform_critics_and_one_of_the_stft() -> None:
    judged = Discriminators(TINY)(torch.randn(2, 1, 12_000))
    lengths = [logits.shape[-1] for logits, _ in judged]
    assert len(judged) == 4
    assert all(logits.shape[:2] == (2, 1) for logits, _ in judged)
    assert lengths[0] > lengths[1] > lengths[2]
    assert [len(features) for _, features in judged] == [6, 6, 6, 7]


def test_paper_sizes_build_without_memory() -> None:
    with torch.device("meta"):
        critics = Discriminators(DiscriminatorConfig()).critics
    sizes = [sum(p.numel() for p in critic.parameters()) for critic in critics]
    assert sizes == [5_637_953] * 3 + [4_430_913]


def test_critics_learn_to_tell_noise_from_a_tone_and_the_gradient_reaches_the_sound() -> None:
    torch.manual_seed(0)
    critics = Discriminators(TINY)
    optimiser = torch.optim.Adam(critics.parameters(), lr=3e-3)
    real = torch.sin(torch.arange(4800) / 7.0).expand(2, 1, -1)
    fake = torch.randn(2, 1, 4800).requires_grad_()
    history = []
    for _ in range(25):
        right, wrong = critics(real), critics(fake.detach())
        loss = discriminator_hinge([r[0] for r in right], [w[0] for w in wrong])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]

    right, wrong = critics(real), critics(fake)
    matching = feature_matching([r[1] for r in right], [w[1] for w in wrong])
    (generator_hinge([w[0] for w in wrong]) + matching).backward()
    assert fake.grad is not None and fake.grad.abs().sum() > 0
