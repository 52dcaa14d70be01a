"""What may not be combined: one table, read when the options are. No torch here.

A row has a name, what to use instead, a predicate over the options, and the reason in a sentence.
The first that forbids a run refuses it. `python run.py --compatibility` prints all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fedmini.errors import UserError
from fedmini.run_options import RunOptions

BUDGET = "need --dp-epsilon or --dp-noise-multiplier"
REST = """\
All else may be combined. What only the data can tell, such as a cohort that is too small or a ring
that is too coarse, is refused when they are read, in a line of its own."""


@dataclass(frozen=True)
class Row:
    """One rule; `forbids` is true of the options, checked or not, that it refuses."""

    name: str
    instead: str
    forbids: Callable[[RunOptions], object]
    reason: str

    @property
    def refusal(self) -> str:
        return f"{self.reason}; {self.instead}"


def refuse(config: RunOptions) -> None:
    """UserError for the first row that these options fall under."""
    for row in ROWS:
        if row.forbids(config):
            raise UserError(row.refusal)


def table() -> str:
    """What --compatibility prints: every row in lines of at most 100 characters."""
    rows = [f"{each.name}\n    {each.reason}\n    {each.instead}\n" for each in ROWS]
    return "\n".join(["Refused, why, and what would be right:\n", *rows, REST])


def kinds(spec: str) -> set[str]:
    """The parts of --compress by name: {"topk", "quant"} of "topk:0.01+quant:4", none of "none"."""
    return {part.rpartition(":")[0] for part in spec.split("+")} - {""}


def sparsifiers(config: RunOptions) -> set[str]:
    """What chooses the coordinates that travel."""
    return kinds(config.compress) - {"quant"}


def selects(config: RunOptions) -> set[str]:
    """What chooses them by looking at a hospital's update, as a student's own may."""
    return sparsifiers(config) - {"randk", "prevk"}


def in_ring(config: RunOptions) -> object:
    """Whether updates are summed within public bounds."""
    return config.secagg or config.ring_bits


def changed(config: RunOptions, *names: str) -> bool:
    """Whether any of these options is not what it is by itself."""
    return any(getattr(config, name) != getattr(RunOptions, name) for name in names)


PRIVATE = ("dp_delta", "dp_unit", "dp_accountant", "dp_images_per_patient", "dp_physical_batch")
ROWS = (
    Row("privacy without a budget", f"they {BUDGET}",
        lambda c: c.unit is None and changed(c, *PRIVATE),
        "options of differential privacy (--dp-...) change nothing by themselves"),
    Row("privacy x batch norm", "use --norm group",
        lambda c: c.unit and c.norm == "batch",
        "--norm batch with differential privacy: its statistics of patients leave without noise"),
    Row("client privacy x robust aggregation", "use --aggregator mean",
        lambda c: c.unit == "client" and c.aggregator != "mean",
        "--dp-unit client with --aggregator other than mean: noise fits a mean of clipped updates"),
    Row("client privacy x coordinates chosen from data", "use randk or prevk",
        lambda c: c.unit == "client" and selects(c),
        "--compress topk, or your own, with --dp-unit client: no noise hides which places travel"),
    Row("client privacy x quantiser", "leave quant out",
        lambda c: c.unit == "client" and "quant" in kinds(c.compress),
        "--compress quant with --dp-unit client: rounding may make an update longer than --clip"),
    Row("client privacy x aborted rounds", "leave it out",
        lambda c: c.unit == "client" and c.min_survivors > 1,
        "--min-survivors with --dp-unit client: an aborted round tells how many clients came"),
    Row("client privacy x options of DP-SGD", "leave it out",
        lambda c: c.unit == "client" and changed(c, "dp_physical_batch"),
        "--dp-physical-batch with --dp-unit client: no gradient is clipped there"),
    Row("images of a patient x other units", "leave it out",
        lambda c: c.unit in ("client", "record") and changed(c, "dp_images_per_patient"),
        "--dp-images-per-patient is read by --dp-unit patient only"),
    Row("colluders x central noise", "leave it out",
        lambda c: c.dp_mode == "central" and changed(c, "dp_colluders"),
        "--dp-colluders is read by --dp-mode distributed only"),
    Row("distributed noise in other sums", "it needs --secagg masks and noise of --dp-unit client",
        lambda c: c.dp_mode == "distributed" and (c.secagg, c.unit) != ("masks", "client"),
        "--dp-mode distributed: hospitals add noise to the one sum that the server learns of them"),
    Row("distributed noise x secret cohorts, pld", "use --sampling fixed and --dp-accountant rdp",
        lambda c: c.dp_mode == "distributed" and changed(c, "sampling", "dp_accountant"),
        "--dp-mode distributed: the server knows who adds noise, and the account is a Renyi one"),
    Row("secure aggregation x secret cohorts", "use --sampling fixed",
        lambda c: c.secagg and (c.unit, c.sampling, c.dp_mode) == ("client", "poisson", "central"),
        "--secagg with --dp-unit client and --sampling poisson: its messages tell how many came"),
    Row("options of secure aggregation without it", "leave them out",
        lambda c: c.secagg is None and changed(c, "secagg_threshold", "mask_generator"),
        "--secagg-threshold and --mask-generator are read with --secagg only"),
    Row("transcript in the clear", "use --secagg masks; for privacy, --dp-mode distributed",
        lambda c: c.transcript and (c.secagg != "masks" or c.unit and c.dp_mode == "central"),
        "--transcript keeps words of each sum: it needs --secagg masks, and no noise added later"),
    Row("secure aggregation x one client", "ask more than one",
        lambda c: c.secagg and (c.clients == 1 or c.cohort == "1"),
        "--secagg with one client in a round: the sum would be its update"),
    Row("ring without public bounds", "give both",
        lambda c: c.secagg is None and c.ring_bits and None in (c.clip, c.weight_cap),
        "--ring-bits without --secagg needs --clip and --weight-cap: a sum must not wrap"),
    Row("ring x DP-SGD", "use --dp-unit client",
        lambda c: in_ring(c) and c.unit in ("record", "patient"),
        "--secagg or --ring-bits with --dp-unit record or patient: --clip bounds no update there"),
    Row("ring x robust aggregation", "use --aggregator mean",
        lambda c: in_ring(c) and c.aggregator != "mean",
        "--secagg or --ring-bits with --aggregator other than mean: there the server must see all"),
    Row("ring x averaged batch norm", "use --norm group, or --batch-norm local",
        lambda c: in_ring(c) and c.batch_norm == "average",
        "--secagg or --ring-bits with --batch-norm average: --clip does not bound its statistics"),
    Row("ring x coordinates chosen from data", "use randk or prevk",
        lambda c: in_ring(c) and selects(c),
        "--secagg or --ring-bits with --compress topk, or your own: a sum needs the same places"),
    Row("ring x quantiser", "leave quant out: --ring-bits 32 rounds for all alike",
        lambda c: in_ring(c) and "quant" in kinds(c.compress),
        "--secagg or --ring-bits with --compress quant: scales of their own do not add up"),
    Row("robust aggregation x coordinates chosen from data", "use randk or prevk",
        lambda c: c.aggregator != "mean" and selects(c),
        "--compress topk, or your own, with --aggregator other than mean: most never sent a place"),
    Row("quantiser x averaged batch norm", "use --norm group, or --batch-norm local",
        lambda c: c.batch_norm == "average" and "quant" in kinds(c.compress),
        "--compress quant with --batch-norm average: variances must not be rounded"),
    Row("error feedback without a sparsifier", "leave it out",
        lambda c: changed(c, "error_feedback") and not sparsifiers(c),
        "--error-feedback is read with a sparsifier of --compress only"),
)  # fmt: skip
