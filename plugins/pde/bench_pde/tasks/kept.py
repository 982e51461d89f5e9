"""What a run leaves for the pictures of its report: one sample of the test data, and spectra over all of them."""

import torch
from torch import Tensor

from bench_pde.metrics import fourier_spectrum

POINTS = {1: 256, 2: 96}  # of an axis, on grids of one and two dimensions
FRAMES = {1: 64, 2: 1}  # the last among them


def pictures(prediction: Tensor, target: Tensor, given: Tensor | None = None) -> dict[str, Tensor]:
    """Return arrays for `context.keep("fields", …)`.

    Args:
        prediction, target: (n, frames, *grid, channels); the first sample is kept, thinned to `POINTS` and `FRAMES`.
        given: (*grid, channels), what the method saw of the first sample, if it saw any.

    Returns:
        `prediction` and `target`, (frames, *grid, channels), `given`, and of the last frame `spectrum_prediction`,
        `spectrum_target` and `spectrum_error`, (channels, wave numbers): see `bench_pde.metrics.fourier_spectrum`.
    """
    dimensions = target.ndim - 3
    last = target.shape[1] - 1
    chosen = torch.linspace(last, 0, min(FRAMES[dimensions], last + 1)).round().long().flip(0)
    kept = {
        "prediction": _thinned(prediction[0, chosen.to(prediction.device)], dimensions),
        "target": _thinned(target[0, chosen.to(target.device)], dimensions),
    }
    if given is not None:
        kept["given"] = _thinned(given[None], dimensions)[0]
    ends = {"prediction": prediction[:, -1:], "target": target[:, -1:], "error": prediction[:, -1:] - target[:, -1:]}
    spectra = {f"spectrum_{name}": fourier_spectrum(field)[0].float() for name, field in ends.items()}
    return {name: array.cpu() for name, array in (kept | spectra).items()}


def _thinned(fields: Tensor, dimensions: int) -> Tensor:
    """Return at most so many evenly spaced points of each axis of fields (frames, *grid, channels), as float32."""
    for axis in range(1, dimensions + 1):
        n = fields.shape[axis]
        index = torch.linspace(0, n - 1, min(n, POINTS[dimensions])).round().long()
        fields = fields.index_select(axis, index.to(fields.device))
    return fields.float()
