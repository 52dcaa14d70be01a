"""What a client in secure aggregation promises, whatever the server asks."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from fedmini.secagg.masks import add_mask
from fedmini.secagg.messages import MaskedInput, Unmask, to_bytes, to_tensor
from fedmini.secagg.pairwise import add_pairwise_masks
from fedmini.secagg.x25519 import public_key
from tests.contracts.framework import law, real
from tests.secagg.rounds import LETTER, PEERS, SECRET, SHARE, Round, chi_square, refused

real("participant", "fedmini.secagg.client:Participant")

OTHERS = st.sampled_from(["B", "BC", "BCDE"])
SOME = st.sampled_from("BCDE")
STAGE = st.integers(0, 3)
DTYPE = st.sampled_from([torch.int32, torch.int64])


@law("participant", asked=st.lists(STAGE, max_size=7))
def law_each_question_once_and_in_order(impl, asked):
    game, answered = Round(impl), 0
    for stage in [*asked, 0, 1, 2, 3, 0, 1, 2, 3]:
        question = game.question(stage)
        if stage == answered:
            game.ask(question)
            answered += 1
        else:
            assert refused(lambda: game.ask(question)), f"answered {stage} after {answered}"


@law("participant", stage=STAGE, other=st.sampled_from([2, 4]))
def law_another_round_is_refused(impl, stage, other):
    game = Round(impl)
    game.play(stage)
    game.number = other
    assert refused(lambda: game.ask(game.question(stage))), f"answered round {other} in round 3"


@law("participant", threshold=st.integers(-1, 6), others=OTHERS)
def law_the_threshold_is_a_majority(impl, threshold, others):
    game = Round(impl, others=others, threshold=threshold)
    game.play(1)
    majority = len(others) + 1 < 2 * threshold <= 2 * (len(others) + 1)
    assert refused(lambda: game.ask(game.question(1))) != majority


@law("participant", part=st.sets(SOME))
def law_too_few_letters_are_refused(impl, part):
    game = Round(impl)
    game.play(2)
    few = len(part) + 1 < game.threshold
    assert refused(lambda: game.ask(MaskedInput(3, game.letters_to_a(part)))) == few
    assert bool(game.heard) != few, "the vector is made when it is sent, and not for nothing"


@law("participant", survivors=st.sets(st.sampled_from("ABCDE")))
def law_too_few_survivors_are_refused(impl, survivors):
    game = Round(impl)
    game.play(3)
    enough = len(survivors) >= game.threshold and "A" in survivors
    assert refused(lambda: game.ask(Unmask(3, sorted(survivors)))) != enough


@law("participant", part=st.sets(SOME, min_size=2, max_size=3))
def law_no_set_grows(impl, part):
    game = Round(impl)
    game.play(2)
    letters = game.letters_to_a(part)
    stranger = {**letters, "Z": to_tensor(bytes(LETTER))}
    assert refused(lambda: game.ask(MaskedInput(3, stranger))), "Z never showed its keys"
    game.ask(MaskedInput(3, letters))
    grown = Unmask(3, ["A", *game.others])
    assert refused(lambda: game.ask(grown)), "someone survived who did not take part"


@law("participant", survivors=st.sets(SOME, min_size=2))
def law_one_share_of_each_client(impl, survivors):
    game = Round(impl)
    game.play(2)
    kept = {name: bytes([i]) * SHARE + bytes([99 - i]) * SHARE for i, name in enumerate("BCDE")}
    game.ask(MaskedInput(3, game.letters_to_a("BCDE", kept)))
    shares = game.ask(Unmask(3, ["A", *sorted(survivors)])).shares
    assert shares.keys() == set("ABCDE") and len(shares["A"]) == SHARE
    for name, content in kept.items():
        wanted = content[:SHARE] if name in survivors else content[SHARE:]
        assert to_bytes(shares[name]) == wanted, f"{name}: not the one share that is needed"


@law("participant", round=st.integers(1, 2**40), reader=SOME)
def law_a_letter_has_one_reader_and_one_round(impl, round, reader):
    game = Round(impl, round=round)
    game.play(2)
    letter = game.letters[reader]
    assert len(letter) == LETTER and opened(game, reader, letter, round)
    assert not opened(game, reader, letter, round + 1), "it can be sent again in another round"
    for other in set("BCDE") - {reader}:
        assert not opened(game, other, letter, round), f"{other} reads what is for {reader}"


def opened(game: Round, reader: str, letter: torch.Tensor, round: int) -> bool:
    try:
        return len(game.read(reader, letter, round)) == 2 * SHARE
    except ValueError:
        return False


@law("participant", sender=SOME, bit=st.integers(0, 8 * LETTER - 1))
def law_a_changed_letter_is_refused(impl, sender, bit):
    game = Round(impl)
    game.play(2)
    letters = game.letters_to_a("BCDE")
    letters[sender][bit // 8] ^= 1 << bit % 8
    try:
        game.ask(MaskedInput(3, letters))
    except ValueError:
        return
    raise AssertionError("a share that was changed on its way was kept")


@law("participant", others=st.sampled_from(["BC", "BCDE"]), dtype=DTYPE, part=st.booleans())
def law_peers_and_shares_undo_every_mask(impl, others, dtype, part):
    vector = torch.arange(-3, 9, dtype=dtype) * (torch.iinfo(dtype).max // 8)
    given = vector.clone()
    game = Round(impl, vector=given, others=others)
    game.play(2)
    writers = others[1:] if part else others
    masked = game.ask(MaskedInput(3, game.letters_to_a(writers))).vector
    assert torch.equal(given, vector), "the client's own vector was changed"
    key = to_bytes(game.keys["A"])[SECRET:]
    seed, mask_key = game.secrets()
    assert public_key(mask_key) == key, "what was shared is not the mask key"
    masked = masked.clone()
    for name in writers:
        add_pairwise_masks(masked, name, PEERS[name].mask_key, {"A": key}, 3, "shake")
    add_mask(masked, seed, -1)
    assert torch.equal(masked, vector)


@law("participant")
def law_an_upload_is_uniform_even_without_the_masks_in_common(impl):
    seen, stripped = b"", b""
    for _ in range(40):
        game = Round(impl, vector=torch.zeros(256, dtype=torch.int32), others="BC")
        masked = game.play(3).vector.clone()
        seen += to_bytes(masked)
        for name in "BC":
            key = to_bytes(game.keys["A"])[SECRET:]
            add_pairwise_masks(masked, name, PEERS[name].mask_key, {"A": key}, 3, "shake")
        stripped += to_bytes(masked)
    assert chi_square(seen) < 430 and chi_square(stripped) < 430
    first = {stripped[i : i + 8] for i in range(0, len(stripped), 1024)}
    assert len(first) == 40, "two rounds have the same own mask"


@law("participant")
def law_no_secret_serves_twice(impl):
    seen = []
    for stages, round in [(2, 3), (3, 3), (4, 3), (4, 4)]:  # aborted twice, played, the next round
        game = Round(impl, round=round, others="BC")
        game.play(stages)
        keys = to_bytes(game.keys["A"])
        seen += [keys[:SECRET], keys[SECRET:], *game.secrets()]
        shown = repr(game.client) + str(game.client)
        assert not any(each.hex() in shown or repr(each) in shown for each in game.secrets())
    assert len(set(seen)) == len(seen), "a key or a seed came back, or served two purposes"
