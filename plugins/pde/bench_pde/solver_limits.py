"""What PDE solvers, flow solvers and their problems can be asked for. Imports no array library.

As in `bench_pde.limits`, functions named after problems and methods raise ValueError and are called by the code that
they are about; those at the end are what the manifests name.

A problem with time gives methods its `duration`, where they may step through it; one that `transports` has first
derivatives alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.conditions import obey, positive


def budget(*, steps: int, points: int, face_points: int) -> None:
    positive(steps=steps, points=points, face_points=face_points)


def manufactured(*, dimensions: int, wave_number: float) -> None:
    if dimensions not in (1, 2):
        raise ValueError(f"dimensions must be 1 or 2, got {dimensions}")
    if wave_number < 0:
        raise ValueError(f"wave_number must be positive, or 0 for that of the paper, got {wave_number:g}")


def advection(*, speed: float) -> None:
    positive(speed=speed)


def moving_bump(*, speed: float, width: float, duration: float) -> None:
    positive(speed=speed, width=width, duration=duration)
    if 5 * width > 0.5 + 1e-9 or speed * duration > 3.5 - 5 * width + 1e-9:
        raise ValueError(
            f"a bump of width {width:g} at speed {speed:g} reaches an end by time {duration:g}; width is at most 0.1, "
            f"and speed × duration at most {3.5 - 5 * width:g}"
        )


def flow_mixing(*, duration: float) -> None:
    positive(duration=duration)


def helmholtz(*, a1: int, a2: int, coefficient: float) -> None:
    positive(a1=a1, a2=a2)
    squares = coefficient / (math.pi / 2) ** 2  # eigenvalues are those sums m² + n², m, n >= 1, times (π/2)²
    sums = {m * m + n * n for m in range(1, math.isqrt(int(max(squares, 0))) + 2) for n in range(1, m + 1)}
    if any(abs(squares - total) < 1e-9 for total in sums):
        raise ValueError(f"coefficient {coefficient:g} is an eigenvalue: the solution is not unique")


def klein_gordon(*, duration: float) -> None:
    positive(duration=duration)


def taylor_green(*, dt: float, times: int) -> None:
    positive(dt=dt, times=times)


def training(*, lr: float, polish: float) -> None:
    positive(lr=lr)
    if not 0 <= polish <= 1:
        raise ValueError(f"polish must be between 0 and 1, got {polish:g}")


def network(*, width: int, layers: int) -> None:
    positive(width=width, layers=layers)


def fourier_features(*, features: int, scale: float) -> None:
    positive(features=features, scale=scale)


def gaussians(*, gaussians: int, features: int, hidden: int, sigma: float) -> None:
    positive(gaussians=gaussians, features=features, hidden=hidden, sigma=sigma)


def gp_hm(
    *, extents: Sequence[float], nodes: int, components: int, frequency: float, boundary_weight: float, lr: float
) -> None:
    """`extents` are the lengths of the box."""
    positive(components=components, boundary_weight=boundary_weight, lr=lr)
    if nodes < 3:
        raise ValueError(f"nodes must be at least 3, got {nodes}")
    nyquist = (nodes - 1) / 2 / max(extents)
    if frequency < 0 or frequency > nyquist:
        needed = math.ceil(2 * frequency * max(extents)) + 1
        raise ValueError(
            f"frequency must be from 0 to {nyquist:g}, the highest that {nodes} nodes tell apart, "
            f"got {frequency:g}; it needs {needed} nodes"
        )


def times(*, duration: float, dt: float) -> int:
    """Return how many steps of at most dt there are."""
    positive(dt=dt)
    return math.ceil(duration / dt - 1e-9)


def shares(*, steps: int, fit: float, times: int) -> None:
    if not 0 < fit < 1:
        raise ValueError(f"fit must be between 0 and 1, got {fit:g}")
    if steps <= times:
        raise ValueError(
            f"{steps} steps are too few: the initial fit and each of {times} time steps take at least one; "
            "give more steps, or a longer time step"
        )


def insr(*, duration: float, dt: float, fit: float, steps: int, lr: float, fit_lr: float) -> None:
    positive(lr=lr, fit_lr=fit_lr)
    shares(steps=steps, fit=fit, times=times(duration=duration, dt=dt))


def insr_flow(*, times: int, fit: float, steps: int, lr: float, fit_lr: float) -> None:
    positive(lr=lr, fit_lr=fit_lr)
    shares(steps=steps, fit=fit, times=3 * times)


def semi_lagrangian(*, duration: float, dt: float, nodes: int, steps: int) -> None:
    if nodes < 2:
        raise ValueError(f"nodes must be at least 2, got {nodes}")
    if (needed := times(duration=duration, dt=dt)) > steps:
        raise ValueError(f"{needed} steps in time are more than the {steps} of the budget; raise dt or steps")


def stable_fluids(*, cells: int, times: int, steps: int) -> None:
    if cells < 2:
        raise ValueError(f"cells must be at least 2, got {cells}")
    if times > steps:
        raise ValueError(f"{times} times are more than the {steps} steps of the budget")


def _box(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extents of a problem's box, and what is to be said of its time."""
    if name in ("solve-poisson", "solve-steady-allen-cahn"):
        end = 1.0 if params["case"] in ("three-scales", "sine-and-parabola") else 2 * math.pi
        return {"extents": [end] * params["dimensions"]}
    if name == "solve-helmholtz":
        return {"extents": [2.0, 2.0]}
    if name == "solve-klein-gordon":
        return {"extents": [2.0, 2.0, params["duration"]]}  # of second order in time: no method may step through it
    extents, transports = {
        "solve-advection": ([1.0, 1.0], True),
        "solve-moving-bump": ([4.0, params.get("duration")], True),
        "solve-flow-mixing": ([8.0, 8.0, params.get("duration")], True),
        "solve-allen-cahn": ([2.0, 1.0], False),
        "solve-nonlinear-diffusion": ([2.0, 2.0, 1.0], False),
    }[name]
    return {"extents": extents, "duration": extents[-1], "transports": transports}


_PROBLEMS: dict[str, Callable[..., object]] = {
    "solve-poisson": manufactured,
    "solve-steady-allen-cahn": manufactured,
    "solve-advection": advection,
    "solve-moving-bump": moving_bump,
    "solve-flow-mixing": flow_mixing,
    "solve-helmholtz": helmholtz,
    "solve-klein-gordon": klein_gordon,
    "solve-taylor-green": taylor_green,
}
_METHODS: dict[str, tuple[Callable[..., object], ...]] = {
    "pinn": (network, training),
    "rff-pinn": (network, fourier_features, training),
    "pig": (gaussians, training),
    "gp-hm": (gp_hm,),
    "insr": (network, insr),
    "semi-lagrangian": (semi_lagrangian,),
    "insr-flow": (network, insr_flow),
    "stable-fluids": (stable_fluids,),
}


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return what it tells methods. Raises ValueError."""
    obey(budget, params)
    if name in _PROBLEMS:
        obey(_PROBLEMS[name], params)
    if name == "solve-taylor-green":
        return {"steps": params["steps"], "times": params["times"]}
    return {"steps": params["steps"], **_box(name, params)}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check a method's parameters, with what a task gives. Raises ValueError.

    A problem that a method cannot step through is none of this: the method skips it, and says why.
    """
    if name in ("insr", "semi-lagrangian") and "duration" not in given:
        return
    if name == "semi-lagrangian" and not given["transports"]:
        return
    for rule in _METHODS[name]:
        obey(rule, {**given, **params})
