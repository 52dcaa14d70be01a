"""The command line that the options of a run stand for, so that anyone can give it again.

Left out: `--out`, and what concerns only the console.
"""

import shlex
from collections.abc import Mapping

from fedmini.config import Config
from fedmini.options import options_of
from fedmini.presets import defaults as by_preset


def command(config: Mapping[str, object]) -> list[str]:
    """["python run.py", "--rounds 6", ...]: all of config.json that differs from the defaults.

    Each part is quoted for a shell; joined by spaces they are the command. Options of components
    always stand there, since config.json holds only those that were given.
    """
    defaults = {each.name: each.default for each in options_of(Config)}
    defaults |= by_preset(config["preset"], config["task"])
    given = {name: config[name] for name in defaults if config[name] not in (None, defaults[name])}
    parts = ["python run.py"]
    for name, value in (given | config["settings"]).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        flag = "--" + name.replace("_", "-")
        # argparse takes a separate word that starts with a dash for another option
        words = [f"{flag}={text}"] if text.startswith("-") else [flag, text]
        parts.append(shlex.join(words))
    return parts
