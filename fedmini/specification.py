"""What `--compress` may say: a sparsifier, a quantiser, or one after the other. No torch here."""

import re

from fedmini.errors import UserError
from fedmini.registry import names

RIGHT = (
    "right would be none, topk:R, randk:R, prevk:R or FILE.py:NAME:R with R above 0 and at most 1, "
    "quant:BITS with 2 to 8 BITS, or both, as in topk:0.01+quant:4"
)


def stages(spec: str) -> list[tuple[str, float]]:
    """The names in `spec`, each with its number: [("topk", 0.01), ("quant", 4)]; [] for "none".

    UserError for any other text. Whether a FILE.py is there, and holds NAME, is not looked at.
    """
    parts = [] if spec == "none" else re.split(r"\+(?=quant:)", spec)
    pairs = [part.rpartition(":")[::2] for part in parts]
    try:
        found = [(name, (int if name == "quant" else float)(text)) for name, text in pairs]
    except ValueError:
        found = [("", 0)]
    if not all(_right(*stage) for stage in found) or "quant" in [name for name, _ in found[:-1]]:
        raise UserError(f"--compress {spec}: {RIGHT}")
    return found


def _right(name: str, number: float) -> bool:
    if name == "quant":
        return number in range(2, 9)
    return (name in names("compressor") or ".py:" in name) and 0 < number <= 1
