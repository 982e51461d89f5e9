"""What a method may see of the tasks besides weights. A task hands over what the method's family declares, no more."""

from collections.abc import Callable, Sequence

from torch import Tensor

from bench_merging.network import Network
from bench_merging.state import StateDict

Evaluate = Callable[[StateDict, int], float]  # a model, a task -> accuracy of that model on that task


class NotGrantedError(PermissionError):
    """A method asks for what its family does not declare."""


class BudgetSpentError(RuntimeError):
    """A method asks for more evaluations than it has."""


class Access:
    """The architecture, and what else is granted; asking for more raises NotGrantedError.

    Args:
        network: the architecture around the merged weights, with a frozen head for each task.
        inputs: inputs of each task, without labels, (n, *shape) each.
        examples: inputs and labels of each task, (n, *shape) and (n,) each.
        evaluate: measures accuracy on validation data.
        budget: how many times `accuracy` may be asked, one model on one task each.
    """

    def __init__(
        self,
        network: Network,
        *,
        inputs: Sequence[Tensor] | None = None,
        examples: Sequence[tuple[Tensor, Tensor]] | None = None,
        evaluate: Evaluate | None = None,
        budget: int = 0,
    ) -> None:
        self.network = network
        self._inputs, self._examples, self._evaluate = inputs, examples, evaluate
        self.budget = budget
        self.evaluations = 0

    @property
    def shows_examples(self) -> bool:
        """Whether inputs are granted, labelled or not."""
        return self._inputs is not None or self._examples is not None

    @property
    def inputs(self) -> Sequence[Tensor]:
        """Unlabelled inputs of each task."""
        if self._inputs is None:
            raise NotGrantedError("this method's family declares no unlabelled data")
        return self._inputs

    @property
    def examples(self) -> Sequence[tuple[Tensor, Tensor]]:
        """Labelled examples of each task."""
        if self._examples is None:
            raise NotGrantedError("this method's family declares no labelled data")
        return self._examples

    def accuracy(self, model: StateDict, task: int) -> float:
        """Return the validation accuracy of a model on a task; costs one evaluation."""
        if self._evaluate is None:
            raise NotGrantedError("this method's family declares no evaluations")
        if self.evaluations >= self.budget:
            raise BudgetSpentError(f"the budget of {self.budget} evaluations (one model on one task each) is spent")
        self.evaluations += 1
        return self._evaluate(model, task)

    def mean_accuracy(self, model: StateDict) -> float:
        """Return the mean validation accuracy over all tasks; costs as many evaluations as there are tasks."""
        tasks = range(len(self.network.heads))
        return sum(self.accuracy(model, task) for task in tasks) / len(tasks)
