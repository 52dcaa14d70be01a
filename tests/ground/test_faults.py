"""Faults beyond their laws: no draw shared with another purpose, whole rounds with real fates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedmini.faults import STAGES, Fate, Faults, FaultyNetwork
from tests.contracts.laws_network import NAMES, Failing, Hospital, question


@given(key=st.integers(0, 2**64), other=st.integers(0, 2**64))
def test_another_key_is_another_history(key, other):
    histories = [
        [Faults(0.5, 0.5, key=each).fate(round, "A") for round in range(50)]
        for each in (key, other)
    ]
    assert (histories[0] == histories[1]) == (key == other)


def test_more_faults_keep_those_that_were_there():
    """Fates are compared with their chance: raising it adds stragglers and exchanges none."""
    few, many = Faults(stragglers=0.3), Faults(stragglers=0.6)
    for round in range(200):
        if few.fate(round, "A").work < 1:
            assert many.fate(round, "A") == few.fate(round, "A")


def test_policies_meet_the_same_fates():
    dropped, kept = Faults(0.4, 0.4, keep_partial=False), Faults(0.4, 0.4, keep_partial=True)
    assert [dropped.fate(r, "A") for r in range(99)] == [kept.fate(r, "A") for r in range(99)]


@given(key=st.integers(0, 10**6), keep=st.booleans())
def test_who_uploads_follows_from_the_fate(key, keep):
    faults = Faults(0.5, 0.5, keep, key)
    network = FaultyNetwork({name: Hospital() for name in NAMES}, faults)
    for round in range(1, 5):
        network.begin_round()
        uploads = dict(network.ask({name: question(round) for name in NAMES}))
        fates = {name: faults.fate(round, name) for name in NAMES}
        assert list(uploads) == [
            name
            for name, fate in fates.items()
            if fate.dropout in (None, "after upload") and (keep or fate.work == 1)
        ]
        assert network.failures == {}, "a client that drops out has not failed"


def test_a_client_may_fail_before_it_drops_out():
    class Doomed(Faults):
        def fate(self, round, client):
            return Fate(dropout="before upload")

    network = FaultyNetwork({"A": Failing()}, Doomed())
    network.begin_round()
    assert dict(network.ask({"A": question(1)})) == {}
    assert network.bytes_up == 0 and "A" in network.failures


def test_stages_are_in_the_order_of_time():
    assert STAGES == ("before training", "before upload", "after upload")
