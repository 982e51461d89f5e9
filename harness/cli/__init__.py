"""The command line: parses and prints, decides nothing. Every command imports what it needs when it is called."""

from harness.cli.ask import cite, query
from harness.cli.asv import asv
from harness.cli.data import data
from harness.cli.judge import claims, compare, plan
from harness.cli.look import doctor, list_, show
from harness.cli.program import main
from harness.cli.run import run
from harness.cli.stored import log, report, results
from harness.cli.tracked import compare as compare_commits
from harness.cli.tracked import export

for command in (run, plan, list_, show, report, claims, compare, query, cite, log, results, data, doctor, asv):
    main.add_command(command)
for command in (compare_commits, export):
    asv.add_command(command)

__all__ = ["main"]
