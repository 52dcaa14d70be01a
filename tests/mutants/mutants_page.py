"""Pages with one bug each: unsafe to open, or untrue to the run that they are made from."""

from __future__ import annotations

import html
import json
from contextlib import ExitStack
from unittest.mock import patch

from fedmini.report import rounds
from fedmini.report.markup import image
from fedmini.report.page import comparison_page, run_page, write_page
from tests.contracts.framework import mutant

INSIDE = "fedmini.report."


def changed(page, *arguments, **replaced):
    """The page as it would be if functions of `fedmini.report` were other ones."""
    with ExitStack() as stack:
        for where, function in replaced.items():
            stack.enter_context(patch(INSIDE + where.replace("__", "."), function))
        return page(*arguments)


@mutant(
    "run_page",
    law="law_a_name_is_text_and_nothing_else",
    harm="A hospital that calls itself <script>... runs its program where the page is opened.",
)
def unescaped(*parts):
    return changed(run_page, *parts, markup__escape=lambda text: text)


@mutant(
    "run_page",
    law="law_a_name_is_text_and_nothing_else",
    harm="A quote in a name ends the alt text, and what follows becomes attributes of the image.",
)
def quotes_left_alone(*parts):
    return changed(run_page, *parts, markup__escape=lambda text: html.escape(text, quote=False))


@mutant(
    "run_page",
    law="law_a_name_is_text_and_nothing_else",
    harm="Names are escaped twice: the page speaks of O&#x27;Brien's hospital.",
)
def escaped_twice(*parts):
    return changed(run_page, *parts, markup__escape=lambda text: html.escape(html.escape(text)))


@mutant(
    "comparison_page",
    law="law_a_name_in_a_comparison_is_text_and_nothing_else",
    harm="The link to a run is made by hand, and the name of its folder is not escaped in it.",
)
def unescaped_links(*parts):
    return changed(comparison_page, *parts, page__text=str)


@mutant(
    "comparison_page",
    law="law_a_name_in_a_comparison_is_text_and_nothing_else",
    harm="Links name folders of this machine, and break wherever the page is copied to.",
)
def absolute_links(config, comparison, pictures):
    page = comparison_page(config, comparison, pictures)
    return page.replace('<a href="', '<a href="file:///home/me/runs/')


@mutant(
    "run_page",
    law="law_pictures_are_inside_and_described",
    harm="Who listens to the page hears 'image' four times, and no result.",
)
def without_alt(*parts):
    return changed(run_page, *parts, page__image=lambda png, alt: image(png, ""))


@mutant(
    "run_page",
    law="law_pictures_are_inside_and_described",
    harm="The page that is sent to a colleague has four broken images.",
)
def pictures_as_files(*parts):
    page = run_page(*parts)
    for name in parts[3]:
        start = page.find("data:image/png")
        page = page[:start] + f"figures/{name}.png" + page[page.find('"', start) :]
    return page


@mutant(
    "run_page",
    law="law_nothing_is_run_or_fetched",
    harm="Each opening of the page tells a font server who is reading about which patients.",
)
def external_font(*parts):
    link = '<link rel="stylesheet" href="https://fonts.example.org/inter.css"></head>'
    return run_page(*parts).replace("</head>", link)


@mutant(
    "run_page",
    law="law_nothing_is_run_or_fetched",
    harm="Without a policy in the page, one forgotten escape is enough to run a stranger's code.",
)
def no_policy(*parts):
    return run_page(*parts).replace("default-src 'none'; ", "")


@mutant(
    "run_page",
    law="law_the_worst_hospital_is_named_first_of_all",
    harm="The best hospital is called the lowest: the one that is failed goes unseen.",
)
def names_the_best(config, summary, records, pictures):
    scores = summary["hospitals"]
    best = max(scores, key=lambda name: scores[name]["dice"]["value"])
    return run_page(config, summary | {"worst": best}, records, pictures)


@mutant(
    "run_page",
    law="law_every_number_is_there",
    harm="Intervals are left out, and two patients look as sure as two hundred.",
)
def without_intervals(*parts):
    return changed(run_page, *parts, columns__written=lambda found: f"{found['value']:.3f}")


@mutant(
    "run_page",
    law="law_missing_answers_add_up",
    harm="A client that failed is counted as silent too: more answers are missing than were asked.",
)
def failed_are_silent_too(*parts):
    def wrong(records):
        found = count(records)
        return found | {"silent": found["silent"] + found["failed"]}

    count = rounds.count
    return changed(run_page, *parts, rounds__count=wrong)


@mutant(
    "run_page",
    law="law_missing_answers_add_up",
    harm="Where rounds share a line, those that do not fill one are left out: the last, above all.",
)
def forgets_the_last_rounds(config, summary, records, pictures):
    def whole_lines(records):
        several = max(1, len(records) // 25)
        return rows(records[: len(records) // several * several - (several > 1)])

    rows = rounds.round_rows
    return changed(run_page, config, summary, records, pictures, rounds__round_rows=whole_lines)


@mutant(
    "run_page",
    law="law_the_stamp_says_whose_images_these_are",
    harm="Phantoms pass for patients: a number from a drawing is quoted as a clinical result.",
)
def no_synthetic_stamp(config, summary, records, pictures):
    return run_page(config, summary, records, pictures).replace("SYNTHETIC DATA", "")


@mutant(
    "run_page",
    law="law_the_stamp_says_whose_images_these_are",
    harm="A page with patients on it does not say so, and is passed on like any other.",
)
def silent_about_patients(*parts):
    return changed(run_page, *parts, page__PATIENTS="nothing")


@mutant(
    "run_page",
    law="law_who_saw_what_is_that_of_this_run",
    harm="The page of pooled training says that no image left its hospital.",
)
def always_federated(config, summary, records, pictures):
    return run_page(config, summary | {"exchange": "updates"}, records, pictures)


@mutant(
    "run_page",
    law="law_who_saw_what_is_that_of_this_run",
    harm="Updates that the server read one by one are called unseen: a promise nobody kept.",
)
def claims_secure_aggregation(*parts):
    return run_page(*parts).replace("<td>every one</td>", "<td>none</td>")


@mutant(
    "write_page",
    law="law_no_images_shows_no_patient",
    harm="A run that was told to show no patient shows them as soon as its page is made again.",
)
def forgets_the_option(path, no_images=False):
    with patch("fedmini.folder.RunFolder.config", lambda folder: options(folder.path)):
        return write_page(path, no_images)


def options(path):
    return json.loads((path / "config.json").read_text()) | {"no_images": False}


@mutant(
    "write_page",
    law="law_no_images_shows_no_patient",
    harm="--no-images hides the picture by style alone: it is still in the file that is sent.",
)
def hidden_by_style(path, no_images=False):
    page = write_page(path, no_images=False)
    page.write_text(page.read_text().replace("<img", '<img style="display:none"'))
    return page
