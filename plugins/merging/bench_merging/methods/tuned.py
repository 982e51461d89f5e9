"""A merge theta_0 + scale * Delta whose scale is chosen on validation data, as most papers do.

Delta    the update of a data-free method at scale 1
scale    that with the best mean validation accuracy on a grid: 0 to 1 by 0.05, the grid of task arithmetic
         (Ilharco et al. 2023), and on to 3 by 0.1, that of Iso-C (Marczak et al. 2025); the same for every method
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.dare import dare
from bench_merging.methods.iso import iso_c
from bench_merging.methods.pcb import pcb
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.ties import ties
from bench_merging.methods.tsv import tsv_m
from bench_merging.state import StateDict, add, floating, widened

SCALES = [0.05 * i for i in range(21)] + [1 + 0.1 * i for i in range(1, 21)]
METHODS = {"task-arithmetic": task_arithmetic, "ties": ties, "dare": dare, "tsv-m": tsv_m, "iso-c": iso_c, "pcb": pcb}


def tuned(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    of: Literal["task-arithmetic", "ties", "dare", "tsv-m", "iso-c", "pcb"] = "task-arithmetic",
) -> dict[str, Tensor]:
    """Return the merge of method `of`, its other parameters at their defaults, at the best of 41 scales.

    Raises ValueError: see `limits.affordable`.
    """
    limits.affordable(len(SCALES) * len(access.network.heads), access.budget)
    origin = widened(base)
    whole = METHODS[of](base=origin, experts=[widened(e) for e in experts], access=access, scale=1.0)
    update = {name: whole[name] - origin[name] for name in floating(base)}
    candidates = (add(base, lambda name, scale=scale: scale * update[name], experts) for scale in SCALES)
    return max(candidates, key=access.mean_accuracy)
