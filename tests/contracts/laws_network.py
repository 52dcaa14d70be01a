"""What a network promises: it delivers, counts, outlives a failing client, is not written to."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from fedmini.errors import RunFailed
from fedmini.messages import Train, Upload, encode
from tests.contracts.framework import law, real

real("network", "fedmini.network:Network")

NAMES = ["A", "B", "C", "D"]


class Hospital:
    """Answers with an upload of its own; remembers what it was asked."""

    def __init__(self, size: int = 2, diary: list | None = None, name: str = "") -> None:
        self.size, self.name, self.diary = size, name, [] if diary is None else diary

    def answer(self, question):
        self.diary.append((self.name, question))
        update = torch.full((self.size,), float(question.round))
        return Upload(question.round, update, 1.5, {"loss": torch.tensor(0.5)})


class Failing(Hospital):
    def answer(self, question):
        self.diary.append((self.name, question))
        raise FloatingPointError("training diverged")


class Speechless(Hospital):
    def answer(self, question):
        super().answer(question)


class Sending16Bits(Hospital):
    def answer(self, question):
        return Upload(question.round, torch.zeros(2).half(), 1.0, {})


class WritingIntoTheModel(Hospital):
    def answer(self, question):
        question.arrays["model"].view(-1)[:1] += 1
        return super().answer(question)


class WritingThenFailing(WritingIntoTheModel):
    def answer(self, question):
        super().answer(question)
        raise FloatingPointError("training diverged")


class SendingTheLiveModel(Hospital):
    """All hospitals of a simulation take turns on one model; these send the model itself."""

    live = torch.zeros(2)

    def answer(self, question):
        self.live.add_(1)
        return Upload(question.round, self.live, 1.0, {})


def question(round: int, size: int = 3) -> Train:
    return Train(round, 0.1, {"model": torch.zeros(size)})


def stopped(action) -> bool:
    try:
        action()
    except RunFailed:
        return True
    return False


@law(
    "network",
    sizes=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    asked=st.lists(st.sampled_from(NAMES), unique=True),
)
def law_traffic_is_the_bytes_of_the_wire_form(impl, sizes, asked):
    network = impl({name: Hospital(size) for name, size in zip(NAMES, sizes, strict=True)})
    for round in (1, 20):  # another digit: another header
        network.begin_round()
        questions = {name: question(round, size=len(asked)) for name in asked}
        replies = dict(network.ask(questions))
        assert list(replies) == asked
        assert network.bytes_down == sum(len(encode(each)) for each in questions.values())
        assert network.bytes_up == sum(len(encode(each)) for each in replies.values())


@law(
    "network",
    broken=st.sets(st.sampled_from(NAMES)),
    kind=st.sampled_from([Failing, Speechless, Sending16Bits]),
)
def law_a_failing_client_is_recorded_and_the_round_goes_on(impl, broken, kind):
    clients = {name: kind() if name in broken else Hospital() for name in NAMES}
    network = impl(clients)
    network.begin_round()
    try:
        replies = dict(network.ask({name: question(1) for name in NAMES}))
    except Exception as error:
        raise AssertionError(f"one client took the round with it: {error}") from error
    assert list(replies) == [name for name in NAMES if name not in broken]
    assert set(network.failures) == broken, "a failure was not recorded under its client's name"
    assert network.bytes_up == sum(len(encode(reply)) for reply in replies.values())
    assert network.bytes_down == len(NAMES) * len(encode(question(1)))
    if kind is Failing:
        assert all("FloatingPointError: training diverged" in r for r in network.failures.values())
    network.begin_round()
    assert network.failures == {}, "failures of the round before are still there"


@law("network", asked=st.permutations(NAMES))
def law_replies_stream(impl, asked):
    diary = []
    network = impl({name: Hospital(diary=diary, name=name) for name in NAMES})
    network.begin_round()
    for count, (name, _) in enumerate(network.ask({name: question(1) for name in asked}), 1):
        assert name == asked[count - 1]
        assert len(diary) == count, "a client was asked before the last reply was used"


@law("network")
def law_messages_are_handed_over_without_a_copy(impl):
    hospital, sent = Hospital(), question(1)
    network = impl({"A": hospital})
    network.begin_round()
    dict(network.ask({"A": sent}))
    (_, heard) = hospital.diary[0]
    assert heard.arrays["model"].data_ptr() == sent.arrays["model"].data_ptr()


@law("network", kind=st.sampled_from([WritingIntoTheModel, WritingThenFailing]))
def law_whoever_writes_into_a_question_is_caught(impl, kind):
    network = impl({"A": Hospital(), "B": kind()})
    network.begin_round()
    shared = question(1)
    assert stopped(lambda: dict(network.ask({"A": shared, "B": shared}))), (
        "a client changed the global model, and the round went on"
    )


@law("network")
def law_whoever_writes_into_a_reply_is_caught(impl):
    network = impl({name: SendingTheLiveModel() for name in "AB"})
    network.begin_round()
    assert stopped(lambda: dict(network.ask({name: question(1) for name in "AB"}))), (
        "the second client's training changed the first one's upload"
    )
    network = impl({"A": Hospital()})

    def careless_server():
        for _, reply in network.ask({"A": question(1)}):
            reply.update.mul_(2)

    assert stopped(careless_server), "the server changed a reply"
