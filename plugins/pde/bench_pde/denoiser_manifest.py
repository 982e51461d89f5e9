"""What bench-pde contributes to the family of denoisers, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.denoiser_family import DENOISER
from harness import Dataset, Method, Metric, Preset, Task

_FITS, _POSED = "bench_pde.denoiser_limits:method", "bench_pde.denoiser_limits:task"
_LPN = "Fang, Buchanan, Sulam 2024, arXiv:2310.14344"


def methods() -> Iterator[Method]:
    """Yield the denoisers, one file each."""
    yield Method(
        "lpn",
        DENOISER,
        "bench_pde.denoisers.lpn:lpn",
        reference=_LPN,
        traits=frozenset({"vectors", "images", "proximal"}),
        presets=(
            Preset(
                "mnist",
                source="the authors' exps/mnist/configs/mnist/model.json",
                params={"hidden": 64, "beta": 10.0, "alpha": 0.01},
            ),
        ),
        summary="learned proximal network: the gradient of a convex network",
        check=_FITS,
    )
    yield Method(
        "dncnn",
        DENOISER,
        "bench_pde.denoisers.dncnn:DnCNN",
        reference="Zhang et al. 2017, arXiv:1608.03981",
        traits=frozenset({"images"}),
        summary="a residual network of convolutions, bound by nothing",
        check=_FITS,
    )


def tasks() -> Iterator[Task]:
    """Yield what denoisers are trained on."""
    costs = ("parameters", "seconds_per_step", "peak_memory")
    for name, target, summary in (
        ("denoise-laplace", "DenoiseLaplace", "numbers of a Laplacian, whose proximal operator is soft thresholding"),
        ("denoise-gaussian", "DenoiseGaussian", "vectors of a normal distribution, whose proximal operator is linear"),
    ):
        yield Task(
            name,
            DENOISER,
            f"bench_pde.tasks.denoising:{target}",
            metrics=("mode_error", "mean_error", "median_error", "prior_error", *costs),
            reference=_LPN,
            requires=frozenset({"vectors", "proximal"}),
            recipe=frozenset({"lr"}),
            summary=summary,
            check=_POSED,
        )
    yield Task(
        "deblur",
        DENOISER,
        "bench_pde.tasks.denoising:Deblur",
        metrics=("psnr", "denoising_psnr", "last_move", "measured_psnr", "tikhonov_psnr", *costs),
        datasets=("drawn-shapes",),
        reference=_LPN,
        requires=frozenset({"images"}),
        recipe=frozenset({"lr"}),
        summary="small pictures sharpened by plug-and-play ADMM with the denoiser",
        check=_POSED,
    )


def metrics() -> Iterator[Metric]:
    """Yield how good a denoiser is."""
    for name, summary in (
        ("mode_error", "largest distance from the posterior's mode, which a proximal operator gives"),
        ("mean_error", "largest distance from the posterior's mean"),
        ("median_error", "largest distance from the posterior's median"),
        ("prior_error", "error of the regulariser that was learned, over its standard deviation"),
        ("last_move", "how far the last iteration of plug-and-play ADMM still moved"),
    ):
        yield Metric(name, f"bench_pde.denoiser_metrics:{name}", better="lower", summary=summary)
    for name, summary in (
        ("psnr", "peak signal-to-noise ratio of what was reconstructed"),
        ("denoising_psnr", "peak signal-to-noise ratio of denoised images"),
    ):
        yield Metric(name, f"bench_pde.denoiser_metrics:{name}", better="higher", unit="dB", summary=summary)
    for name, summary in (
        ("measured_psnr", "peak signal-to-noise ratio of what was measured"),
        ("tikhonov_psnr", "peak signal-to-noise ratio of Tikhonov's answer, its penalty chosen on training images"),
    ):
        yield Metric(
            name, f"bench_pde.denoiser_metrics:{name}", better="higher", unit="dB", role="baseline", summary=summary
        )


def datasets() -> Iterator[Dataset]:
    """Yield the pictures."""
    yield Dataset("drawn-shapes", "bench_pde.denoisers.pictures:shapes", summary="small pictures of discs and boxes")
