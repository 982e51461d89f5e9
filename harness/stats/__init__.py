"""Intervals, tests and verdicts for few seeds, as pure functions on arrays; on numpy and scipy alone.

| module | what it answers |
|---|---|
| `samples` | values as arrays; failed runs counted as the worst value |
| `intervals` | how sure is a mean on one task? |
| `signed_rank` | Wilcoxon's test, exact with ties and zeros |
| `rank_sum` | by how much does one of two samples that are not paired lie above the other? |
| `pairs` | how do two methods compare on the same seeds, and over tasks? |
| `across` | how does a method do over many tasks? |
| `anchors` | scores of different tasks on one scale |
| `cliques` | which methods cannot be told apart over many tasks? |
| `profiles` | on what share of the tasks is a method within a factor of the reference field? |
| `tuning` | what does a budget of k trials buy? |
| `scaling` | how does cost grow with size? |
| `validity` | what makes a comparison void? |
| `power` | what can n seeds tell? |
| `verdicts` | does a claim hold? |
| `trends` | does a claim about a parameter hold: that a metric rises with it, that cost grows no faster than so? |
| `prospects` | which verdict is to be expected, before any GPU hour is spent? |

scipy.stats takes long to import: what is needed of it comes from scipy.special, which holds the same functions. Only
`trends.monotone` imports it, when called.
"""

from harness.stats.intervals import FEW_SEEDS, Interval, t_interval
from harness.stats.pairs import holm, paired_p

__all__ = ["FEW_SEEDS", "Interval", "holm", "paired_p", "t_interval"]
