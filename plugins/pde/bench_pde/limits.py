"""What problems and operators can be asked for. Imports no array library: a suite is checked with it before any work.

The functions named after equations and operators raise ValueError, which says what is wrong and what to do. Those at
the end are what the manifest names: for a task what it gives to methods, for an operator whether it takes that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench_pde.conditions import not_negative, obey, positive


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


def fno(*, grid: Sequence[int], modes: int) -> None:
    if min(grid) < 2 * modes:
        raise ValueError(
            f"a grid of {min(grid)} points does not resolve {modes} modes; at least {2 * modes} are needed"
        )


def u_net(*, grid: Sequence[int], levels: int) -> None:
    if min(grid) < 2**levels:
        raise ValueError(f"a grid of {min(grid)} points cannot be halved {levels} times; choose fewer levels")


def halved(*, grid: Sequence[int], times: int) -> None:
    """Raise ValueError where a grid cannot be halved so often without a remainder."""
    if any(n % 2**times for n in grid):
        raise ValueError(f"a grid of {' x '.join(map(str, grid))} points cannot be halved {times} times")


def u_net_modern(*, grid: Sequence[int], multipliers: Sequence[int] | None) -> list[int]:
    """Return the multipliers."""
    factors = [1, 2, 2, 4] if multipliers is None else list(multipliers)
    halved(grid=grid, times=len(factors) - 1)
    return factors


def deeponet(*, grid: Sequence[int]) -> None:
    if len(grid) == 2 and min(grid) < 13:
        raise ValueError(f"a grid of {min(grid)} points is too small for the branch; 13 are needed")


def mt_deeponet(*, grid: Sequence[int], in_channels: int, network: str | None, coefficients: int) -> bool:
    """Return whether the network is that for shapes."""
    if network == "shapes" or (network is None and len(grid) == 2):
        if len(grid) != 2 or min(grid) < 16:
            shape = " x ".join(map(str, grid))
            raise ValueError(f"the branch for shapes takes grids of two dimensions with 16 points or more, got {shape}")
        return True
    if not 0 <= coefficients < in_channels:
        raise ValueError(f"of {in_channels} channels {coefficients} cannot be coefficients: none or some remain")
    return False


def mgno(*, grid: Sequence[int], levels: int | None, boundary: str) -> list[tuple[int, ...]]:
    """Return the grids of the levels, the finest first."""
    sizes: list[tuple[int, ...]] = [tuple(grid)]
    while (levels is None and -(-min(sizes[-1]) // 2) >= 4) or (levels is not None and len(sizes) < levels):
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    if min(sizes[-1]) < 2:
        raise ValueError(f"a grid of {grid[0]} x {grid[1]} points is too small for {levels} levels")
    if boundary == "periodic" and any(n % 2 ** (len(sizes) - 1) for n in grid):
        raise ValueError(f"a periodic grid of {grid[0]} x {grid[1]} points cannot be halved {len(sizes) - 1} times")
    return sizes


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
        later = params["frames"] + 1 - given
        if later < 1:
            raise ValueError(f"given must be from 1 to {params['frames']}, for one frame is to be left, got {given}")
        if params["unrolled"] > later:
            raise ValueError(f"unrolled must be from 1 to the {later} frames after the given, got {params['unrolled']}")
    grid = [params["points"]] * dimensions
    return {"grid": grid, "in_channels": channels * given, "out_channels": channels, "boundary": boundary}


def _of_speed(dimensions: int, params: Mapping[str, Any]) -> dict[str, Any]:
    sizes = params["sizes"] if "sizes" in params else [params["points"]]
    for points in sizes:
        positive(sizes=points)
    channels = {key: params["channels"] for key in ("in_channels", "out_channels")}
    return {"grids": [[points] * dimensions for points in sizes], "boundary": params["boundary"], **channels}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check that an operator with these parameters can be built with what a task gives. Raises ValueError."""
    for grid in given["grids"] if "grids" in given else [given["grid"]]:
        _operator(name, grid, given, params)


def _operator(name: str, grid: Sequence[int], given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    if name == "fno":
        fno(grid=grid, modes=params["modes"])
    elif name == "u-net":
        u_net(grid=grid, levels=params["levels"])
    elif name == "u-net-modern":
        u_net_modern(grid=grid, multipliers=params["multipliers"])
    elif name == "mgno":
        mgno(grid=grid, levels=params["levels"], boundary=given["boundary"])
    elif name == "sinenet":
        halved(grid=grid, times=params["levels"])
    elif name == "deeponet":
        deeponet(grid=grid)
    elif name == "mt-deeponet":
        mt_deeponet(grid=grid, in_channels=given["in_channels"], network=params["network"],
                    coefficients=params["coefficients"])  # fmt: skip
