"""Generation keeps lengths, prompts and seeds, and says what was memorised."""

import math
from dataclasses import replace

import pytest
import torch

from musiclm.errors import UserError
from musiclm.lm.generate import generate, windows
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.sampling import Sampling
from musiclm.lm.stages import COARSE, PARTS


def _seeds(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_length_is_exact_within_and_beyond_the_window(model, streams) -> None:
    stage = model.config.stage
    for seconds in (0.02, stage.seconds, 0.57):
        tokens = streams(stage, batch=1, seconds=seconds)
        codes = generate(model, tokens, seconds, generators=_seeds(0))
        rate = stage.part.alphabet.rate
        assert codes.shape == (1, math.ceil(round(seconds * rate, 6)), stage.part.levels)
        assert codes.min() >= 0 and codes.max() < 1024


def test_one_seed_one_result(model, streams) -> None:
    tokens = streams(model.config.stage, batch=1)

    def draw(seed: int) -> torch.Tensor:
        return generate(model, tokens, model.config.stage.seconds, generators=_seeds(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_a_sequence_is_the_same_alone_and_in_a_batch(model, streams) -> None:
    tokens, seconds = streams(model.config.stage, batch=3, seconds=0.5), 0.5
    sampling = Sampling(top_k=50, cfg_scale=2.0)
    together = generate(model, tokens, seconds, sampling=sampling, generators=_seeds(5, 6, 7))
    for row in range(3):
        own = {name: codes[row : row + 1] for name, codes in tokens.items()}
        alone = generate(model, own, seconds, sampling=sampling, generators=_seeds(5 + row))
        assert torch.equal(alone[0], together[row])


def test_a_continuation_begins_with_its_prompt(model, streams) -> None:
    stage, seconds = model.config.stage, 0.5
    tokens = streams(stage, batch=2, seconds=seconds)
    frames = stage.part.frames(seconds)
    for known in (1, frames // 2, frames - 1, frames):
        prompt = stage.part.take(tokens)[:, :known]
        codes = generate(model, tokens, seconds, prompt=prompt, generators=_seeds(1, 2))
        assert codes.shape[1] == frames
        assert torch.equal(codes[:, :known], prompt)


@torch.inference_mode()
def test_greedy_tokens_are_the_likeliest_of_the_whole_sequence(model, streams) -> None:
    """Where the scores of training leave no doubt, generation chose the same."""
    stage = model.config.stage
    tokens = streams(stage, batch=2)
    greedy = Sampling(temperature=0.0)
    codes = generate(model, tokens, stage.seconds, sampling=greedy, generators=_seeds(1, 2))
    scores = model.logits({name: PARTS[name].take(tokens) for name in stage.given}, codes)
    best = scores.topk(2)
    clear = best.values[..., 0] - best.values[..., 1] > 0.15  # 8-bit weights blur what is less
    assert clear.float().mean() > 0.25
    assert torch.equal(best.indices[..., 0][clear], codes[clear])
    other = generate(model, tokens, stage.seconds, sampling=greedy, generators=_seeds(3, 4))
    assert torch.equal(codes, other)


def test_a_window_sees_the_half_before_it_and_nothing_earlier(build, streams) -> None:
    model = build("coarse delay")
    stage = model.config.stage
    tokens = streams(stage, batch=1, seconds=0.4)
    long = generate(model, tokens, 0.4, generators=_seeds(1), sampling=Sampling(temperature=0.0))
    spans = windows(stage, 20)
    assert spans == [(0, 12), (6, 18), (12, 20)]
    start, stop = spans[-1]
    part = {"mulan": tokens["mulan"], "semantic": tokens["semantic"][:, start // 2 : stop // 2]}
    again = generate(
        model,
        part,
        (stop - start) / 50,
        prompt=long[:, start : spans[-2][1]],
        generators=_seeds(2),
        sampling=Sampling(temperature=0.0),
    )
    assert torch.equal(long[:, start:], again)


def test_windows_cover_everything_with_half_a_window_of_context() -> None:
    for frames in range(1, 2200, 37):
        spans = windows(COARSE, frames)
        assert spans[0][0] == 0 and spans[-1][1] == frames
        for (start, stop), (next_start, next_stop) in zip(spans, spans[1:], strict=False):
            assert (start, stop, next_start) == (start, start + 500, start + 250)
            assert next_stop > stop
    assert windows(COARSE, 1000, known=600) == [(250, 750), (500, 1000)]


@pytest.mark.parametrize("name", ["fine flat", "fine delay"])
def test_chunks_are_what_each_would_be_alone(name, build, streams) -> None:
    model = build(name)
    stage = model.config.stage
    frames, count = stage.frames, 3
    seconds = (frames * count - 1) / 50  # the last chunk is cut
    tokens = streams(stage, batch=1, seconds=seconds)
    whole = generate(model, tokens, seconds, generators=_seeds(1))
    assert whole.shape[1] == frames * count - 1

    greedy = Sampling(temperature=0.0)
    whole = generate(model, tokens, seconds, generators=_seeds(1), sampling=greedy)
    for index in range(count - 1):
        span = slice(index * frames, (index + 1) * frames)
        own = {"acoustic": tokens["acoustic"][:, span]}
        chunk = generate(model, own, stage.seconds, generators=_seeds(9), sampling=greedy)
        assert torch.equal(chunk, whole[:, span])


def test_the_beginning_of_a_chunked_piece_does_not_hang_on_its_length(build, streams) -> None:
    model = build("fine delay")
    stage = model.config.stage
    tokens = streams(stage, batch=1, seconds=4 * stage.seconds)
    long = generate(model, tokens, 4 * stage.seconds, generators=_seeds(1))
    short = generate(model, tokens, 2 * stage.seconds, generators=_seeds(1))
    assert torch.equal(long[:, : 2 * stage.frames], short)


def test_guidance_needs_mulan_and_changes_what_is_drawn(build, streams) -> None:
    for name, differs in (("coarse delay", True), ("fine delay", False)):
        model = build(name)
        tokens, seconds = streams(model.config.stage, batch=1), model.config.stage.seconds
        drawn = [
            generate(model, tokens, seconds, generators=_seeds(1), sampling=Sampling(cfg_scale=s))
            for s in (1.0, 4.0)
        ]
        assert torch.equal(*drawn) != differs


def test_guidance_of_zero_is_the_null_model(build, streams) -> None:
    model = build("semantic")
    tokens = streams(model.config.stage, batch=1)
    seconds = model.config.stage.seconds

    def draw(**sampling: float) -> torch.Tensor:
        return generate(model, tokens, seconds, generators=_seeds(1), sampling=Sampling(**sampling))

    assert torch.equal(draw(cfg_scale=0.0), draw(mulan_levels=0))
    assert not torch.equal(draw(mulan_levels=0), draw(mulan_levels=12))


def test_guidance_goes_without_every_stream_that_guides(build, streams) -> None:
    model = build("coarse delay", guides=("mulan", "semantic"))
    stage = model.config.stage
    tokens = streams(stage, batch=1)
    nothing = {name: torch.full_like(PARTS[name].take(tokens), 1024) for name in stage.given}
    without_mulan = tokens | {"mulan": nothing["mulan"][:, 0]}

    def draw(given: dict[str, torch.Tensor], scale: float) -> torch.Tensor:
        sampling = Sampling(cfg_scale=scale)
        return generate(model, given, stage.seconds, generators=_seeds(1), sampling=sampling)

    assert torch.equal(draw(tokens, 0.0), draw(nothing, 1.0))
    assert not torch.equal(draw(tokens, 0.0), draw(without_mulan, 1.0))


def test_progress_reaches_its_total(model, streams) -> None:
    told: list[tuple[int, int]] = []
    tokens = streams(model.config.stage, batch=1, seconds=0.5)
    generate(model, tokens, 0.5, generators=_seeds(1), progress=lambda *steps: told.append(steps))
    assert told[-1][0] == told[-1][1]
    assert len({total for _, total in told}) == 1


def test_rows_without_a_generator_are_refused(build, streams) -> None:
    model = build("semantic")
    with pytest.raises(UserError, match="mulan"):
        generate(model, streams(model.config.stage, batch=2), 0.4, generators=_seeds(1))


def test_the_prompt_picks_what_was_memorised(build, streams) -> None:
    """Two MuLan prefixes, two pieces: each prefix brings back its own."""
    model: StageModel = build("semantic", null_share=0.0, shallow_share=0.0).train()
    tokens = streams(model.config.stage, batch=2, seed=1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = model.loss(tokens, torch.Generator())["level_1"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3 < math.log(1024)
    swapped = {"mulan": tokens["mulan"].flip(0)}
    codes = generate(
        model.eval(), swapped, 0.4, generators=_seeds(1, 2), sampling=Sampling(temperature=0.0)
    )
    assert torch.equal(codes[:, :, 0], tokens["semantic"].flip(0))


def test_a_system_may_guide_any_stage_that_hears_mulan(build, streams) -> None:
    config: LMConfig = build("fine delay").config
    stage = replace(config.stage, given=("mulan", "coarse"))
    torch.manual_seed(0)
    model = StageModel(replace(config, stage=stage)).eval()
    tokens = streams(stage, batch=2, seconds=0.3)
    sampling = Sampling(cfg_scale=3.0)
    codes = generate(model, tokens, 0.3, generators=_seeds(1, 2), sampling=sampling)
    assert codes.shape == (2, 15, 8)
