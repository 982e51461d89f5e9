"""The metrics of merging, from lists with one accuracy (or loss) per task."""


def mean_accuracy(accuracies: list[float]) -> float:
    """Mean over tasks."""
    return sum(accuracies) / len(accuracies)


def normalised_accuracy(accuracies: list[float], expert_accuracies: list[float]) -> float:
    """Mean over tasks of the accuracy relative to that of the task's expert."""
    shares = [a / max(e, 1e-9) for a, e in zip(accuracies, expert_accuracies, strict=True)]
    return sum(shares) / len(shares)


def worst_accuracy(accuracies: list[float]) -> float:
    """The lowest accuracy of any task."""
    return min(accuracies)


def task_accuracy(task_accuracy: float) -> float:
    """Accuracy on the one task that the split names."""
    return task_accuracy


def prototype_accuracy(prototype_accuracies: list[float]) -> float:
    """Mean accuracy with heads made anew from the merged model's own features."""
    return sum(prototype_accuracies) / len(prototype_accuracies)


def unseen_accuracy(unseen_accuracies: list[float]) -> float:
    """Mean accuracy on tasks that have no expert."""
    return sum(unseen_accuracies) / len(unseen_accuracies)


def corrupted_accuracy(corrupted_accuracies: list[float]) -> float:
    """Mean accuracy over tasks and corruptions of the test images."""
    return sum(corrupted_accuracies) / len(corrupted_accuracies)


def barrier(barriers: list[float]) -> float:
    """Mean over tasks of the loss barrier on the line from expert to merged model."""
    return sum(barriers) / len(barriers)


def pretrained_accuracy(base_accuracies: list[float]) -> float:
    """Mean accuracy of the base."""
    return sum(base_accuracies) / len(base_accuracies)


def backward_transfer(accuracies: list[float], when_merged: list[float]) -> float:
    """Mean, over all tasks but the last, of the accuracy at the end less that when its expert had just been merged."""
    changes = [a - b for a, b in zip(accuracies, when_merged, strict=True)][:-1]
    return sum(changes) / len(changes)


def merge_seconds(merge_seconds: float) -> float:
    """Wall time of the merge, evaluations and training of the method included."""
    return merge_seconds


def extra_parameters(extra_parameters: float) -> float:
    """What has to be stored beyond one model, in float32 parameters."""
    return extra_parameters


def evaluations(evaluations: int) -> float:
    """How often the method measured one model on the validation data of one task."""
    return evaluations


def size_ratio(sizes: tuple[int, int]) -> float:
    """Parameters of the model over those of the base, or of the model that it was made from."""
    return sizes[0] / sizes[1]
