"""What denoisers and their tasks can be asked for; see `bench_pde.solver_limits`. Imports no array library."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.conditions import obey, positive


def denoising(*, noise: float, steps: int, batch_size: int, lr: float) -> None:
    positive(noise=noise, steps=steps, batch_size=batch_size, lr=lr)


def laplace(*, scale: float, noise: float) -> None:
    positive(scale=scale, noise=noise)


def gaussian(*, size: int) -> None:
    positive(size=size)


def shapes(*, count: int, size: int) -> None:
    if count < 10 or size < 4 or size % 4:
        raise ValueError(f"count must be at least 10 and size a multiple of 4, got {count} and {size}")


def deblurring(*, blur: float, measured: float, rho: float, iterations: int) -> None:
    positive(blur=blur, measured=measured, rho=rho, iterations=iterations)


def lpn(*, shape: Sequence[int], hidden: int, layers: int, beta: float, alpha: float) -> None:
    positive(hidden=hidden, layers=layers, beta=beta)
    if alpha < 0:
        raise ValueError(f"alpha must be at least 0, got {alpha:g}")
    if len(shape) != 1 and (len(shape) != 3 or shape[1] != shape[2] or shape[1] % 4):
        raise ValueError(f"images must be square with a side that is a multiple of 4, got {list(shape)}")


def dncnn(*, shape: Sequence[int], depth: int, width: int) -> None:
    positive(width=width)
    if depth < 2:
        raise ValueError(f"depth must be at least 2, got {depth}")
    if len(shape) != 3:
        raise ValueError(f"DnCNN works on images (channels, n, m), got {list(shape)}")


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return the shape of what is denoised. Raises ValueError."""
    obey(denoising, params)
    if name == "denoise-laplace":
        obey(laplace, params)
        return {"shape": [1]}
    if name == "denoise-gaussian":
        obey(gaussian, params)
        return {"shape": [params["size"]]}
    obey(deblurring, params)
    shapes(count=params["pictures"], size=params["size"])
    return {"shape": [1, params["size"], params["size"]]}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check that a denoiser with these parameters can be built for a task. Raises ValueError."""
    obey({"lpn": lpn, "dncnn": dncnn}[name], {**given, **params})
