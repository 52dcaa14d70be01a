"""The options of components: fedmini's own, and those of a file named on the command line.

A component is a class from the registry or from `path/to/file.py:Name`; its options join those of
`Config`. Left alone are fedmini's network and mean, which have none and would import torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from fedmini.config import NETWORK, Config
from fedmini.errors import UserError
from fedmini.options import Option, options_of
from fedmini.registry import COMPONENTS, names, resolve

METHODS = {"algorithm": "local_update", "partition": "assign", "optimizer": "step"}
COMMAND = {  # options that are no part of a run
    "out": Option("out", str, None, "folder for the run (default: runs/DATASET-ALGO-TIME)"),
    "resume": Option("resume", str, None, "go on with the run in this folder; needs nothing else"),
    "quiet": Option("quiet", bool, None, "no progress, only the result"),
    "print_config": Option("print_config", bool, None, "print all options as JSON and stop"),
}
TAKEN = {each.name for each in fields(Config)} | {*COMMAND, "compatibility", "help"}


def builtin_options() -> dict[str, Option]:
    """The options of every component that fedmini itself has."""
    return component_options({kind: ",".join(names(kind)) for kind in METHODS})


def component_options(components: Mapping[str, str | None]) -> dict[str, Option]:
    """Options by name, of kind -> names separated by commas; UserError for a bad component."""
    return {
        each.name: each
        for kind, chosen in components.items()
        for name in (chosen.split(",") if chosen else ())
        if kind in METHODS or name not in names(kind)
        for each in _options(kind, name)
    }


def check_settings(config: Config) -> None:
    """UserError for an option that was given, but that no chosen component reads."""
    chosen = {kind: getattr(config, name) for kind, name in COMPONENTS.items()}
    chosen["partition"] = config.partition or "dirichlet,site"  # the data will say which
    for name in sorted(config.settings.keys() - component_options(chosen).keys()):
        readers = " or ".join(
            f"--{COMPONENTS[kind]} {each}"
            for kind in METHODS
            for each in names(kind)
            if name in component_options({kind: each})
        )
        flag = "--" + name.replace("_", "-")
        raise UserError(f"{flag} is read by {readers}, which this run does not use")


def check_network(config: Config, given: Iterable[str]) -> None:
    """UserError for a size or norm that was given, but that the network does not read."""
    read = {each.name for each in options_of(resolve("model", config.model))}
    for name in sorted(set(NETWORK).intersection(given) - read):
        raise UserError(f"--{name} is not read by --model {config.model}")


def _options(kind: str, name: str) -> list[Option]:
    """The options of one component, less those that Config holds for a model."""
    component, where = resolve(kind, name), f"--{COMPONENTS[kind]} {name}"
    if not callable(component) or not hasattr(component, METHODS.get(kind, "__call__")):
        right = f"a class with the method {METHODS[kind]}" if kind in METHODS else "a class"
        raise UserError(f"{where}: this is no {kind}; right would be {right}")
    try:
        options = options_of(component)
    except Exception as error:  # a stranger's annotations may name anything
        raise UserError(f"{where}: its options cannot be read: {error}") from error
    for each in options:
        if each.type not in (int, float, str, bool):
            raise UserError(f"{where}: {each.flag}: right would be an int, float, str or bool")
        if each.name in TAKEN and not (kind == "model" and each.name in NETWORK):
            raise UserError(f"{where}: its option {each.flag} is one of fedmini's: rename it")
    group = "options of one component"
    return [replace(each, group=group) for each in options if each.name not in TAKEN]
