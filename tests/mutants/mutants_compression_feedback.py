"""Wrong error feedback."""

from __future__ import annotations

from fedmini.compression import ErrorFeedback
from tests.contracts.framework import mutant


@mutant(
    "error_feedback",
    law="law_what_arrived_and_what_is_left_are_all_there_was",
    harm="The residual of one round only: what was left out before that is lost.",
)
class ForgetfulFeedback(ErrorFeedback):
    def commit(self):
        before = self.residual
        super().commit()
        if before is not None:
            self.residual = self.residual - before


@mutant(
    "error_feedback",
    law="law_what_arrived_and_what_is_left_are_all_there_was",
    harm="The residual is forgotten with a lost upload: all that was left out before goes too.",
)
class LostWithTheUpload(ErrorFeedback):
    def discard(self):
        super().discard()
        self.residual = None


@mutant(
    "error_feedback",
    law="law_what_arrived_and_what_is_left_are_all_there_was",
    harm="A lost upload's residual is kept: a part of an update that never counted is added later.",
)
class DiscardCommits(ErrorFeedback):
    def discard(self):
        self.commit()


@mutant(
    "error_feedback",
    law="law_kept_and_pending_are_the_input",
    harm="Left out is measured against the bare update: an old residual is sent again and again.",
)
class WithoutTheOldResidual(ErrorFeedback):
    def compress(self, vector, generator=None):
        part = super().compress(vector, generator)
        self.pending = vector - self.decompress(part)
        return part


@mutant(
    "error_feedback",
    law="law_kept_and_pending_are_the_input",
    harm="The residual is added in place: the client's own update, and its model, change.",
)
class InPlaceFeedback(ErrorFeedback):
    def compress(self, vector, generator=None):
        if self.residual is not None:
            vector += self.residual
        part = self.compressor.compress(vector, generator)
        self.pending = vector - self.decompress(part)
        return part


@mutant(
    "error_feedback",
    law="law_nothing_is_committed_without_acknowledgement",
    harm="Committed at once: of a lost upload the largest part is gone, and the rest comes later.",
)
class CommittedAtOnce(ErrorFeedback):
    def compress(self, vector, generator=None):
        part = super().compress(vector, generator)
        self.residual = self.pending
        return part


@mutant(
    "error_feedback",
    law="law_nothing_is_committed_without_acknowledgement",
    harm="An acknowledgement that comes twice wipes the residual.",
)
class WipedByTheSecond(ErrorFeedback):
    def commit(self):
        self.residual, self.pending = self.pending, None
