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
        "colluders x central noise",
        lambda c: c.dp_mode == "central" and changed(c, "dp_colluders"),
        "--dp-colluders is read by --dp-mode distributed only; leave it out",
    ),
    (
        "distributed noise in other sums",  # the server knows the cohort: nothing is amplified
        lambda c: c.dp_mode == "distributed"
        and ((c.secagg, c.unit) != ("masks", "client") or changed(c, "sampling", "dp_accountant")),
        "--dp-mode distributed needs --secagg masks, --dp-unit client and a budget or a noise, not "
        "--sampling poisson or --dp-accountant pld: the server knows the cohort that adds noise",
    ),
    (
        "secure aggregation x secret cohorts",
        lambda c: c.secagg and (c.unit, c.sampling, c.dp_mode) == ("client", "poisson", "central"),
        "--secagg with --dp-unit client and --sampling poisson: the protocol tells how many "
        "hospitals were drawn, which must stay secret; use --sampling fixed",
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
    (
        "options of secure aggregation without it",
        lambda c: c.secagg is None and changed(c, "secagg_threshold", "mask_generator"),
        "--secagg-threshold and --mask-generator are read with --secagg only; leave them out",
    ),
    (
        "transcript of what the server must not see",
        lambda c: c.transcript and (c.secagg != "masks" or c.unit and c.dp_mode == "central"),
        "--transcript keeps words of each sum: it needs --secagg masks, and noise of --dp-mode "
        "distributed if any",
    ),
    (
        "ring bits between 32 and 64",
        lambda c: c.ring_bits not in (None, 32, 64),
        "--ring-bits: right would be 32 or 64",
    ),
    (
        "ring without public bounds",
        lambda c: c.secagg is None and c.ring_bits and None in (c.clip, c.weight_cap),
        "--ring-bits without --secagg needs --clip and --weight-cap: a sum must not wrap",
    ),
    (
        "ring x DP-SGD",
        lambda c: (c.secagg or c.ring_bits) and c.unit in ("record", "patient"),
        "--secagg or --ring-bits with --dp-unit record or patient: --clip bounds gradients there, "
        "so that no update has a public bound; use --dp-unit client",
    ),
    (
        "ring x robust aggregation",
        lambda c: (c.secagg or c.ring_bits) and c.aggregator != "mean",
        "--secagg or --ring-bits with --aggregator other than mean: there the server must see "
        "every update; use --aggregator mean",
    ),
    (
        "ring x averaged batch norm",
        lambda c: (c.secagg or c.ring_bits) and c.batch_norm == "average",
        "--secagg or --ring-bits with --batch-norm average: --clip does not bound its statistics; "
        "use --norm group, or --batch-norm local",
    ),
    (
        "secure aggregation x one client",
        lambda c: bool(c.secagg) and (c.clients == 1 or c.cohort == "1"),
        "--secagg with one client in a round: the sum would be its update; ask more than one",
    ),
)  # fmt: skip


def refuse(config: Config) -> None:
    """UserError for the first row that these options fall under."""
    for _, forbidden, reason in ROWS:
        if forbidden(config):
            raise UserError(reason)
