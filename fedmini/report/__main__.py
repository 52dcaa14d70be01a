"""The page of a finished run or comparison, made again: `python -m fedmini.report RUN`."""

import sys

from fedmini.cli import Parser, exit_status


def rebuild(argv: list[str]) -> None:
    """Write RUN/report.html again and print where it is."""
    parser = Parser(prog="python -m fedmini.report", description=__doc__, allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="folder of a finished run or comparison")
    parser.add_argument("--no-images", action="store_true", help="show no picture of a patient")
    options = parser.parse_args(argv)
    from fedmini.report.page import write_page

    print(write_page(options.run, options.no_images))


if __name__ == "__main__":
    sys.exit(exit_status(rebuild, sys.argv[1:]))
