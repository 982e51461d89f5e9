"""What equations can be asked for. Imports no array library: a suite is checked with it before any work.

The functions named after equations raise ValueError, which says what is wrong and what to do, and are called by the
code that they are about. That at the end is what the manifest names: it returns what a task gives to operators.
"""

from collections.abc import Mapping
from typing import Any

from harness.conditions import enough_rounds, enough_sizes, not_negative, obey, positive


def cells(points: int, solved_on: int) -> None:
    """Raise ValueError where `points` cells are not every so many of `solved_on`."""
    if points < 1 or solved_on % points:
        raise ValueError(f"points must divide solved_on = {solved_on}, got {points}")


def nodes(points: int, solved_on: int) -> None:
    """Raise ValueError where `points` nodes are not every so many of `solved_on`, both ends included."""
    if points < 3 or (solved_on - 1) % (points - 1):
        raise ValueError(f"points - 1 must divide solved_on - 1 = {solved_on - 1}, got points = {points}")


def burgers(*, viscosity: float, points: int, solved_on: int) -> None:
    if viscosity <= 0:
        raise ValueError(f"viscosity must be positive, got {viscosity}; without one there is no classical solution")
    cells(points, solved_on)


def navier_stokes(*, viscosity: float, points: int, solved_on: int, warm_up: float) -> None:
    not_negative(warm_up=warm_up)
    if viscosity <= 0:
        raise ValueError(f"viscosity must be positive, got {viscosity}")
    if points % 2 or points > solved_on:
        raise ValueError(f"points must be even and at most solved_on = {solved_on}, got {points}")


def reaction_diffusion(*, diffusivity: float, growth: float) -> None:
    if diffusivity < 0 or growth < 0:
        raise ValueError(f"diffusivity and growth must not be negative, got {diffusivity} and {growth}")


def kuramoto_sivashinsky(*, points: int, length: float, warm_up: float) -> None:
    positive(length=length)
    not_negative(warm_up=warm_up)
    if points < 2 * length:
        raise ValueError(f"{points} points cannot resolve a length of {length:g}: at least two per unit are needed")


def diffusion_reaction(*, warm_up: float) -> None:
    not_negative(warm_up=warm_up)


def wave(*, speed: float, points: int, modes: int) -> None:
    positive(speed=speed, modes=modes)
    if points < modes + 2:
        raise ValueError(f"{points} points do not tell {modes} modes apart: {modes + 2} are needed, both ends included")


def fisher(*, diffusivity: float, frames: int, points: int) -> None:
    not_negative(diffusivity=diffusivity)
    if min(frames, points) < 2:
        raise ValueError(f"frames and points must be 2 or more, got {frames} and {points}")


def darcy_shapes(*, points: int) -> None:
    if points < 8:
        raise ValueError(f"points must be 8 or more, got {points}: fewer leave little of a shape")


def darcy(*, points: int, solved_on: int, high: float, low: float) -> None:
    nodes(points, solved_on)
    if min(high, low) <= 0:
        raise ValueError(f"conductivities must be positive, got {high} and {low}")


def darcy_multiscale(*, scales: int, points: int, solved_on: int) -> None:
    positive(scales=scales)
    nodes(points, solved_on)
    needed = 12 * 2**scales  # a wave of a factor is up to 2 / (4.5 · 2^(scales-1)) long; five cells are the least
    if solved_on < needed:
        raise ValueError(f"{solved_on} nodes do not resolve {scales} scales: solved_on has to be {needed} or more")


def helmholtz(*, frequency: float, points: int, solved_on: int) -> None:
    positive(frequency=frequency)
    nodes(points, solved_on)
    longest = 2 * 3.1416 * 19 / frequency * (solved_on - 1)
    if longest < 10:
        raise ValueError(
            f"a wave of frequency {frequency:g} is {longest:.1f} cells long, and ten are the least: raise solved_on"
        )


def compressible_flow(
    *, mach: float, shear: float, bulk: float, points: int, solved_on: int, cfl: float, interval: float
) -> None:
    positive(mach=mach, cfl=cfl, interval=interval)
    if shear < 0 or bulk < 0:
        raise ValueError(f"viscosities must not be negative, got shear = {shear:g} and bulk = {bulk:g}")
    if cfl > 0.5:
        raise ValueError(f"cfl = {cfl:g} makes an unstable time step in two dimensions: 0.5 is the most")
    cells(points, solved_on)


def frames_left(*, frames: int, given: int, unrolled: int) -> int:
    """Return how many frames there are to predict, of `frames` after the first."""
    left = frames + 1 - given
    if not 1 <= given <= frames:
        raise ValueError(f"given must be from 1 to {frames}, for one frame is to be left, got {given}")
    if not 1 <= unrolled <= left:
        raise ValueError(f"unrolled must be from 1 to the {left} frames after the given, got {unrolled}")
    return left


_EQUATIONS = {
    "burgers": burgers,
    "burgers-map": burgers,
    "navier-stokes": navier_stokes,
    "reaction-diffusion": reaction_diffusion,
    "kuramoto-sivashinsky": kuramoto_sivashinsky,
    "darcy": darcy,
    "darcy-rough": darcy,
    "darcy-multiscale": darcy_multiscale,
    "helmholtz": helmholtz,
    "compressible-flow": compressible_flow,
    "diffusion-reaction": diffusion_reaction,
    "wave": wave,
    "fisher": fisher,
    "darcy-shapes": darcy_shapes,
    "dam-break": lambda *, points, solved_on: cells(points, solved_on),
}
_SHAPES = {  # dimensions, channels of a frame, boundary
    "advection": (1, 1, "periodic"),
    "burgers": (1, 1, "periodic"),
    "burgers-map": (1, 1, "periodic"),
    "reaction-diffusion": (1, 1, "periodic"),
    "kuramoto-sivashinsky": (1, 1, "periodic"),
    "diffusion-sorption": (1, 1, "open"),
    "darcy": (2, 1, "dirichlet"),
    "darcy-rough": (2, 1, "dirichlet"),
    "darcy-multiscale": (2, 1, "dirichlet"),
    "helmholtz": (2, 1, "open"),
    "navier-stokes": (2, 1, "periodic"),
    "compressible-flow": (2, 4, "periodic"),
    "diffusion-reaction": (2, 2, "open"),
    "dam-break": (2, 1, "open"),
    "wave": (2, 2, "dirichlet"),
}
_SEVERAL = {"fisher": (("frames", "points"), 5), "darcy-shapes": (("points", "points"), 2)}  # grid, channels
_POSITIVE = ("points", "frames", "interval", "train", "val", "test", "space", "time", "given", "unrolled", "steps",
             "batch_size", "lr", "channels", "rounds", "limit")  # fmt: skip
_SPEED = {"operator-speed-1d": 1, "operator-speed-2d": 2, "operator-scaling-2d": 2}  # dimensions


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Check the parameters of a task, and return what it builds operators with, if that is known. Raises ValueError."""
    positive(**{key: params[key] for key in _POSITIVE if key in params})
    if name in _EQUATIONS:
        obey(_EQUATIONS[name], params)
    not_negative(**{key: params[key] for key in ("most",) if key in params})
    if name in _SEVERAL:
        axes, channels = _SEVERAL[name]
        return {"grid": [params[axis] for axis in axes], "in_channels": channels, "out_channels": 1, "boundary": "open"}
    if name in _SPEED:
        return _of_speed(_SPEED[name], params)
    if name not in _SHAPES:
        return None
    dimensions, channels, boundary = _SHAPES[name]
    given = params.get("given", 1)
    if "frames" in params:
        frames_left(frames=params["frames"], given=given, unrolled=params["unrolled"])
    grid = [params["points"]] * dimensions
    return {"grid": grid, "in_channels": channels * given, "out_channels": channels, "boundary": boundary}


def _of_speed(dimensions: int, params: Mapping[str, Any]) -> dict[str, Any]:
    enough_rounds(params["rounds"])
    sizes = params.get("sizes", [params.get("points")])
    if "sizes" in params:
        enough_sizes(sizes)
    channels = {key: params["channels"] for key in ("in_channels", "out_channels")}
    return {"grids": [[points] * dimensions for points in sizes], "boundary": params["boundary"], **channels}
