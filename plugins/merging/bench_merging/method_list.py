"""The mergers of bench-merging by name, by what they may see, with what each claims. Imports no torch."""

from collections.abc import Iterator

from bench_merging.compression import COMPRESSION
from bench_merging.family import MERGERS
from bench_merging.feedforward import FEED_FORWARD
from harness import Method, Preset

_ALONE = frozenset({"one-model"})
_ONE = _ALONE | {"order-invariant"}
_MEAN = _ONE | {"idempotent"}
_MATCHED = frozenset({"one-model", "idempotent", "midpoint"})
_FITS = "bench_merging.limits:method"
_RELEASED = "github.com/duguodong7/pcb-merging, "
_PRESETS = {
    "pcb": (
        Preset("vision", _RELEASED + "vision_source_code/pcb.py", {"inter": "sum", "keep": 0.05, "scale": 1.2}),
        Preset("evolutionary", _RELEASED + "vision_source_code/pcb_ES.py before its search", {"keep": 0.05}),
        Preset("language", _RELEASED + "nlp_source_code/utils/merge_utils.py, ratio of 0.2", {"inter": "raw"}),
        Preset(
            "stand-alone", _RELEASED + "pcb-merging.py", {"inter": "raw", "clip": 0.0001, "keep": 0.05, "scale": 1.2}
        ),
        Preset("paper", "arXiv:2410.02396, section 3", {"inter": "paper", "drop": "masked", "intra": "paper"}),
    ),
}

# level of access -> name, "module:attribute" of its file, source, claims, summary
_MERGERS: dict[str, tuple[tuple[str, str, str, frozenset[str], str], ...]] = {
    "data-free": (
        ("pretrained", "pretrained:pretrained", "", _ONE, "the base as it is"),
        ("experts", "experts:individual_experts", "", frozenset({"idempotent"}), "each task's own expert"),
        (
            "average",
            "average:average",
            "Wortsman et al. 2022, arXiv:2203.05482",
            _MEAN | {"midpoint"},
            "mean of the experts",
        ),
        (
            "task-arithmetic",
            "task_arithmetic:task_arithmetic",
            "Ilharco et al. 2023, arXiv:2212.04089",
            _ONE,
            "base plus the scaled sum of the experts' updates",
        ),
        (
            "ties",
            "ties:ties",
            "Yadav et al. 2023, arXiv:2306.01708",
            _ONE,
            "updates trimmed, a sign elected for each entry, what agrees merged",
        ),
        (
            "dare",
            "dare:dare",
            "Yu et al. 2024, arXiv:2311.03099",
            _ALONE,
            "entries of the updates dropped at random, the rest rescaled",
        ),
        (
            "slerp",
            "slerp:slerp",
            "Shoemake 1985, doi:10.1145/325165.325242; as in mergekit",
            _MEAN,
            "spherical interpolation of two experts",
        ),
        (
            "model-stock",
            "model_stock:model_stock",
            "Jang, Yun, Han 2024, arXiv:2403.19522",
            _MEAN,
            "between base and mean, by the angle between the updates",
        ),
        (
            "tsv-m",
            "tsv:tsv_m",
            "Gargiulo et al. 2025, arXiv:2412.00081",
            _ONE,
            "leading singular vectors of the updates, whitened",
        ),
        (
            "iso-c",
            "iso:iso_c",
            "Marczak et al. 2025, arXiv:2502.04959",
            _ONE,
            "sum of the updates with equal singular values",
        ),
        (
            "pcb",
            "pcb:pcb",
            "Du et al. 2024, arXiv:2410.02396",
            _ONE,
            "entries weighted by competition within and between updates",
        ),
        (
            "weight-matching",
            "weight_matching:weight_matching",
            "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
            _MATCHED,
            "Git Re-Basin: units permuted until they match, then averaged",
        ),
        (
            "rws",
            "rws:rws",
            "Cai, Zhang, Wang 2023, arXiv:2302.12480",
            _ALONE,
            "what makes a model robust, added to the model of another task; roles by place",
        ),
        (
            "opcm",
            "opcm:opcm",
            "Tang et al. 2025, arXiv:2501.09522",
            _ALONE,
            "a stream of experts merged one at a time by orthogonal projections",
        ),
    ),
    "unlabelled-train": (
        (
            "activation-matching",
            "activation_matching:activation_matching",
            "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
            _MATCHED,
            "Git Re-Basin: units permuted until they react alike, then averaged",
        ),
        (
            "pleas",
            "pleas:pleas",
            "Nasery et al. 2025, arXiv:2407.02447",
            frozenset({"one-model", "idempotent"}),
            "two experts' units matched, then every layer fitted by least squares",
        ),
        (
            "fisher",
            "fisher:fisher",
            "Matena, Raffel 2022, arXiv:2111.09832",
            frozenset({"one-model", "idempotent"}),
            "average weighted by the diagonal Fisher information",
        ),
        (
            "regmean",
            "regmean:regmean",
            "Jin et al. 2023, arXiv:2212.09849",
            frozenset({"one-model", "idempotent"}),
            "linear layers by regression onto the experts' outputs",
        ),
        (
            "zipit",
            "zipit:zipit",
            "Stoica et al. 2024, arXiv:2305.03053",
            _ALONE,
            "correlated features merged, also within one model",
        ),
    ),
    "unlabelled-test": (
        (
            "concrete",
            "concrete:concrete",
            "Tang et al. 2023, arXiv:2312.06173",
            _ALONE,
            "a soft mask shared by all updates that minimises the entropy of predictions",
        ),
        (
            "adamerging",
            "adamerging:adamerging",
            "Yang et al. 2024, arXiv:2310.02575",
            _ALONE,
            "coefficients that minimise the entropy of predictions",
        ),
    ),
    "evaluations": (
        (
            "evolutionary",
            "evolutionary:evolutionary",
            "Akiba, Shing, Tang, Sun, Ha 2025, arXiv:2403.13187",
            _ALONE,
            "weights and densities of DARE-TIES found by CMA-ES",
        ),
        (
            "pcb-es",
            "pcb:pcb_es",
            "Du et al. 2024, arXiv:2410.02396",
            _ALONE,
            "PCB-Merging with a coefficient for each expert found by a search, as in its evolutionary script",
        ),
        (
            "data-flow",
            "data_flow:data_flow",
            "Akiba, Shing, Tang, Sun, Ha 2025, arXiv:2403.13187",
            _ALONE,
            "a path through the experts' layers found by CMA-ES, with a scale at every step",
        ),
        (
            "evo-merging",
            "evo_merging:evo_merging",
            "github.com/Chansl-Lucky/Black-Box-Merging",
            _ALONE,
            "adapters merged with sparse factors and signed weights found by CMA-ES",
        ),
        (
            "tuned",
            "tuned:tuned",
            "Ilharco et al. 2023, arXiv:2212.04089",
            _ALONE,
            "a data-free merge whose scale is chosen on validation data",
        ),
        (
            "tall-masks",
            "tall_masks:tall_masks",
            "Wang et al. 2024, arXiv:2405.07813",
            frozenset({"order-invariant"}),
            "one bit per weight and task picks from the summed updates",
        ),
        (
            "consensus",
            "tall_masks:consensus",
            "Wang et al. 2024, arXiv:2405.07813",
            _ONE,
            "the summed updates where they serve several tasks",
        ),
    ),
    "labelled": (
        (
            "straight-through",
            "straight_through:straight_through",
            "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
            frozenset({"one-model", "midpoint"}),
            "Git Re-Basin: permutations that make the loss half-way small",
        ),
        (
            "atlas",
            "atlas:atlas",
            "Zhang et al. 2024, arXiv:2407.02880",
            _ALONE,
            "a coefficient for each task and tensor, learnt from labels",
        ),
    ),
    "training": (("multitask", "multitask:multitask", "", _ALONE, "the base trained on all tasks at once"),),
}


def methods() -> Iterator[Method]:
    """Yield the mergers, and the methods of the other families."""
    for level, mergers in _MERGERS.items():
        for name, target, reference, traits, summary in mergers:
            yield Method(
                name,
                MERGERS[level],
                f"bench_merging.methods.{target}",
                reference,
                traits,
                summary,
                presets=_PRESETS.get(name, ()),
                check=_FITS,
            )
    yield from _compressions()
    yield from _feed_forward()


def _compressions() -> Iterator[Method]:
    for name, attribute, reference, summary in (
        ("ifm", "ifm", "github.com/Ytchen981/Iterative-Feature-Merging", "units that are alike merged, pair by pair"),
        ("random-merging", "random_merging", "", "control of ifm: as many units merged, drawn at random"),
        ("unit-pruning", "unit_pruning", "", "control of ifm: as many units left out, those of least norm"),
    ):
        traits = frozenset({"threshold"})
        target = f"bench_merging.methods.ifm:{attribute}"
        yield Method(name, COMPRESSION, target, reference, traits, summary, check=_FITS)


def _feed_forward() -> Iterator[Method]:
    yield Method(
        "feed-forward",
        FEED_FORWARD,
        "bench_merging.methods.ewa:FeedForward",
        "",
        frozenset({"one-layer"}),
        "the plain layer of a transformer",
    )
    yield Method(
        "ewa",
        FEED_FORWARD,
        "bench_merging.methods.ewa:ExpertsWeightsAveraging",
        "Huang et al. 2023, arXiv:2308.06093",
        summary="experts in training, each on a random part of the tokens, averaged at the end",
        check=_FITS,
    )
