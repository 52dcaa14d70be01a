"""Command lines that look right on the page, and lead to another run or to none."""

from __future__ import annotations

import shlex

from fedmini.command import command
from tests.contracts.framework import mutant


@mutant(
    "command",
    law="law_the_command_gives_the_same_options",
    harm="A path with a blank becomes two words, and the command on the page does not run.",
)
def unquoted(config):
    return [" ".join(shlex.split(part)) for part in command(config)]


@mutant(
    "command",
    law="law_the_command_gives_the_same_options",
    harm="What is the default of another preset is left out: 20 rounds are repeated as 60.",
)
def ignores_the_preset(config):
    return [part for part in command(config) if part != "--rounds 20"]


@mutant(
    "command",
    law="law_the_command_gives_the_same_options",
    harm="The options of the algorithm are missing: FedProx is repeated with another mu.",
)
def forgets_the_component(config):
    return command(config | {"settings": {}})
