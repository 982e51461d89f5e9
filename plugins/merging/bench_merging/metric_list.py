"""The metrics of bench-merging by name. Imports no torch."""

from collections.abc import Iterator

from harness import Metric

ALIGNMENTS = {
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


def metrics() -> Iterator[Metric]:
    """Yield the metrics of merging."""
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
    for name, summary in {"line_barrier": "loss barrier between two matched models", **ALIGNMENTS}.items():
        better = "higher" if name.startswith("singular") else "lower"
        yield Metric(name, f"bench_merging.matching:{name}", better=better, summary=summary)
    for name, (unit, summary) in _COSTS.items():
        yield Metric(name, f"bench_merging.metrics:{name}", better="lower", unit=unit, role="cost", summary=summary)
