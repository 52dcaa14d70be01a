"""Pages for tests: what they are made from, and a reader that knows nothing of fedmini."""

from __future__ import annotations

import base64
import dataclasses
import io
from html.parser import HTMLParser

from hypothesis import strategies as st
from PIL import Image

from fedmini.config import Config

VOID = {"meta", "img", "br", "link", "hr", "input"}
NASTY = (
    "<script>alert(1)</script> \"><img src=https://example.org/x onerror=y> O'Brien & Söhne <3 "
    "</td></table></main> $title ${stamp} $$ {0} {} &amp; &#x3c; 病院 №5 "
    "a\x00b\n\x1b[31m\u202ec\ud800"
)
CHARACTERS = st.characters(exclude_categories=())
NAMES = st.one_of(st.just(NASTY), st.text(CHARACTERS, min_size=1, max_size=12))


class Reader(HTMLParser):
    """A page as its tags, texts, images and links; AssertionError where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.shape: list[tuple] = []
        self.texts: list[str] = []
        self.images: list[dict] = []
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice: {names}"
        self.shape.append((tag, *names))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "img":
            self.images.append(dict(attrs))
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def seen(name: str) -> str:
    """A name as a reader of the page sees it: with the codes of characters without a shape."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return " ".join(shown.split())


def png(colour: int = 0) -> bytes:
    """A small picture, different for every colour."""
    buffer = io.BytesIO()
    Image.new("L", (3, 2), colour).save(buffer, "PNG")
    return buffer.getvalue()


def decoded(image: dict) -> bytes:
    """The PNG of an <img>; AssertionError where it is not inside the page."""
    head, _, data = image["src"].partition(",")
    assert head == "data:image/png;base64", image["src"][:60]
    content = base64.b64decode(data, validate=True)
    Image.open(io.BytesIO(content)).load()
    return content


PICTURES = {
    name: png(number)
    for number, name in enumerate(("predictions", "hospitals", "learning_curves", "partition"))
}


def interval(value: float) -> dict:
    return {"value": value, "low": value - 0.031, "high": value + 0.017}


def config(**changes: object) -> dict:
    """A config.json."""
    more = {"fedmini": "0.1.0", "task": "segmentation", "data_sha256": "d" * 64, "plugins_sha256": {}}
    return dataclasses.asdict(Config.of({"clients": 3, "algo": "fedavg"})) | more | changes


def record(number: int, cohort: list[str], dropped: list[str], failures: dict | None = None):
    """A line of metrics.jsonl."""
    return {
        "round": number,
        "cohort": cohort,
        "dropped": dropped,
        "failures": failures or {},
        "aborted": len(dropped) == len(cohort),
        "bytes_up": 10,
        "bytes_down": 20,
        "dice": 0.5,
    }


def summary(
    scores: dict[str, float], records: list[dict] = (), region: str = "edge", **changes: object
) -> dict:
    """A summary.json: a Dice for every hospital, and that of a region beside it."""
    part = f"dice_{region}"
    hospitals = {
        name: {"dice": interval(score), part: interval(score / 2), "patients": place + 1}
        for place, (name, score) in enumerate(scores.items())
    }
    held = {"training_patients": 4, "test_patients": 1, "asked": 2, "missing": 1}
    return {
        "dataset": "brats",
        "synthetic": True,
        "algorithm": "fedavg",
        "seed": 0,
        "primary": "dice",
        "privacy": "No noise.",
        "epsilon": None,
        "round": len(records),
        "test": {"dice": interval(0.437), part: interval(0.219)},
        "hospitals": hospitals,
        "worst": min(scores, key=scores.get, default=None),
        "left_out": [],
        "pretrained": [],
        "members": {name: held for name in scores},
        "exchange": "updates",
        "figures": {name: f"{name} from 0.1 to 0.9" for name in PICTURES},
        "totals": {
            "rounds": len(records),
            "bytes_up": 10 * len(records),
            "bytes_down": 20 * len(records),
            "dropped": sum(len(each["dropped"]) for each in records),
            "aborted": sum(each["aborted"] for each in records),
            "seconds": 1.5,
            "simulated_hours": 0.25,
        },
        "versions": {"fedmini": "0.1.0", "torch": "2"},
        "device": "cpu",
        "threads": 1,
        "parameters": 5,
        "weights_sha256": "a" * 64,
    } | changes


def comparison(names: list[str], **changes: object) -> dict:
    """A comparison.json of these algorithms, each run once."""
    rows, runs = [], {}
    for place, name in enumerate(names):
        level = {"dice": interval(0.4 + place / 10)}
        gaps = {other: {"dice": interval(0.1)} for other in names[:place]}
        costs = {"bytes_up": 3, "bytes_down": 4, "seconds": 2.0, "simulated_hours": 0.5}
        rows.append({"algorithm": name, "metrics": level, "differences": gaps, **costs})
        runs[f"{place} {name}"] = {"score": level["dice"], "worst": "north"}
    return {
        "dataset": "brats",
        "synthetic": True,
        "primary": "dice",
        "privacy": "No noise.",
        "epsilon": None,
        "repeats": 1,
        "rows": rows,
        "runs": runs,
        "figures": {"comparison": "fedavg 0.4", "learning_curves": "to 0.5"},
        "versions": {"fedmini": "0.1.0"},
    } | changes
