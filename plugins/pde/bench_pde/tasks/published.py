"""The problems whose data others have published, by default sub-sampled as their papers do: `bench_pde.published`."""

from dataclasses import dataclass

from bench_pde.tasks.evolution import Evolution
from bench_pde.tasks.steady import Steady


@dataclass(frozen=True)
class _PdeBench(Evolution):
    """Sub-sampled by `space` and `time`; of `most` samples, all where it is 0."""

    given: int = 10
    space: int = 1
    time: int = 1
    most: int = 0

    def _data(self) -> dict[str, int | float]:
        return {**super()._data(), "of": self.dataset}


@dataclass(frozen=True)
class PdeBenchAdvection(_PdeBench):
    space: int = 4
    time: int = 5

    dataset = "pdebench-advection"


@dataclass(frozen=True)
class PdeBenchBurgers(_PdeBench):
    space: int = 4
    time: int = 5

    dataset = "pdebench-burgers"


@dataclass(frozen=True)
class PdeBenchReactionDiffusion(_PdeBench):
    given: int = 5
    space: int = 4

    dataset = "pdebench-reaction-diffusion"


@dataclass(frozen=True)
class PdeBenchDiffusionSorption(_PdeBench):
    dataset = "pdebench-diffusion-sorption"
    boundary = "open"


@dataclass(frozen=True)
class PdeBenchDiffusionReaction(_PdeBench):
    dataset = "pdebench-diffusion-reaction"
    boundary = "open"


@dataclass(frozen=True)
class PdeBenchDamBreak(_PdeBench):
    dataset = "pdebench-dam-break"
    boundary = "open"


@dataclass(frozen=True)
class PdeBenchCompressibleFlow(_PdeBench):
    space: int = 2

    dataset = "pdebench-compressible-flow"


@dataclass(frozen=True)
class PdeBenchDarcy(Steady):
    space: int = 2
    most: int = 0

    dataset = "pdebench-darcy"
    boundary = "dirichlet"


@dataclass(frozen=True)
class FnoBurgers(Steady):
    space: int = 8
    train: int = 1000

    dataset = "fno-burgers"
    boundary = "periodic"


@dataclass(frozen=True)
class FnoDarcy(Steady):
    space: int = 5
    train: int = 1000

    dataset = "fno-darcy"
    boundary = "dirichlet"


@dataclass(frozen=True)
class FnoNavierStokes(Evolution):
    given: int = 10
    train: int = 1000

    dataset = "fno-navier-stokes"


@dataclass(frozen=True)
class NeuralOperatorDarcy(Steady):
    """The smallest published set, on 16² points: 1,000 and 50 samples."""

    train: int = 900

    dataset = "neuraloperator-darcy"
    boundary = "dirichlet"
