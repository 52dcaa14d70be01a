"""Laws, the implementations they hold for, and the mutants they kill.

A law is a plain function `law(impl, **case)` that raises AssertionError where `impl` breaks it; its
cases come from hypothesis strategies. `real` names the implementation that ships. A mutant is a
small wrong implementation with the law that must kill it and the harm that its bug would do.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Law:
    component: str
    check: Callable
    strategies: dict[str, SearchStrategy]

    @property
    def name(self) -> str:
        return self.check.__name__

    def test(self, impl: object) -> None:
        """Search for a case in which `impl` breaks the law; raises AssertionError with it."""
        if not self.strategies:
            self.check(impl)
            return

        @given(**self.strategies)
        def search(**case):
            self.check(impl, **case)

        search()


@dataclass(frozen=True)
class Mutant:
    component: str
    law: str
    harm: str
    impl: object

    @property
    def name(self) -> str:
        return self.impl.__name__


@dataclass
class Catalogue:
    real: dict[str, str] = field(default_factory=dict)
    laws: list[Law] = field(default_factory=list)
    mutants: list[Mutant] = field(default_factory=list)

    def law(self, name: str, component: str) -> Law:
        found = [law for law in self.laws if (law.name, law.component) == (name, component)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} laws are called {name} of {component}, not one")
        return found[0]


CATALOGUE = Catalogue()


def real(component: str, location: str) -> None:
    """Name the implementation that ships: `real("ring", "fedmini.ring:Ring")`."""
    CATALOGUE.real[component] = location


def law(component: str, **strategies: SearchStrategy) -> Callable:
    """Register a law about `component`; its keyword arguments are drawn from the strategies."""

    def register(check: Callable) -> Callable:
        CATALOGUE.laws.append(Law(component, check, strategies))
        return check

    return register


def mutant(component: str, *, law: str, harm: str) -> Callable:
    """Register a wrong implementation of `component`, the law that kills it, and its harm."""

    def register(impl: object) -> object:
        CATALOGUE.mutants.append(Mutant(component, law, harm, impl))
        return impl

    return register


def load(location: str) -> object:
    """The object at `package.module:Name` or `path/to/file.py:Name`."""
    where, _, name = location.rpartition(":")
    if where.endswith(".py"):
        spec = importlib.util.spec_from_file_location(str(Path(where).resolve()), where)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses look their annotations up
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    return getattr(module, name)


def collect(folder: str, prefix: str) -> None:
    """Import every `tests/<folder>/<prefix>_*.py`, so that it registers what it holds."""
    for path in sorted((Path(__file__).parents[1] / folder).glob(f"{prefix}_*.py")):
        importlib.import_module(f"tests.{folder}.{path.stem}")
