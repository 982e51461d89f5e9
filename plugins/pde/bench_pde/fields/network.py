"""The small network behind every field, and all that a field stores."""

from torch import Tensor, nn


class Perceptron(nn.Sequential):
    """Three linear layers with ReLU between them, as behind the grids of Müller et al. 2022 (arXiv:2201.05989)."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )


def stored_numbers(field: nn.Module) -> int:
    """Return how many numbers describe a field: all of its state, whether they are learned or not."""
    return sum(value.numel() for value in field.state_dict().values())


def group(field: nn.Module, network: nn.Module, max_lr: float) -> list[dict[str, float | list[Tensor]]]:
    """Return the optimiser's group of all parameters of a field but those of its network, with a lower rate."""
    inside = {id(parameter) for parameter in network.parameters()}
    return [{"params": [p for p in field.parameters() if id(p) not in inside], "max_lr": max_lr}]
