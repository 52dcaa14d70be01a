"""Wrong federations: each is the real one with one method changed."""

from __future__ import annotations

import contextlib

from tests.contracts.framework import mutant

from fedmini.errors import UserError
from fedmini.federation import Federation


@mutant(
    "federation",
    law="law_resumed_run_gives_the_same_bits",
    harm="Counted from round 1 again: the schedule, cohorts and batches are repeated.",
)
class ForgetsTheRound(Federation):
    def restore(self, state):
        super().restore(state | {"round": 0})


@mutant(
    "federation",
    law="law_resumed_run_gives_the_same_bits",
    harm="What hospitals keep to themselves is lost with every interruption.",
)
class ForgetsClients(Federation):
    def restore(self, state):
        nothing = {"state": {}, "pending": {}, "pending_round": 0}
        first = {name: nothing | {"state": each.state} for name, each in self.clients.items()}
        super().restore(state | {"clients": first})


@mutant(
    "federation",
    law="law_resumed_run_gives_the_same_bits",
    harm="Uploads that were under way at the interruption are taken for lost.",
)
class ForgetsPending(Federation):
    def state(self):
        whole = super().state()
        for kept in whole["clients"].values():
            kept["pending"] = {}
        return whole


@mutant(
    "federation",
    law="law_resumed_run_gives_the_same_bits",
    harm="Nobody is told that an upload arrived before the interruption.",
)
class ForgetsAcknowledgements(Federation):
    def restore(self, state):
        super().restore(state | {"acknowledged": {}})


@mutant(
    "federation",
    law="law_state_is_a_copy",
    harm="The best model on validation data is, at the end, simply the last one.",
)
class StateIsLive(Federation):
    def state(self):
        clients = {
            name: {"state": c.state, "pending": c.pending, "pending_round": c.pending_round}
            for name, c in self.clients.items()
        }
        return super().state() | {"clients": clients}


@mutant(
    "federation",
    law="law_looking_changes_nothing",
    harm="Measuring commits uploads that were lost: runs differ by how often they are watched.",
)
class LookingCommits(Federation):
    def snapshot(self):
        for client in self.clients.values():
            client.settle(client.pending_round)
        return super().snapshot()


@mutant(
    "federation",
    law="law_looking_changes_nothing",
    harm="Training goes on from whatever model was measured last.",
)
class LookingMovesTheServer(Federation):
    def evaluate(self, snapshot, split):
        found = super().evaluate(snapshot, split)
        self.server.model = self.model.state.clone()
        return found


@mutant(
    "federation",
    law="law_every_hospital_is_served_by_its_own_model",
    harm="Personal layers are trained, paid for, and then not used on a single patient.",
)
class OneModelForAll(Federation):
    def personal(self, snapshot, hospital):
        return snapshot.model


@mutant(
    "federation",
    law="law_every_hospital_is_served_by_its_own_model",
    harm="Test scores are those of training or validation patients: far too good.",
)
class TestsOnTrainingData(Federation):
    def evaluate(self, snapshot, split):
        return super().evaluate(snapshot, "train")


@mutant(
    "federation",
    law="law_checkpoint_of_another_federation_is_refused",
    harm="A run goes on with half of another run's state, and nobody notices.",
)
class TakesAnyCheckpoint(Federation):
    def restore(self, state):
        with contextlib.suppress(UserError):
            super().restore(state)
