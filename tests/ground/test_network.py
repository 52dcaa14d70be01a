"""The network beyond its laws: what the person at the keyboard reads, and who is to blame."""

from __future__ import annotations

import pytest

from fedmini.errors import RunFailed
from fedmini.network import Network
from tests.contracts.laws_network import (
    Failing,
    Hospital,
    SendingTheLiveModel,
    WritingIntoTheModel,
    question,
)


def ask_all(network: Network) -> dict:
    network.begin_round()
    return dict(network.ask({name: question(1) for name in network.clients}))


def test_the_writer_and_what_was_written_are_named():
    with pytest.raises(RunFailed, match="the question to client B: its model was changed"):
        ask_all(Network({"A": Hospital(), "B": WritingIntoTheModel()}))


def test_the_sender_of_a_live_model_is_named():
    with pytest.raises(RunFailed, match="the reply of client A: its update was changed"):
        ask_all(Network({"A": SendingTheLiveModel(), "B": SendingTheLiveModel()}))


def test_an_interrupt_is_no_failing_client():
    class Interrupted(Hospital):
        def answer(self, question):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_all(Network({"A": Interrupted()}))


def test_all_may_fail():
    network = Network({"A": Failing(), "B": Failing()})
    assert ask_all(network) == {} and set(network.failures) == {"A", "B"}
    assert network.bytes_up == 0 < network.bytes_down
