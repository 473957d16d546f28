"""How to train: the `[train.NOUN]` table of a configuration, which the paper leaves open.

>>> TrainConfig(steps=10, warmup=20)
Traceback (most recent call last):
musiclm.errors.UserError: train: warmup (20) must be at least 0 and below steps (10)
"""

from dataclasses import dataclass, field

from musiclm.device import PRECISIONS
from musiclm.errors import UserError

OPTIMIZERS = ("adamw", "muon")
SCHEDULES = ("cosine", "linear", "constant")


@dataclass(frozen=True)
class TrainConfig:
    """All of it chosen by us, none of it in the paper."""

    steps: int = 100_000
    minutes: float = (
        0.0  # wall-clock budget, the schedule with it; 0: none, and runs are repeatable
    )
    batch: int = 16  # examples a step and process
    crop_seconds: float = 0.0  # 0: the task's own
    # Of a stage: lengths that take turns with that one, with as many seconds a batch.
    crop_turns: tuple[float, ...] = ()
    lr: float = 3e-4
    schedule: str = "cosine"  # to a tenth; or "linear" to nothing, or "constant"
    warmup: int = 500  # steps
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01  # of matrices
    clip_norm: float = 1.0
    optimizer: str = "adamw"  # or "muon": hidden matrices by Muon, the rest by AdamW
    precision: str = "bf16"  # of matrix products; weights stay float32
    compile: bool = False  # of a stage: fuse decoder and loss (torch.compile)
    ema: float = 0.999  # decay of the averaged weights, which are what is exported; 0: none
    seed: int = 0
    log_every: int = 20
    validate_every: int = 1000
    save_every: int = 1000
    sample_every: int = 0  # 0: never
    # The validation figure whose lowest value says which step's weights are exported; "": the last
    # step's are. A table that does not say gets the noun's own (`musiclm.train.tasks.judged_by`).
    judged_by: str = ""
    loss_weights: dict[str, float] = field(default_factory=dict)  # over the task's own
    device: str = "auto"
    # Where fine-tuning begins: model.safetensors of a checkpoint, or a system's lm.*.safetensors.
    start_from: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot work, before any of it costs time."""
        self._choice("optimizer", OPTIMIZERS)
        self._choice("schedule", SCHEDULES)
        self._choice("precision", PRECISIONS)
        if self.steps < 1 or self.batch < 1 or self.lr <= 0 or self.clip_norm <= 0:
            raise UserError("train: steps, batch, lr and clip_norm must be positive")
        if self.minutes < 0 or self.crop_seconds < 0 or not 0 <= self.ema < 1:
            raise UserError("train: minutes and crop_seconds must not be negative, ema in [0, 1)")
        if not 0 <= self.warmup < self.steps:
            raise UserError(
                f"train: warmup ({self.warmup}) must be at least 0 and below steps ({self.steps})"
            )
        if self.log_every < 1 or self.save_every < 1:
            raise UserError("train: log_every and save_every must be at least 1")
        if self.validate_every < 0 or self.sample_every < 0:
            raise UserError(
                "train: validate_every and sample_every must not be negative (0: never)"
            )

    def _choice(self, name: str, legal: tuple[str, ...]) -> None:
        if getattr(self, name) not in legal:
            raise UserError(f"train: {name} = {getattr(self, name)!r}; legal: {', '.join(legal)}")
