"""How long a user waits before anything happens."""

import subprocess
import sys


class Import:
    version = "1"
    repeat = (6, 10, 5.0)
    number = 1

    def timeraw_harness(self) -> str:
        return "import harness"

    def timeraw_cli(self) -> str:
        return "import harness.cli"

    def timeraw_train(self) -> str:
        return "import harness.train"


class CommandLine:
    """The whole program, Python's own start included."""

    version = "1"
    params = (["--help", "list methods", "show s4d"],)
    param_names = ("command",)
    repeat = (6, 10, 5.0)
    number = 1
    rounds = 1
    warmup_time = 0.0

    def time_command(self, command: str) -> None:
        subprocess.run([sys.executable, "-m", "harness.cli", *command.split()], stdout=subprocess.DEVNULL, check=True)
