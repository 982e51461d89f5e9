"""What bench-pde contributes to the family of neural operators, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde import published_files
from bench_pde.family import NEURAL_OPERATOR
from harness import Dataset, Method, Preset

_FITS = "bench_pde.limits:method"
_ANY_GRID = frozenset({"1d", "2d", "any-grid"})
_BUILT_FOR_ONE = frozenset({"1d", "2d"})
_FNO = "Li et al. 2021, arXiv:2010.08895"
_MT_DEEPONET = "Kumar et al. 2024, arXiv:2408.02198"
_MT_DEEPONET_CODE = "varunsingh88/MT-DeepONet"
_PDEBENCH = "Takamoto et al. 2022, arXiv:2210.07182"

_GENERATED = {
    "advection": "advection:advection",
    "burgers": "burgers:burgers",
    "burgers-map": "burgers:burgers_map",
    "reaction-diffusion": "reaction_diffusion:reaction_diffusion",
    "kuramoto-sivashinsky": "kuramoto_sivashinsky:kuramoto_sivashinsky",
    "darcy": "darcy:darcy",
    "navier-stokes": "navier_stokes:navier_stokes",
    "diffusion-sorption": "diffusion_sorption:diffusion_sorption",
    "diffusion-reaction": "diffusion_reaction:diffusion_reaction",
    "dam-break": "dam_break:dam_break",
    "wave": "wave:wave",
    "compressible-flow": "compressible:compressible_flow",
    "darcy-rough": "multiscale:darcy_rough",
    "darcy-multiscale": "multiscale:darcy_multiscale",
    "helmholtz": "helmholtz:helmholtz",
    "fisher": "fisher:fisher",
    "darcy-shapes": "darcy_shapes:darcy_shapes",
}

OPERATORS = (
    Method(
        "fno",
        NEURAL_OPERATOR,
        "bench_pde.methods.fno:FNO",
        reference=_FNO,
        traits=_ANY_GRID,
        summary="Fourier neural operator",
        check=_FITS,
    ),
    Method(
        "u-net",
        NEURAL_OPERATOR,
        "bench_pde.methods.unet:UNet",
        reference="Ronneberger, Fischer, Brox 2015, arXiv:1505.04597",
        traits=_ANY_GRID,
        summary="the U-Net of 2015 as in PDEBench and PDEArena",
        check=_FITS,
    ),
    Method(
        "u-net-modern",
        NEURAL_OPERATOR,
        "bench_pde.methods.unet_modern:ModernUNet",
        reference="Gupta, Brandstetter 2023, arXiv:2209.15616",
        traits=_BUILT_FOR_ONE,
        summary="U-Net of wide residual blocks, as in PDEArena",
        check=_FITS,
    ),
    Method(
        "deeponet",
        NEURAL_OPERATOR,
        "bench_pde.methods.deeponet:DeepONet",
        reference="Lu et al. 2021, doi:10.1038/s42256-021-00302-5",
        traits=_BUILT_FOR_ONE,
        summary="deep operator network: a sum of learned functions with learned coefficients",
        check=_FITS,
    ),
    Method(
        "mgno",
        NEURAL_OPERATOR,
        "bench_pde.methods.mgno:MgNO",
        reference="He, Liu, Xu 2024, arXiv:2310.19809",
        traits=frozenset({"2d"}),
        summary="linear maps parameterised as multigrid cycles",
        check=_FITS,
    ),
    Method(
        "sinenet",
        NEURAL_OPERATOR,
        "bench_pde.methods.sinenet:SineNet",
        reference="Zhang et al. 2024, arXiv:2403.19507",
        traits=frozenset({"2d"}),
        summary="a row of small U-Nets, each adding to what the one before has made",
        check=_FITS,
    ),
    Method(
        "mt-deeponet",
        NEURAL_OPERATOR,
        "bench_pde.methods.mt_deeponet:MTDeepONet",
        reference=_MT_DEEPONET,
        traits=_BUILT_FOR_ONE,
        presets=(
            Preset("fisher", f"{_MT_DEEPONET_CODE}, Fisher/", {"network": "coefficients", "coefficients": 4}),
            Preset("darcy", f"{_MT_DEEPONET_CODE}, Darcy/", {"network": "shapes"}),
        ),
        summary="a deep operator network for several tasks, told which one it has",
        check=_FITS,
    ),
)


def datasets() -> Iterator[Dataset]:
    """Yield what operators learn from: data that are generated, and what others have published."""
    for name, function in _GENERATED.items():
        yield Dataset(name, f"bench_pde.equations.{function}")
    for name, sources in published_files.SOURCES.items():
        reader = "pdebench" if name in published_files.PDEBENCH else name.replace("-", "_")
        reference = _PDEBENCH if name.startswith("pdebench") else _FNO
        yield Dataset(name, f"bench_pde.published:{reader}", reference, sources=sources)
