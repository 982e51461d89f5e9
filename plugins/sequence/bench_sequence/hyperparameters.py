"""Published hyper-parameters of the mixers, as presets, and what of them may be tuned. Imports no torch.

What of a configuration this plugin does differently, whatever the preset: Δ trains at most at a learning rate of 1e-3,
as A and B do, where the S4 configurations for ListOps, Text and Retrieval and the S5 ones for Text and Retrieval give
it the model's, and other S5 ones have ceilings from 6e-4 to 2e-3, or let some of B decay; a block ends in a gate, where
the ablations of the S4D paper have a linear layer and S5 half a gate; schedules are a linear warm-up and a cosine,
where LSSL's drop by steps, Mamba's is constant and the Arena's falls with the root of the step; heads read the mean of
positions, where the Arena's Transformers read the first; SGConv's kernels decay by 0.05 where its Pathfinder
configuration has 0.03, and its Path-X configuration is not here: it stretches the first piece of the kernel too. A
preset holds what its source tells; all else is the task's.
"""

from dataclasses import replace
from typing import Any

from harness import JSON, Choice, LogUniform, Preset, Space, Uniform

# How a task is approached, and not what it is: a method may bring these along.
RECIPE = frozenset(
    {
        "d_model",
        "layers",
        "norm",
        "prenorm",
        "dropout",
        "tie_dropout",
        "steps",
        "batch_size",
        "lr",
        "weight_decay",
        "warmup",
    }
)

_S4 = "authors' configuration, github.com/state-spaces/s4"
_S5 = "authors' scripts, github.com/lindermanlab/S5, bin/run_experiments"
_PTD = "arXiv:2310.01698, which keeps the S4 configurations, with a state size of 64"
_S5_PTD = f"arXiv:2310.01698, of which no configuration is known here; that of S5, {_S5}"
_SGCONV = "authors' configuration, github.com/ctlllll/SGConv, in an early commit"
_TCN = "authors' scripts, github.com/locuslab/TCN, whose network is one layer here"
_SAFARI = "authors' configuration, github.com/HazyResearch/safari"
_ARENA = "the Arena's configuration, github.com/google-research/long-range-arena; its largest learning rate"
_LSSL = "authors' configuration, github.com/state-spaces/s4; layers, channels and state size as arXiv:2110.13985"


def presets(method: str) -> tuple[Preset, ...]:
    """Return the presets of a method, named by the task that they were published for."""
    return _PRESETS.get(method, ())


def space(method: str) -> Space:
    """Return what of a method may be tuned."""
    return _SPACES.get(method, _ANY)


def _s4_lra(
    task: str,
    steps: int,
    batch_size: int,
    lr: float,
    *,
    width: int = 256,
    state: int = 64,
    prenorm: bool = True,
    dropout: float = 0.0,
    n_ssm: int | None = 1,
    dt_min: float = 0.001,
) -> Preset:
    """Return the current S4 configuration for a task of the Long Range Arena: six layers, batch normalisation."""
    model = {"d_model": width, "layers": 6, "norm": "batch", "prenorm": prenorm, "dropout": dropout}
    training = {"steps": steps, "batch_size": batch_size, "lr": lr, "weight_decay": 0.05, "warmup": 0.1}
    params = {"d_state": state, "n_ssm": n_ssm, "dt_min": dt_min, "dt_max": 0.1, "b_clip": 2.0}
    return Preset(f"lra-{task}", _S4, params, {**model, "tie_dropout": dropout > 0, **training})


def _ptd_lra(*sizes: Any, **others: Any) -> Preset:
    """Return the S4 configuration for a task of the Long Range Arena as S4-PTD takes it over."""
    preset = _s4_lra(*sizes, **others)
    return replace(preset, source=_PTD, params={k: v for k, v in preset.params.items() if k != "b_clip"})


def _s5_task(
    task: str,
    sizes: tuple[int, int, int, int],
    c_init: str,
    training: tuple[int, int, float, float],
    weight_decay: float,
    dropout: float = 0.0,
    **params: JSON,
) -> Preset:
    """Return the S5 configuration for a task.

    Args:
        task: its name.
        sizes: layers, width, blocks and state size.
        c_init: how C starts.
        training: steps (epochs times whole batches), batch size, learning rate, and the share of steps to warm up for.
        weight_decay, dropout: of the model.
        params: what else of the layer is not a default.
    """
    layers, width, blocks, state = sizes
    steps, batch_size, lr, warmup = training
    recipe: dict[str, JSON] = {"d_model": width, "layers": layers, "norm": "batch", "prenorm": True}
    recipe |= {"dropout": dropout, "tie_dropout": dropout > 0}
    recipe |= {"steps": steps, "batch_size": batch_size, "lr": lr, "warmup": warmup, "weight_decay": weight_decay}
    return Preset(task, _S5, {"blocks": blocks, "d_state": state, "c_init": c_init, **params}, recipe)


def _arena(task: str, width: int, heads: int, steps: int, lr: float, warmup: float) -> Preset:
    """Return how the Long Range Arena trains its Transformers on a task of texts: four layers, a decay of 0.1."""
    recipe: dict[str, JSON] = {"d_model": width, "layers": 4, "dropout": 0.1, "weight_decay": 0.1, "batch_size": 32}
    return Preset(f"lra-{task}", _ARENA, {"heads": heads}, recipe | {"steps": steps, "lr": lr, "warmup": warmup})


def _ablation(task: str, **recipe: JSON) -> Preset:
    """Return the protocol by which the S4D paper (arXiv:2206.11893) compares parameterisations: four layers of 128."""
    model: dict[str, JSON] = {"d_model": 128, "layers": 4}
    params: dict[str, JSON] = {"d_state": 64, "n_ssm": 1, "b_clip": 2.0}
    return Preset(f"ablation-{task}", f"{_S4}, for the ablations of arXiv:2206.11893", params, model | recipe)


def _sgconv_lra(
    task: str,
    sizes: tuple[int, int, int],
    training: tuple[int, int, float, float],
    *,
    norm: str = "batch",
    prenorm: bool = True,
    weight_decay: float = 0.05,
    dropout: dict[str, JSON] | None = None,
    **params: JSON,
) -> Preset:
    """Return the SGConv configuration for a task of the Long Range Arena.

    Args:
        task: its name.
        sizes: layers, width and weights of a piece.
        training: steps, batch size, learning rate, and the share of steps to warm up for.
        norm, prenorm, weight_decay, dropout: of the model.
        params: what else of the layer is not a default.
    """
    layers, width, kernel_dim = sizes
    steps, batch_size, lr, warmup = training
    recipe: dict[str, JSON] = {"d_model": width, "layers": layers, "norm": norm, "prenorm": prenorm}
    recipe |= dropout or {"dropout": 0.0}
    recipe |= {"steps": steps, "batch_size": batch_size, "lr": lr, "warmup": warmup, "weight_decay": weight_decay}
    return Preset(f"lra-{task}", _SGCONV, {"kernel_dim": kernel_dim, **params}, recipe)


def _lssl(task: str, lr: float, dropout: float, batch_size: int, sizes: tuple[int, int, int, int]) -> Preset:
    """Return the LSSL configuration for a task; `sizes` are its layers, width, state size and channels."""
    layers, width, state, channels = sizes
    recipe: dict[str, JSON] = {
        "d_model": width,
        "layers": layers,
        "dropout": dropout,
        "lr": lr,
        "batch_size": batch_size,
    }
    return Preset(task, _LSSL, {"d_state": state, "channels": channels}, recipe)


_ABLATIONS = (
    _ablation(
        "scifar",
        norm="layer",
        prenorm=False,
        dropout=0.1,
        tie_dropout=True,
        lr=0.01,
        weight_decay=0.01,
        batch_size=50,
        steps=90_000,
        warmup=0.01,
    ),
    _ablation(
        "speech-commands",
        norm="batch",
        prenorm=True,
        dropout=0.0,
        lr=0.004,
        weight_decay=0.0,
        batch_size=32,
        steps=50_000,
        warmup=0.02,
    ),
)

_TEXTS = (
    _arena("listops", 512, 8, 5000, 0.05 / 1000**0.5, 0.2),
    _arena("text", 256, 4, 20_000, 0.05 / 8000**0.5, 0.4),
    _arena("retrieval", 128, 4, 5000, 0.05 / 8000**0.5 * 5 / 8, 1.0),  # ends before its warm-up of 8,000 steps does
)
_RECALL = Preset(
    "induction-heads", _SAFARI, {}, {"d_model": 32, "layers": 2, "lr": 5e-4, "weight_decay": 0.1, "batch_size": 32}
)
_REGRESSION = Preset(
    "in-context-regression",
    "authors' configuration, github.com/dtsip/in-context-learning; without its curriculum",
    {"heads": 8},
    {"d_model": 256, "layers": 12, "lr": 1e-4, "batch_size": 64, "steps": 500_001},
)
_SELECTIVE_COPYING = Preset(
    "selective-copying",
    "arXiv:2312.00752, appendix on synthetic tasks",
    {},
    {"d_model": 64, "layers": 2, "lr": 1e-4, "batch_size": 64, "steps": 400_000},
)

_S5_LRA = (
    _s5_task("lra-listops", (8, 128, 8, 16), "lecun-normal", (76_800, 50, 0.003, 0.025), 0.04),
    _s5_task("lra-text", (6, 256, 12, 192), "lecun-normal", (17_500, 50, 0.004, 0.0), 0.07, 0.1),
    _s5_task("lra-retrieval", (6, 128, 16, 256), "truncated-normal", (91_920, 32, 0.002, 0.05), 0.05),
    _s5_task("lra-image", (6, 512, 3, 384), "lecun-normal", (225_000, 50, 0.0045, 1 / 250), 0.07, 0.1, clip_eigs=True),
    _s5_task("lra-pathfinder", (6, 192, 8, 256), "truncated-normal", (500_000, 64, 0.0045, 0.005), 0.03, 0.05),
    _s5_task("lra-path-x", (6, 128, 16, 256), "complex-normal", (375_000, 32, 0.0018, 1 / 75), 0.06, dt_min=1e-4),
)

_PRESETS = {
    "s4": (
        _s4_lra("listops", 120_000, 32, 0.01, state=4, prenorm=False),
        _s4_lra("text", 50_000, 16, 0.01, state=4),
        _s4_lra("retrieval", 50_000, 64, 0.01, state=4),
        _s4_lra("image", 180_000, 50, 0.01, width=512, prenorm=False, dropout=0.1),
        _s4_lra("pathfinder", 500_000, 64, 0.004, n_ssm=None),
        _s4_lra("path-x", 500_000, 16, 0.001, n_ssm=None, dt_min=1e-4),
        Preset(
            "scifar",
            _S4,
            {"d_state": 64, "n_ssm": 2, "b_clip": 2.0},
            {
                **{"d_model": 512, "layers": 6, "norm": "layer", "prenorm": False, "dropout": 0.1, "tie_dropout": True},
                **{"steps": 180_000, "batch_size": 50, "lr": 0.01, "weight_decay": 0.05, "warmup": 0.005},
            },
        ),
        Preset(
            "speech-commands",
            _S4,
            {"d_state": 64, "n_ssm": 2, "b_clip": 2.0},
            {
                **{"d_model": 128, "layers": 6, "norm": "batch", "prenorm": True, "dropout": 0.0},
                **{"steps": 200_000, "batch_size": 16, "lr": 0.01, "weight_decay": 0.05, "warmup": 0.005},
            },
        ),
        *_ABLATIONS,
        Preset(
            "forecasting",
            f"{_S4}, configs/experiment/forecasting",
            {"d_state": 64, "n_ssm": 1, "b_clip": 2.0},
            {
                **{"d_model": 128, "layers": 2, "dropout": 0.25, "tie_dropout": True},
                **{"lr": 0.01, "batch_size": 50, "weight_decay": 0.0},
            },
        ),
    ),
    "s4d": (*_ABLATIONS, _RECALL),
    "s4-ptd": (
        _ptd_lra("listops", 120_000, 32, 0.01, prenorm=False),
        _ptd_lra("text", 50_000, 16, 0.01),
        _ptd_lra("retrieval", 50_000, 64, 0.01),
        _ptd_lra("image", 180_000, 50, 0.01, width=512, prenorm=False, dropout=0.1),
        _ptd_lra("pathfinder", 500_000, 64, 0.004, n_ssm=None),
        _ptd_lra("path-x", 500_000, 16, 0.001, n_ssm=None, dt_min=1e-4),
    ),
    "s5": (
        *_S5_LRA,
        _s5_task("speech-commands", (6, 96, 16, 128), "lecun-normal", (212_080, 16, 0.008, 0.025), 0.04, 0.1),
    ),
    # Not for ListOps: of blocks of two states, perturbed, the eigenvalues are real
    "s5-ptd": tuple(replace(preset, source=_S5_PTD) for preset in _S5_LRA if preset.name != "lra-listops"),
    "lssl": (
        _lssl("smnist", 0.004, 0.2, 50, (6, 128, 128, 1)),
        _lssl("pmnist", 0.001, 0.2, 50, (6, 128, 128, 1)),
        _lssl("scifar", 0.02, 0.3, 50, (4, 256, 256, 4)),
        _lssl("speech-commands", 0.01, 0.2, 16, (4, 256, 128, 2)),
    ),
    "spacetime": (
        Preset(
            "forecasting",
            "authors' configuration, github.com/HazyResearch/spacetime; its encoder",
            {"kernel_dim": 64},
            {"d_model": 128, "layers": 2, "dropout": 0.25, "lr": 1e-3, "weight_decay": 1e-4, "batch_size": 50},
        ),
    ),
    "sgconv": (
        _sgconv_lra("listops", (8, 128, 1), (80_000, 50, 0.01, 0.0125), prenorm=False),
        _sgconv_lra("text", (6, 256, 2), (50_000, 16, 0.01, 0.02)),
        _sgconv_lra("retrieval", (6, 256, 1), (50_000, 64, 0.01, 0.05)),  # 32 on each of two GPUs
        _sgconv_lra(
            "image",
            (6, 512, 32),
            (200_000, 50, 0.01, 0.005),
            norm="layer",
            prenorm=False,
            dropout={"dropout": 0.2, "tie_dropout": True},
            decay="fixed",
            decay_min=1.0,
            decay_max=1.0,
        ),
        _sgconv_lra(
            "pathfinder",
            (6, 256, 32),
            (500_000, 64, 0.004, 0.005),
            weight_decay=0.03,
            dropout={"dropout": 0.2},
        ),
    ),
    "tcn": (
        Preset(
            "smnist",
            _TCN,
            {"kernel_size": 7, "blocks": 8, "dropout": 0.05},
            {"d_model": 25, "layers": 1, "lr": 0.002, "weight_decay": 0.0, "batch_size": 64},
        ),
        Preset(
            "adding",
            _TCN,
            {"kernel_size": 7, "blocks": 8, "dropout": 0.0},
            {"d_model": 30, "layers": 1, "lr": 0.004, "weight_decay": 0.0, "batch_size": 32},
        ),
    ),
    "transformer": (*_TEXTS, _RECALL, _REGRESSION),
    "linear-attention": _TEXTS,
    "hyena": (
        Preset(
            "associative-recall",
            _SAFARI,
            {"order": 2, "width": 64, "bands": 2, "frequency": 10.0},
            {"d_model": 64, "layers": 2, "lr": 5e-4, "weight_decay": 0.1},
        ),
    ),
    "s6": (_SELECTIVE_COPYING,),
    "mamba": (_SELECTIVE_COPYING,),
    "timesnet": (
        Preset(
            "forecasting",
            "authors' scripts, github.com/thuml/Time-Series-Library",
            {"top_k": 5, "kernels": 6},
            {"layers": 2, "dropout": 0.1, "lr": 1e-4, "batch_size": 32},
        ),
    ),
}

_DROPOUT = Uniform(0.0, 0.2)
_DECAY = LogUniform(0.01, 0.1)
_STEPS = Choice((1e-4, 1e-3))  # the least Δ
_S4_SPACE = Space(
    params={"dt_min": _STEPS},
    recipe={"lr": LogUniform(1e-3, 1e-2), "weight_decay": _DECAY, "dropout": _DROPOUT},
    source="from the least to the largest value of the authors' configurations; a wider weight decay",
)
_S5_SPACE = replace(_S4_SPACE, source="that of S4, which holds the values of the authors' configurations")
# The same for all whose papers give no ranges for tasks like these.
_ANY = Space(
    recipe={"lr": LogUniform(1e-4, 1e-2), "weight_decay": _DECAY, "dropout": _DROPOUT},
    source="of this project, the same for every method without published ranges",
)
_SPACES = {
    "s4": _S4_SPACE,
    "s4d": _S4_SPACE,
    "s4-ptd": _S4_SPACE,
    "s5": _S5_SPACE,
    "s5-ptd": _S5_SPACE,
    "lssl": Space(
        recipe={"lr": LogUniform(1e-3, 2e-2), "weight_decay": _DECAY, "dropout": Uniform(0.0, 0.3)},
        source="learning rate and dropout of the authors' configurations; the weight decay is of this project",
    ),
    "sgconv": Space(
        params={"kernel_dim": Choice((16, 32, 64))},
        recipe={"lr": LogUniform(1e-3, 1e-2), "weight_decay": _DECAY, "dropout": _DROPOUT},
        source="arXiv:2210.09298 and the released code; the weight decay is of this project",
    ),
}
