"""Regressions tracked with asv: commits of a repository measured one after another, and what became of them shown.

| file | what it does |
|---|---|
| `commits.py` | what a user means by commits, asked of git |
| `worktree.py` | a commit checked out and installed apart from the user's checkout and environment |
| `settings.py` | `asv.conf.json` |
| `identity.py` | what asv knows a machine and an environment by |
| `program.py` | asv as a program |
| `tree.py` | asv's results tree, and values added to it |
| `running.py` | benchmarks at commits -> a results tree of asv's |
| `publishing.py` | a results tree -> a page that needs no network |
| `records.py` | a results tree read and written: benchmarks, machines, and what each commit measured |
| `changing.py` | one number at two commits: worse, not worse or better, by which test |
| `comparing.py` | all that two commits have in common, with Holm's correction, and an exit code |
| `turns.py` | two commits measured in turns |
| `between.py` | two commits compared by what is stored, and by turns where that does not tell |
| `telling.py` | a comparison as text and Markdown |
| `scores.py` | what stored results of suites tell, such that more is worse |
| `points.py` | the points of an exported history: commits, versions, days |
| `timeline.py` | a repository with nothing but commits, for histories that are none of a repository's own |
| `exporting.py` | stored results of suites -> a results tree |

"Worse" always means larger. asv itself comes with the extra `asv`. It is started as a program, and imported by
`settings.py` alone.
"""
