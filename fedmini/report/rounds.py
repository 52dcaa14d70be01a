"""What became of the questions of a run: answered, left without an answer, ended by an error.

Read from the lines of metrics.jsonl, which hold "cohort" (who was asked), "dropped" (whose answer
is not in the sum), "failures" (client -> the error that it ended with) and "aborted".
"""

import math
from textwrap import shorten



def count(records: list[dict]) -> dict[str, object]:
    """Over these rounds: clients asked, silent and failed, rounds aborted; who was missing."""
    dropped = [name for each in records for name in each["dropped"]]
    failures = [f"{name}: {why}" for each in records for name, why in each["failures"].items()]
    return {
        "asked": sum(len(each["cohort"]) for each in records),
        "silent": len(dropped) - len(failures),
        "failed": len(failures),
        "aborted": sum(each["aborted"] for each in records),
        "missing": _listed(dropped),
        "errors": _listed(failures),
    }


def round_rows(records: list[dict]) -> dict[str, dict]:
    """`count` of every round by its number; of more than 25, of several rounds together."""
    several = math.ceil(len(records) / 25) or 1
    blocks = [records[start : start + several] for start in range(0, len(records), several)]
    ends = [dict.fromkeys(str(block[place]["round"]) for place in (0, -1)) for block in blocks]
    return {" to ".join(numbers): count(block) for numbers, block in zip(ends, blocks, strict=True)}


def _listed(names: list[str]) -> str:
    return shorten(", ".join(dict.fromkeys(names)), width=100, placeholder=" ...")
