"""Laws about rounds of secure aggregation: what plain ones in the same ring do, seen by nobody."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st

from fedmini.faults import STAGES
from fedmini.messages import Upload, decode, encode
from fedmini.secagg import ProtocolError
from fedmini.secagg.messages import (
    AdvertiseKeys,
    MaskedVector,
    PublicKeys,
    Revealed,
    SealedShares,
    TrainMasked,
    to_bytes,
)
from fedmini.server import Cohorts
from fedmini.uplink import LARGEST_LOSS
from tests.contracts.framework import law, real
from tests.core.secure_rounds import (
    CAP,
    CLIP,
    LENGTH,
    MOST,
    RING,
    Fates,
    Given,
    Prepared,
    plain_round,
    play,
    secure_server,
    survivors,
)
from tests.secagg.rounds import LETTER, SECRET, SHARE

real("secure_server", "fedmini.secure:SecureServer")
real("secure_client", "fedmini.secure:SecureClient")

VECTOR = st.lists(st.floats(-CLIP, CLIP, width=32), min_size=LENGTH, max_size=LENGTH)
GIVEN = st.builds(Given, VECTOR, st.integers(1, CAP), st.floats(0, 60, width=32), st.booleans())
CLIENTS = st.lists(GIVEN, min_size=2, max_size=4)
LOST = st.lists(st.sampled_from([None, None, *STAGES]), min_size=4, max_size=4)
EXTRA = st.integers(0, 2)  # how far the threshold lies above the least majority
TOO_LARGE = st.sampled_from([math.nan, math.inf, -math.inf, 3e38, 1e6, 5e3])
REPLIES = (PublicKeys, SealedShares, MaskedVector, Revealed)


@law("secure_server", given=CLIENTS, lost=LOST, extra=EXTRA)
def law_a_secure_round_is_the_plain_one(impl, given, lost, extra):
    """Bit for bit, of the same survivors; or, where too few stay to the end, no round at all."""
    lost, threshold = lost[: len(given)], min(len(given) // 2 + 1 + extra, len(given))
    server = secure_server(given, Fates(*lost), kind=impl, threshold=threshold)
    record, total = play(server)
    came, stayed = survivors(lost)
    if len(stayed) < threshold:
        assert record.aborted and not server.model.any() and not server.acknowledged
        assert record.dropped == record.cohort, "an upload that nobody could read counts as one"
        return
    plain, model = plain_round(given, Fates(*lost))
    assert not record.aborted and torch.equal(server.model, model)
    assert total.weight == plain.weight and sorted(total.clients) == sorted(plain.clients)
    assert torch.equal(total.mean, plain.mean)
    assert record.dropped == [f"hospital-{k}" for k in range(len(given)) if k not in came]
    resolution = len(came) / 2**RING.fractional_bits
    assert abs(total.sums["loss"] - plain.sums["loss"]) <= resolution + 1e-6 * plain.sums["loss"]
    assert record.clipped == sum(given[k].clipped for k in came) / len(came)


@law("secure_server", given=st.lists(GIVEN, min_size=4, max_size=4), stage=st.sampled_from(STAGES))
def law_the_threshold_that_was_asked_for_holds(impl, given, stage):
    """Three of four are a majority, and yet too few where all were asked to stay."""
    server = secure_server(given, Fates(stage, None, None, None), kind=impl, threshold=4)
    record, _ = play(server)
    assert record.aborted and not server.model.any()


@law("secure_server", given=st.lists(GIVEN, min_size=3, max_size=4), stage=st.sampled_from(STAGES))
def law_an_aborted_round_leaves_no_trace(impl, given, stage):
    """The round after it is the plain first one, and nobody was told of an upload that counted."""
    server = secure_server(given, Fates(*[stage] * (len(given) - 1)), kind=impl)
    record, total = play(server)
    assert record.aborted and not server.model.any() and not server.acknowledged
    assert total.mean is None and not total.sums and not total.weight
    assert not play(server)[0].aborted
    assert torch.equal(server.model, plain_round(given)[1])


@law("secure_server", given=st.lists(GIVEN, min_size=3, max_size=3), bad=TOO_LARGE)
def law_one_client_that_diverged_is_named_and_left_out(impl, given, bad):
    server = secure_server([*given, Given([bad] * LENGTH, 1, 1.0, False)], kind=impl)
    record, _ = play(server)
    assert record.dropped == ["hospital-3"] == list(record.failures) and not record.aborted
    assert torch.equal(server.model, plain_round(given)[1])


@law("secure_server", given=st.lists(GIVEN, min_size=4, max_size=4), count=st.integers(0, 4))
def law_a_cohort_below_the_threshold_sends_nothing(impl, given, count):
    """As a cohort by Poisson sampling may be: its round is aborted before anybody is asked."""
    server = secure_server(given, kind=impl, threshold=3)
    server.cohorts = Cohorts(server.cohorts.clients[:count], count)
    record, _ = play(server)
    assert record.aborted == (count < 3) and len(record.cohort) == count
    assert bool(server.network.replies) == (count >= 3)


@law("secure_server", given=CLIENTS, lost=LOST)
def law_noise_is_added_to_the_decoded_sum(impl, given, lost):
    """Over the weight expected, whoever came; below the threshold there is no sum and no step."""
    noise, expected = torch.linspace(-1, 1, LENGTH).double(), 7.5
    lost = lost[: len(given)]
    server = secure_server(given, Fates(*lost), kind=impl, noise=noise, expected=expected)
    record, _ = play(server)
    came, stayed = survivors(lost)
    if 2 * len(stayed) <= len(given):
        assert record.aborted and not server.model.any()
        return
    total = torch.zeros_like(noise)
    for each in [given[k] for k in came]:
        total += RING.decode(RING.encode(torch.tensor(each.update).double() * each.weight))
    assert torch.equal(server.model, ((total + noise) / expected).float())


def vector(impl, upload: Upload) -> torch.Tensor:
    """What a client puts under its masks."""
    question = TrainMasked(round=1, lr=0.1, arrays={"model": torch.zeros(LENGTH)}, letters={})
    return impl(Prepared("hospital-0", upload), RING, MOST, "shake").vector(question)


@law("secure_client", given=GIVEN)
def law_a_vector_holds_update_sums_and_weight(impl, given):
    """weight x update, whether it was clipped, weight x loss, weight; toward zero, and no more."""
    loss = float(given.upload().sums["loss"])
    numbers = [*(x * given.weight for x in given.update), given.clipped, loss, given.weight]
    words = vector(impl, given.upload())
    assert words.dtype == torch.int32
    assert words.tolist() == [math.trunc(each * 2**RING.fractional_bits) for each in numbers]


@law("secure_client", given=GIVEN, loss=st.sampled_from([64.5, 1e3, 1e9, 3e38]))
def law_a_loss_is_bounded(impl, given, loss):
    """A hospital whose loss explodes is in the sum, with the largest loss that there is."""
    words = vector(impl, given.upload(loss=given.weight * loss))
    assert RING.decode(words)[-2] == given.weight * LARGEST_LOSS


@law("secure_client", given=GIVEN, name=st.sampled_from(["variate", "steps", "losses"]))
def law_sums_of_an_algorithm_are_refused(impl, given, name):
    try:
        vector(impl, given.upload(**{name: 1.0}))
    except ValueError as error:
        assert name in str(error)
    else:
        raise AssertionError(f"{name} was left out in silence")


@law("secure_client", given=GIVEN, bad=TOO_LARGE, place=st.integers(0, LENGTH - 1))
def law_what_could_wrap_is_refused(impl, given, bad, place):
    """Five such clients would pass the end of the ring, though one alone may not."""
    update = [bad if k == place else x for k, x in enumerate(given.update)]
    try:
        vector(impl, Given(update, given.weight, given.loss, given.clipped).upload())
    except (ValueError, OverflowError):
        return
    raise AssertionError(f"{bad} was encoded")


@law("secure_client", given=CLIENTS, lost=LOST)
def law_replies_hold_keys_letters_one_vector_and_shares(impl, given, lost):
    """Decoded from the wire: nothing about a client, such as its weight or its loss, is in them."""
    server = secure_server(given, Fates(*lost), client=impl)
    try:
        play(server)
    except ProtocolError:
        pass  # what was sent until then is judged
    told = {name: [] for name in server.network.clients}
    for name, reply in server.network.replies:
        told[name].append(decode(encode(reply)))
    for each in told.values():
        assert [type(reply) for reply in each] == list(REPLIES[: len(each)])
        for reply in each:
            check(reply, len(given))


def check(reply, clients: int) -> None:
    """That a reply has the one field of its kind, in the size that is known to all."""
    ((field, value),) = ((k, v) for k, v in vars(reply).items() if k != "round")
    if field in ("keys", "vector"):
        assert list(value.shape) == [2 * SECRET if field == "keys" else LENGTH + 3]
        return
    assert len(value) <= clients
    size = LETTER if field == "letters" else SHARE
    assert all((each.dtype, len(each)) == (torch.uint8, size) for each in value.values())


@law("secure_client", given=st.lists(GIVEN, min_size=2, max_size=3))
def law_no_two_rounds_share_a_key_or_a_mask(impl, given):
    """Though the uploads are the same, and the first round is aborted."""
    server, seen = secure_server(given, Fates("after upload"), client=impl), {}
    server.threshold = len(given)
    assert play(server)[0].aborted and not play(server)[0].aborted
    for name, reply in server.network.replies:
        if isinstance(reply, PublicKeys):
            seen.setdefault((name, "keys"), []).append(to_bytes(reply.keys))
        if isinstance(reply, MaskedVector):
            seen.setdefault((name, "vector"), []).append(to_bytes(reply.vector))
    for (name, what), (first, second) in seen.items():
        words = range(0, len(first), 4)
        same = [first[k : k + 4] for k in words if first[k : k + 4] == second[k : k + 4]]
        assert not same, f"{name} sent {what} of the round before"


@law("secure_client", given=GIVEN)
def law_training_waits_until_the_vector_is_due(impl, given):
    """Who drops out while keys are exchanged has not trained in vain."""
    asked = []

    class Noted(Prepared):
        def answer(self, question):
            asked.append(question)
            return super().answer(question)

    client = impl(Noted("hospital-0", given.upload()), RING, MOST, "shake")
    client.answer(AdvertiseKeys(1))
    assert not asked
