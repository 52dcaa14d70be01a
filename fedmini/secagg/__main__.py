"""What each party saw of a run with --transcript: `python -m fedmini.secagg show RUN --round 3`."""

import sys

from fedmini.cli import Parser, exit_status
from fedmini.secagg.transcript import show


def answer(argv: list[str]) -> None:
    """Print what the server and each client saw in one round."""
    parser = Parser(prog="python -m fedmini.secagg", description=__doc__, allow_abbrev=False)
    parser.add_argument("word", choices=("show",), help="print what each party saw")
    parser.add_argument("run", metavar="RUN", help="folder of a run with --transcript")
    parser.add_argument("--round", metavar="N", type=int, default=1, help="which [%(default)s]")
    given = parser.parse_args(argv)
    print(show(given.run, given.round))


if __name__ == "__main__":
    sys.exit(exit_status(answer, sys.argv[1:]))
