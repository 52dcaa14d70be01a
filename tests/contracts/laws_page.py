"""Laws of report.html: it is safe to open, and true to the run it is made from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import unquote

from hypothesis import strategies as st

from fedmini.folder import RunFolder
from tests.contracts.framework import law, real
from tests.report.pages import (
    NAMES,
    PICTURES,
    Reader,
    comparison,
    config,
    decoded,
    interval,
    record,
    seen,
    summary,
)

real("run_page", "fedmini.report.page:run_page")
real("comparison_page", "fedmini.report.page:comparison_page")
real("write_page", "fedmini.report.page:write_page")

SCORES = st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True).map(
    lambda percents: {f"hospital {place}": each / 100 for place, each in enumerate(percents)}
)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@law("run_page", name=NAMES)
def law_a_name_is_text_and_nothing_else(impl, name):
    """Whatever a name holds, the page has the tags of a page with a harmless one, and says it."""

    def page(name: str) -> str:
        hospital, region, algorithm, file = (f"{name} {place}" for place in range(4))
        records = [record(1, [hospital], [hospital], {hospital: f"OSError: {file}"})]
        figures = dict.fromkeys(PICTURES, f"from {hospital} to {region}")
        found = summary({hospital: 0.2}, records, region, algorithm=algorithm, figures=figures)
        return impl(config(data=file), found, records, PICTURES)

    read = Reader(page(name))
    assert read.shape == Reader(page("plain")).shape, "a name has become markup"
    assert all(seen(f"{name} {place}") in read.text for place in range(4))
    assert {seen(image["alt"]) for image in read.images} == {seen(f"from {name} 0 to {name} 1")}


@law("comparison_page", name=NAMES)
def law_a_name_in_a_comparison_is_text_and_nothing_else(impl, name):
    """The same, and the only links are those to the pages of the runs, by relative paths."""
    name = name.encode(errors="ignore").decode().replace("/", "")  # some name of a folder

    def page(name: str) -> str:
        run, worst, algorithm, dataset = (f"{name} {place}" for place in range(4))
        runs = {run: {"score": interval(0.5), "worst": worst}}
        return impl(config(), comparison(["fedavg", algorithm], dataset=dataset, runs=runs), {})

    read = Reader(page(name))
    assert read.shape == Reader(page("plain")).shape, "a name has become markup"
    assert all(seen(f"{name} {place}") in read.text for place in range(4))
    assert [unquote(link) for link in read.links] == [f"{name} 0/report.html"]
    assert ":" not in read.links[0] and not read.links[0].startswith("/")


@law("run_page", given=st.sets(st.sampled_from(sorted(PICTURES))))
def law_pictures_are_inside_and_described(impl, given):
    """Every picture stands in the page itself, beside words that say what is to be seen."""
    found = summary({"north": 0.2, "south": 0.3})
    pictures = {name: PICTURES[name] for name in given}
    images = Reader(impl(config(), found, [], pictures)).images
    assert {found["figures"][name]: png for name, png in pictures.items()} == {
        image.get("alt"): decoded(image) for image in images
    }


@law("run_page", synthetic=st.booleans())
def law_nothing_is_run_or_fetched(impl, synthetic):
    """No script, and nothing that a browser would ask another machine for."""
    page = impl(config(), summary({"north": 0.2}, synthetic=synthetic), [], PICTURES)
    read = Reader(page)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {x[0] for x in read.shape}
    assert not [name for _, *names in read.shape for name in names if name.startswith("on")]
    assert all(link.startswith(("#", "data:")) for link in read.links)
    assert "http:" not in page and "https:" not in page and "url(" not in page
    assert f'http-equiv="Content-Security-Policy" content="{POLICY}"' in page


@law("run_page", scores=SCORES)
def law_the_worst_hospital_is_named_first_of_all(impl, scores):
    """Before any table: the hospital with the lowest score, and its score."""
    text = Reader(impl(config(), summary(scores), [], {})).text
    worst = min(scores, key=scores.get)
    opening = text[: text.index("95% interval")]
    assert f"Lowest hospital: {worst}, {scores[worst]:.3f} [" in opening
    assert not any(name in opening for name in scores.keys() - {worst})


@law("run_page", scores=SCORES)
def law_every_number_is_there(impl, scores):
    """Each hospital's row: its patients, and every metric with both ends of its interval."""
    found = summary(scores)
    read = Reader(impl(config(), found, [], {}))
    rows = {row[0].removesuffix(" (worst)"): row for row in read.rows if len(row) == 4}
    for name, each in found["hospitals"].items():
        written = [
            f"{each[key]['value']:.3f} [{each[key]['low']:.3f}, {each[key]['high']:.3f}]"
            for key in ("dice", "dice_edge")
        ]
        assert rows[name][1:] == [str(each["patients"]), *written]


@law("run_page", rounds=st.integers(1, 90), lost=st.integers(0, 2**32), errors=st.integers(0, 9))
def law_missing_answers_add_up(impl, rounds, lost, errors):
    """In the sentence and down the columns, however many rounds share a line."""
    records = []
    for number in range(1, rounds + 1):
        cohort = [f"h{place}" for place in range(3)]
        bits = [lost >> (number * 3 + place) % 32 & 1 for place in range(3)]
        dropped = [name for name, bit in zip(cohort, bits, strict=True) if bit]
        failures = {name: "ValueError: x" for name in dropped[:1] if number % 10 < errors}
        records.append(record(number, cohort, dropped, failures))
    missing = sum(len(each["dropped"]) for each in records)
    failed = sum(len(each["failures"]) for each in records)
    read = Reader(impl(config(), summary({"h0": 0.3}, records), records, {}))
    assert f"clients were asked {3 * rounds} times. {missing} answers were missing" in read.text
    lines = [row[1:5] for row in read.rows if len(row) == 7 and row[0] != "round"]
    table = [[int(cell) for cell in line] for line in lines]
    aborted = sum(each["aborted"] for each in records)
    assert [sum(column) for column in zip(*table, strict=True)] == [
        3 * rounds, missing - failed, failed, aborted,
    ]  # fmt: skip
    assert len(table) <= 25


@law("run_page", synthetic=st.booleans(), shown=st.booleans())
def law_the_stamp_says_whose_images_these_are(impl, synthetic, shown):
    """Synthetic data say so; real ones say whether the page shows patients."""
    pictures = PICTURES if shown else {k: v for k, v in PICTURES.items() if k != "predictions"}
    text = Reader(impl(config(), summary({"a": 0.3}, synthetic=synthetic), [], pictures)).text
    assert ("SYNTHETIC DATA" in text) == synthetic
    assert ("CONTAINS IMAGES OF PATIENTS" in text) == (shown and not synthetic)


WHO = {  # what leaves a hospital -> what the server, or the pool, sees of images, updates, counts
    "updates": ("none", "every one", "every hospital's"),
    "sums": ("none", "none", "their sums"),
    "images": ("all", "none", "all"),
    "nothing": ("none", "none", "none"),
}


@law("run_page", exchange=st.sampled_from(sorted(WHO)))
def law_who_saw_what_is_that_of_this_run(impl, exchange):
    """Updates in the clear are not called hidden, pooled images not called private."""
    rows = Reader(impl(config(), summary({"a": 0.3}, exchange=exchange), [], {})).rows
    found = {row[0]: row for row in rows}
    keys = ("images and truth", "updates", "number of cases")
    told = [next(row for name, row in found.items() if name.startswith(key)) for key in keys]
    assert tuple(row[2] for row in told) == WHO[exchange]
    assert {row[3] for row in told if row[2] != "none"} <= {"all"}, "the experimenter sees it too"


@law("write_page", now=st.booleans(), before=st.booleans())
def law_no_images_shows_no_patient(impl, now, before):
    """The option of the run and that of the rebuilt page both keep the picture out."""
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.create(Path(place) / "run", config(no_images=before))
        (folder.path / "figures").mkdir()
        for name, picture in PICTURES.items():
            (folder.path / "figures" / f"{name}.png").write_bytes(picture)
        folder.save_summary(summary({"north": 0.2}, synthetic=False))
        page = impl(folder.path, no_images=now).read_text()
    shown = [decoded(image) for image in Reader(page).images]
    assert (PICTURES["predictions"] in shown) == (not (now or before))
    assert ("CONTAINS IMAGES OF PATIENTS" in page) == (not (now or before))
    assert len(shown) >= 3
