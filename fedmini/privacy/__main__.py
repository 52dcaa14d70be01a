"""What a privacy budget will cost, before any training: `python -m fedmini.privacy explain`."""

import sys

from fedmini.cli import Parser, exit_status
from fedmini.options import options_of
from fedmini.privacy.explain import explain
from fedmini.privacy.outlook import Study


def answer(argv: list[str]) -> None:
    """Explain the budget of a study with these options; without a word, show the help."""
    parser = Parser(prog="python -m fedmini.privacy", description=__doc__, allow_abbrev=False)
    parser.add_argument("word", nargs="?", choices=("explain",), help="say what it will cost")
    for each in options_of(Study):
        parser.add_argument(each.flag, default=str(each.default), help=f"{each.help} [%(default)s]")
    given = parser.parse_args(argv)
    study = {each.name: each.convert(getattr(given, each.name)) for each in options_of(Study)}
    print(explain(Study(**study)) if given.word else parser.format_help())


if __name__ == "__main__":
    sys.exit(exit_status(answer, sys.argv[1:]))
