"""How many combinations of options there are, and which row refuses how many of them.

    python -m tests.ground.combination_counts
"""

from __future__ import annotations

from collections import Counter
from math import prod

from fedmini.combinations import ROWS
from tests.ground.diagram import Diagram

SPECS = ("topk:0.1", "randk:0.1", "prevk:0.1", "quant:4", "topk:0.1+quant:4", "randk:0.1+quant:4")
VALUES = {  # of every option that a row reads: the default first, then each kind of other value
    "dp_epsilon": (None, 3.0),
    "dp_noise_multiplier": (None, 1.0),
    "dp_unit": ("patient", "client", "record"),
    "dp_delta": (1e-5, 1e-6),
    "dp_accountant": ("rdp", "pld"),
    "dp_images_per_patient": (4, 2),
    "dp_physical_batch": (16, 2),
    "dp_mode": ("central", "distributed"),
    "dp_colluders": (1, 2),
    "sampling": ("fixed", "poisson"),
    "min_survivors": (1, 2),
    "aggregator": ("mean", "my.py:Median"),
    "secagg": (None, "masks", "mpc:3"),
    "secagg_threshold": (None, 3),
    "mask_generator": ("shake", "aes-ctr"),
    "transcript": (False, True),
    "clients": (None, 1, 3),
    "cohort": ("1.0", "1", "3"),
    "ring_bits": (None, 32, 64),
    "clip": (None, 1.0),
    "weight_cap": (None, 100),
    "norm": ("group", "batch", "none"),
    "batch_norm": (None, "average", "local"),
    "compress": ("none", *SPECS, "my.py:Mine:0.1"),
    "error_feedback": (None, True, False),
}  # fmt: skip


def first_refusals() -> Counter:
    """Combinations by the name of the first row that refuses them; None: those that are allowed."""
    return Diagram(VALUES, ROWS).count()


def refused_alone() -> dict[str, int]:
    """By row: the combinations that it refuses and no other row does."""
    alone = {}
    for row in ROWS:
        others = [each for each in ROWS if each is not row]
        alone[row.name] = Diagram(VALUES, [*others, row]).count()[row.name]
    return alone


def main() -> None:
    """Print the table."""
    first, alone = first_refusals(), refused_alone()
    print(f"{'':<48}{'first to refuse':>15}{'alone':>15}")
    for name, count in alone.items():
        print(f"{name:<48}{first[name]:>15,}{count:>15,}")
    total = prod(map(len, VALUES.values()))
    print(f"{'refused':<48}{total - first[None]:>15,}\n{'allowed':<48}{first[None]:>15,}")
    print(f"{'in all':<48}{total:>15,}")


if __name__ == "__main__":
    main()
