"""A paper's claim in a form that results can judge: the `claims` of a suite.

    claims:
      - id: init-matters
        source: arXiv:2206.11893, Table 3
        statement: A state matrix from HiPPO beats a random one.
        check:
          beats: {a: "method=s4d,init=legs", b: "method=s4d,init=random", by: 0.2, tasks: [delay]}

`a` and `b` are expressions as `--select` takes them, each of which has to choose one method with one set of parameters;
a lone word is a method's name. `tasks` are likewise expressions, or names of tasks; without them a claim speaks of all
tasks that its methods are run on. Over several tasks, scores are brought to one scale by the tasks' anchors and
averaged; costs, which have none, are averaged geometrically. `metric` is the tasks' primary one unless given, and
`split` where it is measured: "test", or the only one there is, unless given. Where a run measures several sizes, they
are the `step` of its rows, and `size: step` says so.

| check | says |
|---|---|
| beats: {a, b, by, margin, share, published} | `a` is better than `b` by at least `by` |
| not-worse: {a, b, margin, published} | `a` is worse than `b` by less than `margin` |
| cheaper: {a, b, factor, metric, margin, share} | by the metric, `b` costs `factor` times as much as `a` |
| grows: {a, size, power, metric} | the cost of `a` grows at most like the tasks' parameter `size` to `power` |
| monotone: {a, parameter, way} | the metric is `way`, rising or falling, with a parameter |

`margin` says which gains do not matter, and makes EQUIVALENT possible; `share` (0.5) is what of the claimed gain may be
missing; `published` is b's own published score, without which beating it here proves nothing. The verdicts' exact rules
are in `harness.stats.verdicts` and `harness.stats.trends`.
"""

from harness.claims.reading import read_claims
from harness.claims.resolving import Cell, Unresolved, resolve
from harness.claims.shapes import Beats, Cheaper, Check, Claim, Grows, Monotone, NotWorse

__all__ = [
    "Beats",
    "Cell",
    "Cheaper",
    "Check",
    "Claim",
    "Grows",
    "Monotone",
    "NotWorse",
    "Unresolved",
    "read_claims",
    "resolve",
]
