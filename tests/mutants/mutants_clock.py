"""Wrong simulated clocks, and wrong counts of the work that they turn into hours."""

from __future__ import annotations

import math

import torch
from torch.utils.flop_counter import FlopCounterMode

from fedmini.profiles import TIERS, Clock, flops
from tests.contracts.framework import mutant


def forward(module, images) -> float:
    """Counted operations of a forward pass over a batch."""
    with FlopCounterMode(display=False) as counter:
        module(images)
    return float(counter.get_total_flops())


@mutant(
    "flops",
    law="law_flops_are_counted_by_hand",
    harm="Multiply-adds over operations a second: every machine is twice as fast as it is.",
)
def multiply_adds(module, image_shape):
    return flops(module, image_shape) / 2


@mutant(
    "flops",
    law="law_flops_are_counted_by_hand",
    harm="Two operations a parameter: a U-Net costs no more than its few weights, at any size.",
)
def twice_the_parameters(module, image_shape):
    return 2.0 * sum(each.numel() for each in module.parameters() if each.dim() > 1)


@mutant(
    "flops",
    law="law_counting_leaves_the_network_as_found",
    harm="A zero image in training mode enters the running statistics of batch norm.",
)
def counted_in_training_mode(module, image_shape):
    with torch.no_grad():
        return forward(module, torch.zeros(1, *image_shape))


@mutant(
    "flops",
    law="law_counting_leaves_the_network_as_found",
    harm="The network stays in eval mode: dropout and batch norm never train.",
)
def left_in_eval_mode(module, image_shape):
    return forward(module.eval(), torch.zeros(1, *image_shape))


@mutant(
    "flops",
    law="law_counting_leaves_the_network_as_found",
    harm="train() at the end thaws the layers that were frozen.",
)
def everything_thawed(module, image_shape):
    was = module.training
    found = forward(module.eval(), torch.zeros(1, *image_shape))
    module.train(was)
    return found


@mutant(
    "step_flops",
    law="law_a_step_is_forward_and_backward",
    harm="Forward only: training takes a third of its time, and all seems to be transfer.",
)
def forward_only(module, image_shape, batch_size):
    return batch_size * flops(module, image_shape)


@mutant(
    "step_flops",
    law="law_a_step_is_forward_and_backward",
    harm="One image a step: whoever doubles the batch halves the hours.",
)
def one_image_a_step(module, image_shape, batch_size):
    return 3 * flops(module, image_shape)


@mutant(
    "clock",
    law="law_hours_are_bits_and_operations_over_speed",
    harm="Bytes over bits a second: lines eight times as fast, and compression saves little time.",
)
class BytesAsBits(Clock):
    def hours(self, client, *, steps, up, down):
        return super().hours(client, steps=steps, up=up / 8, down=down / 8)


@mutant(
    "clock",
    law="law_hours_are_bits_and_operations_over_speed",
    harm="Both ways at the speed of the downlink: the slow uplink of a clinic costs nothing.",
)
class SameSpeedBothWays(Clock):
    def hours(self, client, *, steps, up, down):
        return super().hours(client, steps=steps, up=0, down=down + up)


@mutant(
    "clock",
    law="law_hours_are_bits_and_operations_over_speed",
    harm="All machines compute alike: a clinic trains as fast as a university.",
)
class OneSpeedForAll(Clock):
    def hours(self, client, *, steps, up, down):
        fastest = TIERS["university"].gigaflops
        training = steps * self.step_flops / (1e9 * fastest) / 3600
        return training + super().hours(client, steps=0, up=up, down=down)


@mutant(
    "clock",
    law="law_hours_add_up_and_never_fall",
    harm="Transfer hides behind training: the uplink is free for whoever trains long enough.",
)
class TransferWhileTraining(Clock):
    def hours(self, client, *, steps, up, down):
        return max(
            super().hours(client, steps=steps, up=0, down=0),
            super().hours(client, steps=0, up=up, down=down),
        )


@mutant(
    "clock",
    law="law_the_slowest_sets_the_pace",
    harm="The mean of the cohort: a synchronous round never seems to wait for anybody.",
)
class MeanOfTheCohort(Clock):
    def round(self, work):
        hours = [self.hours(client, **each) for client, each in work.items()]
        return sum(hours) / len(hours) if hours else 0.0


@mutant(
    "clock",
    law="law_the_slowest_sets_the_pace",
    harm="The sum of the cohort, as a simulation takes it: hospitals seem to work in turn.",
)
class OneAfterTheOther(Clock):
    def round(self, work):
        return sum((self.hours(client, **each) for client, each in work.items()), start=0.0)


@mutant(
    "clock",
    law="law_work_is_the_most_that_meets_the_deadline",
    harm="The deadline ends training: every straggler's upload comes after it, and is counted.",
)
class UploadForgotten(Clock):
    def work(self, client, *, steps, up, down, deadline):
        return super().work(client, steps=steps, up=0, down=down, deadline=deadline)


@mutant(
    "clock",
    law="law_work_is_the_most_that_meets_the_deadline",
    harm="Steps rounded up: the last one is done after the deadline.",
)
class RoundedUp(Clock):
    def work(self, client, *, steps, up, down, deadline):
        transfer = self.hours(client, steps=0, up=up, down=down)
        whole = self.hours(client, steps=steps, up=up, down=down)
        done = math.ceil(steps * (deadline - transfer) / (whole - transfer))
        return min(max(done / steps, 0.0), 1.0)


@mutant(
    "clock",
    law="law_work_is_the_most_that_meets_the_deadline",
    harm="A part of the time is taken for the same part of the steps, transfer or not.",
)
class PartOfTheTime(Clock):
    def work(self, client, *, steps, up, down, deadline):
        whole = self.hours(client, steps=steps, up=up, down=down)
        return min(deadline / whole, 1.0)


@mutant(
    "clock",
    law="law_work_is_the_most_that_meets_the_deadline",
    harm="All or nothing: FedProx has no partial work to keep.",
)
class AllOrNothing(Clock):
    def work(self, client, **work):
        return float(super().work(client, **work) == 1.0)


@mutant(
    "clock",
    law="law_work_is_the_most_that_meets_the_deadline",
    harm="At least one step for everybody: the slowest is waited for, whatever the deadline.",
)
class OneStepAlways(Clock):
    def work(self, client, *, steps, **rest):
        return max(1 / steps, super().work(client, steps=steps, **rest))
