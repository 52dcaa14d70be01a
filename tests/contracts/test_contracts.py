"""Every law holds for the implementation that ships, or for the one named with `--impl`."""

from tests.contracts.framework import CATALOGUE, collect, load

collect("contracts", "laws")


def pytest_generate_tests(metafunc):
    chosen = dict(pair.split("=", 1) for pair in metafunc.config.getoption("--impl"))
    laws = [law for law in CATALOGUE.laws if not chosen or law.component in chosen]
    places = {**CATALOGUE.real, **chosen}
    metafunc.parametrize(
        ("law", "place"),
        [(law, places[law.component]) for law in laws],
        ids=[f"{law.component}-{law.name}" for law in laws],
    )


def test_law(law, place):
    law.test(load(place))
