"""The manifest of bench-merging: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator
from dataclasses import replace

from bench_merging.compression import COMPRESSION
from bench_merging.family import MERGERS
from bench_merging.feedforward import FEED_FORWARD
from bench_merging.levels import LEVELS
from bench_merging.pools.sources import HANDWRITING, IMAGES
from harness import JSON, Dataset, Method, Metric, Preset, Task, hookimpl

__all__ = ["MERGERS"]

_POOLS = ("procedural-pool", "token-pool", "handwriting-pool", "images-pool", "independent-pool", "corrupted-pool")
_ONE = frozenset({"one-model", "order-invariant"})
_MEAN = _ONE | {"idempotent"}
_MATCHED = frozenset({"one-model", "idempotent", "midpoint"})


def _method(level: str, name: str, target: str, reference: str, traits: frozenset[str], summary: str) -> Method:
    return Method(name, MERGERS[level], f"bench_merging.methods.{target}", reference, traits, summary)


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the mergers, one file each."""
    yield from _data_free()
    yield from _with_inputs()
    yield from _with_labels()
    yield from _compressions()
    yield from _feed_forward()


def _data_free() -> Iterator[Method]:
    level = "data-free"
    yield _method(level, "pretrained", "pretrained:pretrained", "", _ONE, "the base as it is")
    yield _method(
        level, "experts", "experts:individual_experts", "", frozenset({"idempotent"}), "each task's own expert"
    )
    yield _method(
        level,
        "average",
        "average:average",
        "Wortsman et al. 2022, arXiv:2203.05482",
        _MEAN | {"midpoint"},
        "mean of the experts",
    )
    yield _method(
        level,
        "task-arithmetic",
        "task_arithmetic:task_arithmetic",
        "Ilharco et al. 2023, arXiv:2212.04089",
        _ONE,
        "base plus the scaled sum of the experts' updates",
    )
    yield _method(
        level,
        "ties",
        "ties:ties",
        "Yadav et al. 2023, arXiv:2306.01708",
        _ONE,
        "updates trimmed, a sign elected for each entry, what agrees merged",
    )
    yield _method(
        level,
        "dare",
        "dare:dare",
        "Yu et al. 2024, arXiv:2311.03099",
        frozenset({"one-model"}),
        "entries of the updates dropped at random, the rest rescaled",
    )
    yield _method(
        level,
        "slerp",
        "slerp:slerp",
        "Shoemake 1985, doi:10.1145/325165.325242; as in mergekit",
        _MEAN,
        "spherical interpolation of two experts",
    )
    yield _method(
        level,
        "model-stock",
        "model_stock:model_stock",
        "Jang, Yun, Han 2024, arXiv:2403.19522",
        _MEAN,
        "between base and mean, by the angle between the updates",
    )
    yield _method(
        level,
        "tsv-m",
        "tsv:tsv_m",
        "Gargiulo et al. 2025, arXiv:2412.00081",
        _ONE,
        "leading singular vectors of the updates, whitened",
    )
    yield _method(
        level,
        "iso-c",
        "iso:iso_c",
        "Marczak et al. 2025, arXiv:2502.04959",
        _ONE,
        "sum of the updates with equal singular values",
    )
    pcb = _method(
        level,
        "pcb",
        "pcb:pcb",
        "Du et al. 2024, arXiv:2410.02396",
        _ONE,
        "entries weighted by competition within and between updates",
    )
    yield replace(pcb, presets=tuple(Preset(name, source, params) for name, source, params in _PCB))
    yield _method(
        level,
        "weight-matching",
        "weight_matching:weight_matching",
        "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
        _MATCHED,
        "Git Re-Basin: units permuted until they match, then averaged",
    )

    yield _method(
        level,
        "rws",
        "rws:rws",
        "Cai, Zhang, Wang 2023, arXiv:2302.12480",
        frozenset({"one-model"}),
        "what makes a model robust, added to the model of another task; roles by place",
    )
    yield _method(
        level,
        "opcm",
        "opcm:opcm",
        "Tang et al. 2025, arXiv:2501.09522",
        frozenset({"one-model"}),
        "a stream of experts merged one at a time by orthogonal projections",
    )


def _with_inputs() -> Iterator[Method]:
    yield _method(
        "unlabelled-train",
        "activation-matching",
        "activation_matching:activation_matching",
        "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
        _MATCHED,
        "Git Re-Basin: units permuted until they react alike, then averaged",
    )
    yield _method(
        "unlabelled-train",
        "pleas",
        "pleas:pleas",
        "Nasery et al. 2025, arXiv:2407.02447",
        frozenset({"one-model", "idempotent"}),
        "two experts' units matched, then every layer fitted by least squares",
    )
    yield _method(
        "unlabelled-test",
        "concrete",
        "concrete:concrete",
        "Tang et al. 2023, arXiv:2312.06173",
        frozenset({"one-model"}),
        "a soft mask shared by all updates that minimises the entropy of predictions",
    )
    yield _method(
        "unlabelled-train",
        "fisher",
        "fisher:fisher",
        "Matena, Raffel 2022, arXiv:2111.09832",
        frozenset({"one-model", "idempotent"}),
        "average weighted by the diagonal Fisher information",
    )
    yield _method(
        "unlabelled-train",
        "regmean",
        "regmean:regmean",
        "Jin et al. 2023, arXiv:2212.09849",
        frozenset({"one-model", "idempotent"}),
        "linear layers by regression onto the experts' outputs",
    )
    yield _method(
        "unlabelled-train",
        "zipit",
        "zipit:zipit",
        "Stoica et al. 2024, arXiv:2305.03053",
        frozenset({"one-model"}),
        "correlated features merged, also within one model",
    )
    yield _method(
        "unlabelled-test",
        "adamerging",
        "adamerging:adamerging",
        "Yang et al. 2024, arXiv:2310.02575",
        frozenset({"one-model"}),
        "coefficients that minimise the entropy of predictions",
    )


def _with_labels() -> Iterator[Method]:
    yield _method(
        "evaluations",
        "evolutionary",
        "evolutionary:evolutionary",
        "Akiba, Shing, Tang, Sun, Ha 2025, arXiv:2403.13187",
        frozenset({"one-model"}),
        "weights and densities of DARE-TIES found by CMA-ES",
    )
    yield _method(
        "evaluations",
        "pcb-es",
        "pcb:pcb_es",
        "Du et al. 2024, arXiv:2410.02396",
        frozenset({"one-model"}),
        "PCB-Merging with a coefficient for each expert found by a search, as in its evolutionary script",
    )
    yield _method(
        "evaluations",
        "data-flow",
        "data_flow:data_flow",
        "Akiba, Shing, Tang, Sun, Ha 2025, arXiv:2403.13187",
        frozenset({"one-model"}),
        "a path through the experts' layers found by CMA-ES, with a scale at every step",
    )
    yield _method(
        "evaluations",
        "evo-merging",
        "evo_merging:evo_merging",
        "github.com/Chansl-Lucky/Black-Box-Merging",
        frozenset({"one-model"}),
        "adapters merged with sparse factors and signed weights found by CMA-ES",
    )
    yield _method(
        "labelled",
        "straight-through",
        "straight_through:straight_through",
        "Ainsworth, Hayase, Srinivasa 2023, arXiv:2209.04836",
        frozenset({"one-model", "midpoint"}),
        "Git Re-Basin: permutations that make the loss half-way small",
    )
    yield _method(
        "labelled",
        "atlas",
        "atlas:atlas",
        "Zhang et al. 2024, arXiv:2407.02880",
        frozenset({"one-model"}),
        "a coefficient for each task and tensor, learnt from labels",
    )
    yield _method(
        "evaluations",
        "tuned",
        "tuned:tuned",
        "Ilharco et al. 2023, arXiv:2212.04089",
        frozenset({"one-model"}),
        "a data-free merge whose scale is chosen on validation data",
    )
    yield _method(
        "evaluations",
        "tall-masks",
        "tall_masks:tall_masks",
        "Wang et al. 2024, arXiv:2405.07813",
        frozenset({"order-invariant"}),
        "one bit per weight and task picks from the summed updates",
    )
    yield _method(
        "evaluations",
        "consensus",
        "tall_masks:consensus",
        "Wang et al. 2024, arXiv:2405.07813",
        frozenset({"one-model", "order-invariant"}),
        "the summed updates where they serve several tasks",
    )
    yield _method(
        "training",
        "multitask",
        "multitask:multitask",
        "",
        frozenset({"one-model"}),
        "the base trained on all tasks at once",
    )


def _compressions() -> Iterator[Method]:
    for name, attribute, reference, summary in (
        ("ifm", "ifm", "github.com/Ytchen981/Iterative-Feature-Merging", "units that are alike merged, pair by pair"),
        ("random-merging", "random_merging", "", "control of ifm: as many units merged, drawn at random"),
        ("unit-pruning", "unit_pruning", "", "control of ifm: as many units left out, those of least norm"),
    ):
        traits = frozenset({"threshold"})
        yield Method(name, COMPRESSION, f"bench_merging.methods.ifm:{attribute}", reference, traits, summary)


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
    )


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute two tasks for each level of access: pools that are trained here, and checkpoints in folders."""
    quality = ("mean_accuracy", "normalised_accuracy", "worst_accuracy", "task_accuracy", "barrier")
    costs = ("pretrained_accuracy", "merge_seconds", "extra_parameters", "evaluations", "peak_memory")
    more = ("prototype_accuracy", "corrupted_accuracy")
    for level, family in MERGERS.items():
        attribute = level.title().replace("-", "")
        yield Task(
            f"merge-{level}",
            family,
            f"bench_merging.tasks:{attribute}",
            metrics=(*quality, *more, *costs),
            datasets=_POOLS,
            summary=f"make one model of a pool's experts; a method sees, beyond weights, {LEVELS[level]}",
        )
        yield Task(
            f"merge-{level}-folder",
            family,
            f"bench_merging.folder_tasks:{attribute}",
            metrics=(*quality, *costs),
            guard=f"bench_merging.folder:{'check_trained' if level in _TRAINED else 'check'}",
            summary=f"the same for checkpoints in folders; a method sees, beyond weights, {LEVELS[level]}",
        )

    for level in ("unlabelled-train", "evaluations"):
        yield Task(
            f"merge-{level}-resized",
            MERGERS[level],
            f"bench_merging.resized_tasks:Resized{level.title().replace('-', '')}",
            metrics=(*(q for q in quality if q != "barrier"), "size_ratio", *costs[:2], *costs[3:]),
            datasets=_POOLS,
            summary=f"the same, and the model may be wider or deeper; a method sees, beyond weights, {LEVELS[level]}",
        )
    for level in ("data-free", "unlabelled-train", "labelled"):
        yield Task(
            f"match-{level}",
            MERGERS[level],
            f"bench_merging.matching_tasks:Match{level.title().replace('-', '')}",
            metrics=("line_barrier", *_ALIGNMENTS, *quality[:3], "merge_seconds", "evaluations", "peak_memory"),
            datasets=_POOLS,
            requires=frozenset({"midpoint"}),
            reference="Ito, Yamada, Kumagai 2025, arXiv:2402.04051",
            summary=f"match the units of two models; a method sees, beyond weights, {LEVELS[level]}",
        )
    yield Task(
        "compress",
        COMPRESSION,
        "bench_merging.compression_tasks:Compress",
        metrics=(*quality[:3], "size_ratio", "merge_seconds"),
        datasets=_POOLS,
        summary="make every expert of a pool narrower, from its weights alone",
    )
    yield Task(
        "vision-transformer-training",
        FEED_FORWARD,
        "bench_merging.feedforward_tasks:VisionTransformerTraining",
        metrics=("accuracy", "parameters", "seconds_per_step", "peak_memory"),
        datasets=("procedural-task",),
        reference="Huang et al. 2023, arXiv:2308.06093",
        summary="train a small vision transformer whose feed-forward layers are merged when it is done",
    )
    for name, attribute, first, summary in (
        ("merge-speed", "MergeSpeed", (), "time of merging random experts against a reference"),
        ("merge-scaling", "MergeScaling", _EXPONENTS, "how time and memory grow with the number of experts"),
    ):
        yield Task(
            name,
            MERGERS["data-free"],
            f"bench_merging.speed_tasks:{attribute}",
            metrics=(*first, *_SPEED),
            against="average",
            alone=True,
            summary=summary,
        )
    yield Task(
        "merge-stream",
        MERGERS["data-free"],
        "bench_merging.stream:Stream",
        metrics=("mean_accuracy", "normalised_accuracy", "worst_accuracy", "backward_transfer", "merge_seconds"),
        datasets=("procedural-pool", "token-pool", "handwriting-pool", "images-pool"),
        reference="Tang et al. 2025, arXiv:2501.09522",
        summary="continual merging: a pool's experts one at a time, in a random order",
    )


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute the metrics of merging."""
    for name, summary in _QUALITIES.items():
        better = "lower" if name == "barrier" else "higher"
        yield Metric(name, f"bench_merging.metrics:{name}", better=better, summary=summary)
    yield Metric(
        "pretrained_accuracy",
        "bench_merging.metrics:pretrained_accuracy",
        better="higher",
        role="baseline",
        summary="mean accuracy of the base, unmerged",
    )
    for name, summary in {"line_barrier": "loss barrier between two matched models", **_ALIGNMENTS}.items():
        better = "higher" if name.startswith("singular") else "lower"
        yield Metric(name, f"bench_merging.matching:{name}", better=better, summary=summary)
    for name, (unit, summary) in _COSTS.items():
        yield Metric(name, f"bench_merging.metrics:{name}", better="lower", unit=unit, role="cost", summary=summary)


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the pools."""
    yield Dataset(
        "procedural-pool",
        "bench_merging.pools.procedural:procedural_pool",
        summary="a base and up to eight experts of procedural images and digits, trained here",
    )
    yield Dataset(
        "token-pool",
        "bench_merging.pools.tokens:token_pool",
        summary="a base and five experts of procedural sequences of tokens, trained here",
    )
    yield Dataset(
        "handwriting-pool",
        "bench_merging.pools.real:handwriting_pool",
        reference="LeCun et al. 1998; Cohen et al. 2017, arXiv:1702.05373",
        summary="a base and four experts of MNIST, EMNIST Letters and digits, trained here",
        sources=HANDWRITING,
    )
    yield Dataset(
        "images-pool",
        "bench_merging.pools.real:images_pool",
        reference="LeCun et al. 1998; Cohen et al. 2017, arXiv:1702.05373; Krizhevsky 2009",
        summary="the same with two experts of CIFAR-10 (JPEG, quality 75)",
        sources=IMAGES,
    )
    yield Dataset(
        "procedural-task",
        "bench_merging.feedforward_tasks:procedural_task",
        summary="one task of the procedural pool, without models",
    )
    yield Dataset(
        "corrupted-pool",
        "bench_merging.pools.corrupted:corrupted_pool",
        summary="clean and robust models of one task, and a host of another, trained here",
    )
    yield Dataset(
        "independent-pool",
        "bench_merging.pools.independent:independent_pool",
        summary="two models trained from different initialisations, trained here",
    )


_TRAINED = ("unlabelled-train", "training")  # levels at which methods see training data
_EXPONENTS = ("exponent", "exponent_low", "exponent_high", "reference_exponent")
_SPEED = (
    *("time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor"),
    *("seconds_per_call", "seconds_per_call_q1", "seconds_per_call_q3", "seconds_of_first_call", "throughput"),
    *("flops_per_call", "joules_per_call", "peak_memory"),
)
_RELEASED = "github.com/duguodong7/pcb-merging, "
_PCB: tuple[tuple[str, str, dict[str, JSON]], ...] = (
    ("vision", _RELEASED + "vision_source_code/pcb.py", {"inter": "sum", "keep": 0.05, "scale": 1.2}),
    ("evolutionary", _RELEASED + "vision_source_code/pcb_ES.py before its search", {"keep": 0.05}),
    ("language", _RELEASED + "nlp_source_code/utils/merge_utils.py, ratio of 0.2", {"inter": "raw"}),
    ("stand-alone", _RELEASED + "pcb-merging.py", {"inter": "raw", "clip": 0.0001, "keep": 0.05, "scale": 1.2}),
    ("paper", "arXiv:2410.02396, section 3", {"inter": "paper", "drop": "masked", "intra": "paper"}),
)
_ALIGNMENTS = {
    "distance_ratio": "distance of two models after matching, over that before",
    "singular_alignment": "agreement of their singular vectors with large singular values, after matching",
    "singular_alignment_all": "agreement of all their singular vectors",
}
_QUALITIES = {
    "mean_accuracy": "mean over tasks",
    "normalised_accuracy": "mean over tasks, relative to the task's expert",
    "worst_accuracy": "the lowest of any task",
    "task_accuracy": "one task's, by split",
    "prototype_accuracy": "mean over tasks, with heads made anew from the merged features",
    "unseen_accuracy": "mean over tasks that have no expert",
    "corrupted_accuracy": "mean over tasks and corruptions of the test images",
    "backward_transfer": "accuracy at the end less that when the task's expert had just been merged, mean over tasks",
    "barrier": "loss barrier on the line from expert to merged model",
}
_COSTS = {
    "merge_seconds": ("s", "wall time of the merge, a method's own evaluations and training included"),
    "extra_parameters": ("", "stored beyond one model, in float32 parameters"),
    "size_ratio": ("", "parameters over those of the model that it was made from"),
    "evaluations": ("", "one model measured on one task's validation data"),
}
