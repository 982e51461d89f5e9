"""The problems, each a data set with the parameters of laptop size; `bench show NAME` lists them.

The published sizes are in the docstrings of `bench_pde.equations`.
"""

from dataclasses import dataclass

from bench_pde.tasks.evolution import Evolution
from bench_pde.tasks.steady import Steady


@dataclass(frozen=True)
class Advection(Evolution):
    """See `bench_pde.equations.advection`."""

    speed: float = 1.0
    points: int = 128
    frames: int = 20
    interval: float = 0.05
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "advection"
    classical = "advection:classical"


@dataclass(frozen=True)
class Burgers(Evolution):
    """See `bench_pde.equations.burgers`."""

    viscosity: float = 0.03
    points: int = 128
    solved_on: int = 512
    frames: int = 20
    interval: float = 0.05
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "burgers"
    classical = "burgers:classical"


@dataclass(frozen=True)
class ReactionDiffusion(Evolution):
    """See `bench_pde.equations.reaction_diffusion`."""

    diffusivity: float = 0.5
    growth: float = 1.0
    points: int = 128
    frames: int = 20
    interval: float = 0.05
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "reaction-diffusion"
    classical = "reaction_diffusion:classical"


@dataclass(frozen=True)
class KuramotoSivashinsky(Evolution):
    """See `bench_pde.equations.kuramoto_sivashinsky`."""

    length: float = 64.0
    points: int = 128
    warm_up: float = 40.0
    frames: int = 20
    interval: float = 1.0
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "kuramoto-sivashinsky"
    classical = "kuramoto_sivashinsky:classical"


@dataclass(frozen=True)
class NavierStokes(Evolution):
    """See `bench_pde.equations.navier_stokes`."""

    viscosity: float = 1e-3
    points: int = 32
    solved_on: int = 64
    warm_up: float = 0.0
    frames: int = 15
    interval: float = 1.0
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "navier-stokes"
    classical = "navier_stokes:classical"


@dataclass(frozen=True)
class Wave(Evolution):
    """See `bench_pde.equations.wave`."""

    speed: float = 1.0
    points: int = 32
    modes: int = 8
    frames: int = 20
    interval: float = 0.05
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "wave"
    classical = "wave:classical"
    boundary = "dirichlet"


@dataclass(frozen=True)
class DiffusionSorption(Evolution):
    """See `bench_pde.equations.diffusion_sorption`."""

    points: int = 128
    frames: int = 20
    interval: float = 25.0
    train: int = 200
    val: int = 40
    test: int = 40

    dataset = "diffusion-sorption"
    classical = "diffusion_sorption:classical"
    boundary = "open"


@dataclass(frozen=True)
class DiffusionReaction(Evolution):
    """See `bench_pde.equations.diffusion_reaction`."""

    points: int = 32
    warm_up: float = 1.0
    frames: int = 20
    interval: float = 0.2
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "diffusion-reaction"
    classical = "diffusion_reaction:classical"
    boundary = "open"


@dataclass(frozen=True)
class DamBreak(Evolution):
    """See `bench_pde.equations.dam_break`; the first frames are given, for height alone does not tell how it moves."""

    given: int = 4
    points: int = 32
    solved_on: int = 64
    frames: int = 20
    interval: float = 0.05
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "dam-break"
    classical = "dam_break:classical"
    boundary = "open"


@dataclass(frozen=True)
class CompressibleFlow(Evolution):
    """See `bench_pde.equations.compressible`."""

    mach: float = 0.1
    shear: float = 0.01
    bulk: float = 0.01
    points: int = 32
    solved_on: int = 32
    cfl: float = 0.3
    frames: int = 10
    interval: float = 0.05
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "compressible-flow"
    classical = "compressible:classical"


@dataclass(frozen=True)
class BurgersMap(Steady):
    """See `bench_pde.equations.burgers`."""

    viscosity: float = 0.1
    points: int = 256
    solved_on: int = 1024
    train: int = 400
    val: int = 50
    test: int = 100

    dataset = "burgers-map"
    classical = "burgers:classical_map"
    boundary = "periodic"


@dataclass(frozen=True)
class Darcy(Steady):
    """See `bench_pde.equations.darcy`."""

    points: int = 32
    solved_on: int = 94
    high: float = 12.0
    low: float = 3.0
    train: int = 300
    val: int = 50
    test: int = 50

    dataset = "darcy"
    classical = "darcy:classical"
    boundary = "dirichlet"


@dataclass(frozen=True)
class DarcyRough(Steady):
    """See `bench_pde.equations.multiscale`."""

    points: int = 64
    solved_on: int = 127
    high: float = 12.0
    low: float = 3.0
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "darcy-rough"
    classical = "darcy:classical"
    boundary = "dirichlet"


@dataclass(frozen=True)
class DarcyMultiscale(Steady):
    """See `bench_pde.equations.multiscale`."""

    scales: int = 3
    points: int = 64
    solved_on: int = 127
    train: int = 100
    val: int = 20
    test: int = 20

    dataset = "darcy-multiscale"
    classical = "multiscale:classical_multiscale"
    boundary = "dirichlet"


@dataclass(frozen=True)
class Helmholtz(Steady):
    """See `bench_pde.equations.helmholtz`."""

    frequency: float = 800.0
    points: int = 32
    solved_on: int = 125
    train: int = 200
    val: int = 20
    test: int = 40

    dataset = "helmholtz"
    classical = "helmholtz:classical"
    boundary = "open"
