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

asv itself comes with the extra `asv`. It is started as a program, and imported by `settings.py` alone.
"""
