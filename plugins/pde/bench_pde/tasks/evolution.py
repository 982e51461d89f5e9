"""A field that evolves: from its first frames, predict the later ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.baselines import RidgeRegression, fitted_on
from bench_pde.metrics import relative_l2_loss
from bench_pde.tasks.beside import beside
from bench_pde.tasks.kept import pictures
from bench_pde.tasks.normalised import Scale, Stepper
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples, Recipe, supervised


class Windows:
    """All stretches of `given` + `following` frames of some fields, as examples that are cut out when they are asked
    for."""

    def __init__(self, fields: Tensor, given: int, following: int) -> None:
        """Args:
        fields: (n, frames, *grid, channels).
        """
        self._fields, self._given, self._following = fields, given, following
        self._starts = fields.shape[1] - given - following + 1

    def __len__(self) -> int:
        return len(self._fields) * self._starts

    def to(self, device: str) -> Windows:
        return Windows(self._fields.to(device), self._given, self._following)

    def __getitem__(self, index: Tensor) -> Examples:
        sample, start = index // self._starts, index % self._starts
        frames = start[:, None] + torch.arange(self._given + self._following, device=index.device)
        chosen = self._fields[sample[:, None], frames]
        return Examples((chosen[:, : self._given],), chosen[:, self._given :])


@dataclass(frozen=True)
class Evolution:
    """Predict all frames of a data set after the first `given`; a subclass says of which, and fills in its parameters.

    Trained on stretches of `unrolled` frames, scored on a rollout to the end, in which the method is applied to its own
    predictions. The loss is the relative L2 error; the method sees standardised frames and, where `change`, predicts
    the standardised change from one to the next. `classical` names the solver that it is timed beside: see
    `bench_pde.equal_error`.
    """

    given: int = 1
    unrolled: int = 1
    change: bool = True
    steps: int = 1000
    batch_size: int = 32
    lr: float = 0.001
    weight_decay: float = 0.0001
    warmup: float = 0.1

    dataset = ""
    classical = ""
    boundary = "periodic"

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data(self.dataset, **self._data())
        fields = {split: torch.tensor(data[f"{split}_fields"]) for split in ("train", "val", "test")}
        train, given = fields["train"], self.given
        later = limits.frames_left(frames=train.shape[1] - 1, given=given, unrolled=self.unrolled)
        torch.manual_seed(context.seeds.init)
        operator = build(
            in_channels=given * train.shape[-1],
            out_channels=train.shape[-1],
            grid=list(train.shape[2:-1]),
            boundary=self.boundary,
        )
        changes = Scale(train.diff(dim=1)) if self.change else None
        model = Stepper(operator, Scale(train), changes, trained=self.unrolled, scored=later)
        examples = {split: Examples((fields[split][:, :given],), fields[split][:, given:]) for split in ("val", "test")}
        windows = {"train": Windows(train, given, self.unrolled), **examples}
        recipe = Recipe(self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup)
        for outputs in supervised(model, windows, relative_l2_loss, recipe, context, memory):
            yield outputs
            if outputs.split == "test":
                prediction, target = outputs.values["prediction"], outputs.values["target"]
                context.keep("fields", **pictures(prediction, target, examples["test"].inputs[0][0, -1]))
                yield from _by_frame(prediction, target)
        baselines = {"persistence": _persistence(later), "linear": _linear(train, given, later, context.device)}
        params = {**self._data(), "frames": later}
        yield from beside(model, baselines, self.classical, params, examples["test"], context)

    def _data(self) -> dict[str, int | float]:
        """Return the parameters of the data set: the fields of a subclass, which are not those of this class."""
        return {name: value for name, value in vars(self).items() if name not in Evolution.__dataclass_fields__}


def _by_frame(prediction: Tensor, target: Tensor) -> Iterator[Outputs]:
    """Yield the frames of a rollout one by one; the step is the number of the predicted frame."""
    for frame in range(target.shape[1]):
        one = slice(frame, frame + 1)
        yield Outputs(split="rollout", step=frame + 1, prediction=prediction[:, one], target=target[:, one])


def _persistence(frames: int) -> Callable[[Tensor], Tensor]:
    """Return the rollout in which the last of the given frames stays."""
    return lambda window: window[:, -1:].repeat(1, frames, *[1] * (window.ndim - 2))


def _linear(train: Tensor, given: int, frames: int, device: str) -> Callable[[Tensor], Tensor]:
    """Return the rollout of a ridge regression from `given` frames to the next."""
    windows = Windows(train, given, following=1)
    examples = windows[fitted_on(len(windows))]
    step = RidgeRegression(examples.inputs[0], examples.targets[:, 0]).to(device)

    def rollout(window: Tensor) -> Tensor:
        predicted = []
        for _ in range(frames):
            predicted.append(step(window))
            window = torch.cat([window[:, 1:], predicted[-1].unsqueeze(1)], 1)
        return torch.stack(predicted, 1)

    return rollout
