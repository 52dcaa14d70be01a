"""What may not be combined: one row a rule, refused when the options are read. No torch here.

A row is a name, what it forbids, and the line that says why and what would be right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fedmini.errors import UserError
from fedmini.run_options import RunOptions

if TYPE_CHECKING:
    from fedmini.config import Config

Row = tuple[str, Callable[["Config"], bool], str]


def changed(config: Config, *names: str) -> bool:
    """Whether any of these options is not what it is by itself."""
    return any(getattr(config, name) != getattr(RunOptions, name) for name in names)


BUDGET = "need --dp-epsilon or --dp-noise-multiplier"
PRIVATE = ("dp_delta", "dp_unit", "dp_accountant", "dp_images_per_patient", "dp_physical_batch")
ROWS: tuple[Row, ...] = (
    (
        "privacy without a budget",
        lambda c: c.unit is None and changed(c, *PRIVATE),
        f"options of differential privacy (--dp-...) {BUDGET}",
    ),
    (
        "privacy x batch norm",
        lambda c: c.unit is not None and c.norm == "batch",
        "--norm batch with differential privacy: its statistics of the patients leave a hospital "
        "without noise; use --norm group",
    ),
    (
        "client privacy x robust aggregation",
        lambda c: c.unit == "client" and c.aggregator != "mean",
        "--dp-unit client with --aggregator other than mean: the noise fits what one client can "
        "change in a mean; use --aggregator mean",
    ),
    (
        "client privacy x aborted rounds",
        lambda c: c.unit == "client" and c.min_survivors > 1,
        "--min-survivors with --dp-unit client: a round that is aborted tells how many clients "
        "came; leave it out",
    ),
    (
        "client privacy x options of DP-SGD",
        lambda c: c.unit == "client" and changed(c, "dp_physical_batch"),
        "--dp-physical-batch with --dp-unit client: no gradient is clipped there; leave it out",
    ),
    (
        "images of a patient x other units",
        lambda c: c.unit in ("client", "record") and changed(c, "dp_images_per_patient"),
        "--dp-images-per-patient is read by --dp-unit patient only; leave it out",
    ),
)  # fmt: skip


def refuse(config: Config) -> None:
    """UserError for the first row that these options fall under."""
    for _, forbidden, reason in ROWS:
        if forbidden(config):
            raise UserError(reason)
