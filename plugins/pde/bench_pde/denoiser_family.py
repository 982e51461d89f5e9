"""The family of denoisers: learned from clean samples, and used where an inverse problem needs a regulariser."""

from types import MappingProxyType

from harness import Family

DENOISER = Family(
    name="denoiser",
    contract=(
        "(*, shape: list[int], **params) -> nn.Module from noisy samples (batch, *shape) to clean ones of the same "
        "shape, float32, each sample whatever the others are once it is in evaluation mode. Its attribute `loss` "
        "names what it is trained by, one of bench_pde.denoisers.losses.LossName, and so what it estimates. The noise "
        "and the training are the task's"
    ),
    given=frozenset({"shape"}),
    traits=MappingProxyType(
        {
            "vectors": "works on vectors, shape (n,)",
            "images": "works on images, shape (channels, n, n) with n a multiple of 4",
            "proximal": "is the gradient of a convex function potential(y), (batch,), and so the proximal operator of "
            "a function that prior(y), (batch,), is the value of at its output, up to a constant",
        }
    ),
    checks="bench_pde.denoiser_checks",
    exercise="bench_pde.exercise:denoiser",
)
