"""The command line: options in, exit status out.

Parsing has two stages. First the components are looked for (`--algo my.py:Scaffold`) and their
options join the parser; then everything is read. `--help` and most refusals answer without torch.

Exit status: 0 done; 1 the run failed, 2 a bad option or input, one line on stderr; 130 Ctrl-C.
`python -X dev run.py ...` shows where in the code a line comes from.
"""

import argparse
import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from fedmini.combinations import table
from fedmini.components import COMMAND, builtin_options, check_settings, component_options
from fedmini.config import Config
from fedmini.errors import RunFailed, UserError
from fedmini.options import Option, nearest, options_of
from fedmini.presets import words
from fedmini.registry import COMPONENTS, names

ABOUT = """\
Federated learning for medical images: hospitals train one model, and their images stay at home.

  fedmini                                       FedProx on the synthetic BraTS hospitals
  fedmini --algo centralized,fedavg,local       several algorithms, compared
  fedmini --data brats.h5 --partition site      your own prepared file
  fedmini --algo my.py:MyAlgo --beta 0.3        your own algorithm; its fields are options
  fedmini --resume runs/brats-fedprox-...       go on where a run was interrupted"""
KINDS = {name: kind for kind, name in COMPONENTS.items()} | {"dataset": "dataset"}
PLACEHOLDERS = {
    "data": "FILE.h5", "pretrained": "FILE.pth", "cohort": "N or X", "out": "DIR", "resume": "DIR",
    "algo": "NAME,...", "seed": "N,...", "split_seed": "N,...", "secagg": "masks or mpc:K",
}  # fmt: skip


class Parser(argparse.ArgumentParser):
    """An argparse parser that reports mistakes as `UserError`."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run fedmini with these arguments; returns the exit status."""
    return exit_status(execute, list(sys.argv[1:] if argv is None else argv))


def exit_status(work: Callable[[list[str]], None], argv: list[str]) -> int:
    """Do the work of a command; where the status is not 0, one line on stderr says why."""
    try:
        with unforeseen(UserError):
            work(argv)
        return 0
    except (UserError, RunFailed) as error:
        if sys.flags.dev_mode:
            traceback.print_exc()
        print("fedmini:", " ".join(str(error).split()), file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt as interrupt:
        where = str(interrupt) or "; nothing new was written"
        print(f"fedmini: interrupted{where}", file=sys.stderr)
        return 130


def entry() -> NoReturn:
    """The `fedmini` command."""
    sys.exit(main())


def execute(argv: list[str]) -> None:
    """Parse, then hand over to `launch`, the first place that imports torch."""
    given = parse(argv)
    quiet = given.pop("quiet", False)
    if "resume" not in given:
        config = Config.of({k: v for k, v in given.items() if k not in COMMAND})
        check_settings(config)
        if given.get("print_config"):
            print(json.dumps(dataclasses.asdict(config), indent=2))
            return
    # Threads of OpenMP wait by spinning; where the processors are shared, that costs a training
    # step fifty times its time. Spin briefly, then sleep. torch reads this when imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    from fedmini import launch

    job = launch.resume(given) if "resume" in given else launch.start(config, given)
    with unforeseen(RunFailed):
        launch.play(*job, quiet)


@contextmanager
def unforeseen(kind: type[Exception]) -> Iterator[None]:
    """Put an exception that nobody foresaw, a plugin's above all, into one line of this kind."""
    try:
        yield
    except (UserError, RunFailed):
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        near = [each for each in frames if "/lib/python" not in each.filename] or frames
        place = f"{Path(near[-1].filename).name}, line {near[-1].lineno}"
        raise kind(f"{type(error).__name__}: {error} ({place})") from error


def parse(argv: list[str]) -> dict[str, object]:
    """The options that were given, converted; component options too, each under its own name."""
    for word in argv:
        if not word.isprintable():
            raise UserError(f"{word!a} holds characters that cannot be printed")
    options = {each.name: each for each in options_of(Config)} | builtin_options()
    options |= component_options(chosen_components(argv)) | COMMAND
    parser = build_parser(options.values())
    known, unknown = parser.parse_known_args(argv)
    if unknown:
        flags = [flag for action in parser._actions for flag in action.option_strings]
        word = unknown[0].partition("=")[0]
        raise UserError(f"{word!r} is no option of fedmini{nearest(word, flags)}")
    for name, value in vars(known).items():
        if value == "":
            raise UserError(f"{options[name].flag} needs a value, not an empty text")
    return {name: options[name].convert(value) for name, value in vars(known).items()}


def chosen_components(argv: list[str]) -> dict[str, str | None]:
    """Stage one: kind of component -> the names that this command line chooses."""
    parser = Parser(add_help=False, allow_abbrev=False)
    for kind, name in COMPONENTS.items():
        parser.add_argument(f"--{name}", dest=kind, default=getattr(Config, name))
    return vars(parser.parse_known_args(argv)[0])


def build_parser(options: Iterable[Option]) -> Parser:
    """A parser whose help is grouped and shows units and defaults."""
    layout = partial(argparse.RawDescriptionHelpFormatter, max_help_position=30, width=100)
    parser = Parser(
        prog="fedmini", description=ABOUT, allow_abbrev=False, add_help=False,
        usage="fedmini [--OPTION VALUE]...   or   python run.py [--OPTION VALUE]...",
        argument_default=argparse.SUPPRESS, formatter_class=layout,
    )  # fmt: skip
    groups = {}
    for each in options:
        group = each.group or "the command"
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        alone = "true" if each.type is bool else each.bare
        switch = {"nargs": "?", "const": alone} if alone else {}
        groups[group].add_argument(
            each.flag, dest=each.name, metavar=_placeholder(each), help=_help(each), **switch
        )
    command = groups["the command"]
    command.add_argument(
        "--compatibility", action="version", version=table(), help="show what may not be combined"
    )
    command.add_argument("-h", "--help", action="help", help="show this and stop")
    return parser


def _placeholder(option: Option) -> str:
    kinds = {int: "N", float: "X", str: "NAME", bool: "{true,false}"}
    choices = ",".join(str(each) for each in option.choices)
    return PLACEHOLDERS.get(option.name, f"{{{choices}}}" if choices else kinds[option.type])


def _help(option: Option) -> str:
    right = option.unit
    if option.name in KINDS:
        right = f"{', '.join(names(KINDS[option.name]))} or FILE.py:NAME"
    unit = f" [{right}]" if right else ""
    chosen = words(option.name) or ("" if option.default is None else f": {option.default}")
    default = f" (default{chosen})" if chosen else ""
    return f"{option.help}{unit}{default}".replace("%", "%%")
