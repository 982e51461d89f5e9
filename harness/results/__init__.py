"""Everything stored about a suite, and the only place that groups, ranks and compares.

| module | what it answers |
|---|---|
| `newest` | which of the stored attempts count? |
| `states` | which runs are of one state of code and libraries? |
| `labels` | what are methods and tasks called? |
| `scores` | what did every method score, failures included? |
| `leaderboard` | who is best on one task, and who cannot be told from it? |
| `searches` | how were methods tuned, and how far did that get them? |
| `overview` | who is best over all tasks? |
| `comparison` | how do two methods compare, task by task? |
| `evidence` | what do claims rest on? |
| `judging` | does a claim hold? |
| `profiles` | on what share of the tasks is a method about as cheap as the field? |
| `results` | the results of one suite, from which all of these are had |
"""

from harness.results.comparison import Comparison, Match
from harness.results.judging import Judgement
from harness.results.leaderboard import Leaderboard, Standing
from harness.results.overview import Overall, Overview, Pair
from harness.results.profiles import CostProfile
from harness.results.results import Results
from harness.results.scores import Scores
from harness.results.searches import Search, Trial

__all__ = [
    "Comparison",
    "CostProfile",
    "Judgement",
    "Leaderboard",
    "Match",
    "Overall",
    "Overview",
    "Pair",
    "Results",
    "Scores",
    "Search",
    "Standing",
    "Trial",
]
