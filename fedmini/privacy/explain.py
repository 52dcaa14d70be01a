"""What a privacy budget means for a study, in words: the promise, the noise, and what would help.

Every number is computed, by outlook.py; the words need no knowledge of differential privacy.
"""

import math
import textwrap

from fedmini.options import options_of
from fedmini.privacy.outlook import HOPELESS, SIZE, Outlook, Study, needed, outlook
from fedmini.privacy.plan import READERS, WORDS


def warning(outlook: Outlook) -> str | None:
    """Two lines for a run that cannot learn, why and what would help; None for any other."""
    more, word = outlook.ratio / HOPELESS, WORDS[outlook.unit]
    hopeless = f"""\
Learning is hopeless: noise to hide one {word} is {say(outlook.ratio)} times as loud as any signal.
It takes {say(more)} times as many {word}s, {say(outlook.expected * more)} in each mean, or \
{say(outlook.parameters / more**2)} parameters."""
    return hopeless if outlook.hopeless else None


def explain(study: Study) -> str:
    """The promise of the budget, then a part for each unit; in lines of up to 100 characters."""
    promise = f"""\
A privacy budget of {say(study.epsilon)} promises: what is released changes the odds that one \
hospital, image or patient was used by a factor of {say(math.exp(study.epsilon))} at most, but for \
a chance of 1 in {say(1 / study.delta)}. For that each contribution is cut to a fixed length, the \
limit, and noise is added to every parameter (number) that the network learns. It is louder the \
more there are; the signal, the mean of the contributions, stays within the limit. Over a run \
signals may add up and noise partly cancels: fewer rounds take less noise, but lose signal."""
    lines = "\n\n".join([promise, *(part(study, unit) for unit in WORDS)]).splitlines()
    return "\n".join(textwrap.fill(each, width=100, subsequent_indent="  ") for each in lines)


def part(study: Study, unit: str) -> str:
    """Who is hidden from whom, how loud the noise is next to the signal, and what would help."""
    found, word, crowd = outlook(study, unit), WORDS[unit], max(1, study.cohort * study.clients)
    verdict = "hopeless" if found.hopeless else "not hopeless"
    text = f"""\
Hiding one {word} (--dp-unit {unit}) against {READERS[unit]}.
- Noise in each parameter: {say(found.multiplier)} limits (the noise multiplier) on the sum of \
about {say(found.expected)} {word}s, {say(found.relative_noise)} limits on their mean.
- With more than {say(found.breakeven)} parameters it is louder than the signal of one release.
- With {say(study.parameters)} it is at least {say(found.ratio)} times as loud as the signal of \
all {say(found.steps)} releases: {verdict} (a rule of thumb: above {HOPELESS})."""
    if unit != "client":
        text += f"""
- That is at one hospital. The mean of {say(crowd)} has {say(crowd**0.5)} times less noise, of \
{say(2 * crowd)} {say((2 * crowd) ** 0.5)} times less."""
    return f"{text}\n{table(study, found)}"


def table(study: Study, found: Outlook) -> str:
    """What would help: each option now, by a factor of two better, and where it would be enough."""
    goal, words = HOPELESS if found.hopeless else 1, {o.name: o.help for o in options_of(Study)}
    rows = [("What would help", "now", "instead", "noise/signal", f"for {goal} it takes")]
    for name in (SIZE[found.unit], "rounds", "epsilon", "parameters"):
        other = study.scaled(name, 0.5 if name in ("rounds", "parameters") else 2.0)
        numbers = getattr(study, name), getattr(other, name), outlook(other, found.unit).ratio
        value = needed(study, found.unit, name, goal)
        takes = f"no number of {words[name]} helps" if value is None else say(value)
        rows.append((words[name], *map(say, numbers), takes))
    return "\n".join(f"  {a:24}{b:>12}{c:>12}{d:>14}   {e}" for a, b, c, d, e in rows)


def say(value: float) -> str:
    """Three digits: 8.17, 1,490, 175,000."""
    return f"{float(f'{value:.3g}'):,.12g}"
