"""What solvers, linear systems, fields, denoisers and their problems can be asked for, told when a suite is planned.

As `bench_pde.limits`, it imports no array library. What is refused here the code itself refuses too, when it is called
in other ways than by a suite; a test holds the two together.

A problem with time gives methods its `duration`, where they may step through it; one that `transports` has first
derivatives alone.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench_pde.limits import positive

_POSITIVE = (
    *("steps", "points", "face_points", "numbers", "batch_size", "lr", "noise", "measured", "rho", "iterations"),
    *("limit", "trained_on"),
)


def manufactured(*, dimensions: int, wave_number: float) -> None:
    if dimensions not in (1, 2):
        raise ValueError(f"dimensions must be 1 or 2, got {dimensions}")
    if wave_number < 0:
        raise ValueError(f"wave_number must be positive, or 0 for that of the paper, got {wave_number:g}")


def moving_bump(*, speed: float, width: float, duration: float) -> None:
    if min(speed, width, duration) <= 0:
        raise ValueError(f"speed, width and duration must be positive, got {speed:g}, {width:g} and {duration:g}")
    if 5 * width > 0.5 + 1e-9 or speed * duration > 3.5 - 5 * width + 1e-9:
        raise ValueError(
            f"a bump of width {width:g} at speed {speed:g} reaches an end by time {duration:g}; width is at most 0.1, "
            f"and speed × duration at most {3.5 - 5 * width:g}"
        )


def helmholtz(*, a1: int, a2: int, coefficient: float) -> None:
    if a1 < 1 or a2 < 1:
        raise ValueError(f"a1 and a2 must be positive, got {a1} and {a2}")
    squares = coefficient / (math.pi / 2) ** 2  # eigenvalues are those sums m² + n², m, n >= 1, times (π/2)²
    sums = {m * m + n * n for m in range(1, math.isqrt(int(max(squares, 0))) + 2) for n in range(1, m + 1)}
    if any(abs(squares - total) < 1e-9 for total in sums):
        raise ValueError(f"coefficient {coefficient:g} is an eigenvalue: the solution is not unique")


def taylor_green(*, dt: float, times: int) -> None:
    if dt <= 0 or times < 1:
        raise ValueError(f"dt and times must be positive, got {dt:g} and {times}")


def poisson_systems(*, dimensions: int, points: int, obstacles: int, systems: int) -> None:
    if dimensions not in (2, 3):
        raise ValueError(f"dimensions must be 2 or 3, got {dimensions}")
    if points < 8:
        raise ValueError(f"points must be 8 or more, got {points}")
    if obstacles < 0 or systems < 1:
        raise ValueError(f"obstacles must not be negative and systems positive, got {obstacles} and {systems}")


def tolerance(*, tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be between 0 and 1, got {tolerance:g}")


def drawn_image(*, size: int) -> None:
    if size < 8:
        raise ValueError(f"size must be at least 8, got {size}")


def photographs(*, first: int, side: int) -> None:
    if side < 1 or first < 0 or first + side * side > 1000:
        raise ValueError(f"images {first} to {first + side * side - 1} are not all among the 1000 of the file")


def samples(*, samples: int) -> None:
    if samples < 10:
        raise ValueError(f"samples must be at least 10, got {samples}")


def pictures(*, count: int, size: int) -> None:
    if count < 10 or size < 4 or size % 4:
        raise ValueError(f"count must be at least 10 and size a multiple of 4, got {count} and {size}")


def blur(*, blur: float) -> None:
    if blur <= 0:
        raise ValueError(f"the blur must have a positive width, got {blur:g}")


def training(*, lr: float, polish: float) -> None:
    if lr <= 0 or not 0 <= polish <= 1:
        raise ValueError(f"lr must be positive and polish between 0 and 1, got {lr:g} and {polish:g}")


def network(*, width: int, layers: int) -> None:
    if width < 1 or layers < 1:
        raise ValueError(f"width and layers must be positive, got {width} and {layers}")


def fourier_features(*, features: int, scale: float) -> None:
    if features < 1 or scale <= 0:
        raise ValueError(f"features and scale must be positive, got {features} and {scale:g}")


def gaussians(*, gaussians: int, features: int, hidden: int, sigma: float) -> None:
    if min(gaussians, features, hidden) < 1 or sigma <= 0:
        given = f"{gaussians}, {features}, {hidden} and {sigma:g}"
        raise ValueError(f"gaussians, features, hidden and sigma must be positive, got {given}")


def gp_hm(*, extents: Sequence[float], nodes: int, components: int, frequency: float) -> None:
    """`extents` are the lengths of the box."""
    if nodes < 3 or components < 1:
        raise ValueError(f"nodes must be at least 3 and components positive, got {nodes} and {components}")
    nyquist = (nodes - 1) / 2 / max(extents)
    if frequency < 0 or frequency > nyquist:
        needed = math.ceil(2 * frequency * max(extents)) + 1
        raise ValueError(
            f"frequency must be from 0 to {nyquist:g}, the highest that {nodes} nodes tell apart, "
            f"got {frequency:g}; it needs {needed} nodes"
        )


def rates(*, lr: float, boundary_weight: float) -> None:
    if lr <= 0 or boundary_weight <= 0:
        raise ValueError(f"lr and boundary_weight must be positive, got {lr:g} and {boundary_weight:g}")


def shares(*, steps: int, fit: float, times: int) -> None:
    if not 0 < fit < 1:
        raise ValueError(f"fit must be between 0 and 1, got {fit:g}")
    if steps <= times:
        raise ValueError(
            f"{steps} steps are too few: the initial fit and each of {times} time steps take at least one; "
            "give more steps, or a longer time step"
        )


def insr(*, duration: float | None, dt: float, fit: float, steps: int, lr: float, fit_lr: float) -> None:
    """`duration` is None where a problem cannot be stepped through."""
    positive(lr=lr, fit_lr=fit_lr)
    if duration is not None:
        shares(steps=steps, fit=fit, times=_times(duration, dt))


def insr_flow(*, times: int, fit: float, steps: int, lr: float, fit_lr: float) -> None:
    positive(lr=lr, fit_lr=fit_lr)
    shares(steps=steps, fit=fit, times=3 * times)


def semi_lagrangian(*, duration: float | None, transports: bool, dt: float, nodes: int, steps: int) -> None:
    if duration is None or not transports:
        return
    times = _times(duration, dt)
    if nodes < 2:
        raise ValueError(f"nodes must be at least 2, got {nodes}")
    if times > steps:
        raise ValueError(f"{times} steps in time are more than the {steps} of the budget; raise dt or steps")


def _times(duration: float, dt: float) -> int:
    if dt <= 0:
        raise ValueError(f"dt must be positive, got {dt:g}")
    return math.ceil(duration / dt - 1e-9)


def stable_fluids(*, cells: int, times: int, steps: int) -> None:
    if cells < 2:
        raise ValueError(f"cells must be at least 2, got {cells}")
    if times > steps:
        raise ValueError(f"{times} times are more than the {steps} steps of the budget")


def dcdm(*, grids: Sequence[Sequence[int]], convolutions: Sequence[int] | None) -> None:
    """`grids` are those of the systems and of the example."""
    for grid in grids:
        if len(grid) not in (2, 3) or any(n % 2 for n in grid):
            shape = " x ".join(map(str, grid))
            raise ValueError(f"dcdm works on grids of two or three dimensions with even numbers of cells, got {shape}")
    if convolutions is not None and (len(convolutions) != 3 or any(n < 2 or n % 2 for n in convolutions)):
        raise ValueError(f"convolutions are three even numbers from 2, got {list(convolutions)}")


def cycle(*, smoothing: int, damping: float) -> None:
    if smoothing < 1 or not 0 < damping < 1:
        raise ValueError(f"smoothing must be 1 or more and damping in (0, 1), got {smoothing} and {damping:g}")


def lpn(*, hidden: int, layers: int, beta: float, alpha: float) -> None:
    if min(hidden, layers) < 1 or beta <= 0 or alpha < 0:
        given = f"{hidden}, {layers}, {beta:g} and {alpha:g}"
        raise ValueError(f"hidden, layers and beta must be positive and alpha at least 0, got {given}")


def dncnn(*, depth: int, width: int) -> None:
    if depth < 2 or width < 1:
        raise ValueError(f"depth must be at least 2 and width positive, got {depth} and {width}")


def _poisson(params: Mapping[str, Any]) -> dict[str, Any]:
    manufactured(dimensions=params["dimensions"], wave_number=params["wave_number"])
    end = 1.0 if params["case"] in ("three-scales", "sine-and-parabola") else 2 * math.pi
    return {"extents": [end] * params["dimensions"]}


def _advection(params: Mapping[str, Any]) -> dict[str, Any]:
    positive(speed=params["speed"])
    return {"extents": [1.0, 1.0], "duration": 1.0, "transports": True}


def _moving_bump(params: Mapping[str, Any]) -> dict[str, Any]:
    moving_bump(speed=params["speed"], width=params["width"], duration=params["duration"])
    return {"extents": [4.0, params["duration"]], "duration": params["duration"], "transports": True}


def _flow_mixing(params: Mapping[str, Any]) -> dict[str, Any]:
    positive(duration=params["duration"])
    return {"extents": [8.0, 8.0, params["duration"]], "duration": params["duration"], "transports": True}


def _helmholtz(params: Mapping[str, Any]) -> dict[str, Any]:
    helmholtz(a1=params["a1"], a2=params["a2"], coefficient=params["coefficient"])
    return {"extents": [2.0, 2.0]}


def _klein_gordon(params: Mapping[str, Any]) -> dict[str, Any]:
    positive(duration=params["duration"])
    return {"extents": [2.0, 2.0, params["duration"]]}  # of second order in time: no method may step through it


def _taylor_green(params: Mapping[str, Any]) -> dict[str, Any]:
    taylor_green(dt=params["dt"], times=params["times"])
    return {"times": params["times"]}


def _systems(params: Mapping[str, Any]) -> dict[str, Any]:
    names = ("dimensions", "points", "obstacles", "systems")
    poisson_systems(**{name: params[name] for name in names})
    tolerance(tolerance=params["tolerance"])
    return {"grids": [[params[name]] * params["dimensions"] for name in ("points", "trained_on")]}


def _drawing(params: Mapping[str, Any]) -> dict[str, Any]:
    drawn_image(size=params["size"])
    return {}


def _photographs(params: Mapping[str, Any]) -> dict[str, Any]:
    photographs(first=params["first"], side=params["side"])
    return {}


def _shape(params: Mapping[str, Any]) -> dict[str, Any]:
    samples(samples=params["samples"])
    return {}


def _laplace(params: Mapping[str, Any]) -> dict[str, Any]:
    positive(scale=params["scale"])
    return {}


def _gaussian(params: Mapping[str, Any]) -> dict[str, Any]:
    positive(size=params["size"])
    return {}


def _deblur(params: Mapping[str, Any]) -> dict[str, Any]:
    pictures(count=params["pictures"], size=params["size"])
    blur(blur=params["blur"])
    return {}


_TASKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "solve-poisson": _poisson,
    "solve-steady-allen-cahn": _poisson,
    "solve-advection": _advection,
    "solve-moving-bump": _moving_bump,
    "solve-flow-mixing": _flow_mixing,
    "solve-helmholtz": _helmholtz,
    "solve-klein-gordon": _klein_gordon,
    "solve-allen-cahn": lambda params: {"extents": [2.0, 1.0], "duration": 1.0},
    "solve-nonlinear-diffusion": lambda params: {"extents": [2.0, 2.0, 1.0], "duration": 1.0},
    "solve-taylor-green": _taylor_green,
    "poisson-systems": _systems,
    "poisson-systems-speed": _systems,
    "fit-drawing": _drawing,
    "fit-photographs": _photographs,
    "fit-shape": _shape,
    "denoise-laplace": _laplace,
    "denoise-gaussian": _gaussian,
    "deblur": _deblur,
}
_RULES: dict[str, tuple[Callable[..., object], ...]] = {
    "pinn": (network, training),
    "rff-pinn": (network, fourier_features, training),
    "pig": (gaussians, training),
    "gp-hm": (gp_hm, rates),
    "insr": (network, insr),
    "semi-lagrangian": (semi_lagrangian,),
    "insr-flow": (network, insr_flow),
    "stable-fluids": (stable_fluids,),
    "mgpcg": (cycle,),
    "dcdm": (dcdm,),
    "lpn": (lpn,),
    "dncnn": (dncnn,),
}


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return what it tells methods. Raises ValueError."""
    positive(**{key: params[key] for key in _POSITIVE if key in params})
    return {"steps": params["steps"], **_TASKS[name](params)}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check a method's parameters, with what a task gives. Raises ValueError."""
    known = {"duration": None, "transports": False, **given, **params}
    for rule in _RULES.get(name, ()):
        rule(**{key: known[key] for key in inspect.signature(rule).parameters})
