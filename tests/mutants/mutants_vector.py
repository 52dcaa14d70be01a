"""Wrong ways to make a vector of a model."""

from __future__ import annotations

import torch

from fedmini.vector import FlatModel
from tests.contracts.framework import mutant


class Flattened(FlatModel):
    """A vector over chosen tensors of the module; the mutants choose, and link, wrongly."""

    def __init__(self, module):
        self.module = module
        parameters, buffers = self.parameters(module), self.float_buffers(module)
        tensors = self.ordered(parameters, buffers)
        self.names, self.sizes = list(tensors), [t.numel() for t in tensors.values()]
        trained = sum(t.numel() for t in parameters.values())
        self.state = torch.cat([t.detach().float().reshape(-1) for t in tensors.values()])
        self.grad = torch.zeros(trained)
        self.vector, self.buffers = self.state[:trained], self.state[trained:]
        self.link(tensors, parameters)

    def parameters(self, module):
        return dict(module.named_parameters())

    def float_buffers(self, module):
        return {name: b for name, b in module.named_buffers() if b.is_floating_point()}

    def ordered(self, parameters, buffers):
        return parameters | buffers

    def link(self, tensors, parameters):
        for tensor, flat in zip(tensors.values(), self.state.split(self.sizes), strict=True):
            if tensor.is_floating_point():
                tensor.data = flat.view(tensor.shape)
        sizes = [t.numel() for t in parameters.values()]
        for tensor, flat in zip(parameters.values(), self.grad.split(sizes), strict=True):
            tensor.grad = flat.view(tensor.shape)


@mutant(
    "flat_model",
    law="law_parameters_first_then_float_buffers_each_once",
    harm="Running statistics are never sent: the global model is tested with mean 0, variance 1.",
)
class BuffersDropped(Flattened):
    def float_buffers(self, module):
        return {}


@mutant(
    "flat_model",
    law="law_parameters_first_then_float_buffers_each_once",
    harm="The counter of batches is averaged as a float and comes back as 17.4.",
)
class IntegerBuffersAveraged(Flattened):
    def float_buffers(self, module):
        return dict(module.named_buffers())


@mutant(
    "flat_model",
    law="law_parameters_first_then_float_buffers_each_once",
    harm="A tied weight counts twice: its gradient is halved in the norm, or its step doubled.",
)
class TiedTwice(Flattened):
    def parameters(self, module):
        return dict(module.named_parameters(remove_duplicate=False))


@mutant(
    "flat_model",
    law="law_parameters_first_then_float_buffers_each_once",
    harm="Running variances lie where weights should: weight decay and clipping shrink them.",
)
class BuffersInFront(Flattened):
    def ordered(self, parameters, buffers):
        return buffers | parameters


@mutant(
    "flat_model",
    law="law_views_alias_both_ways",
    harm="The vector is a copy: the optimiser moves it, and the network never learns.",
)
class Copied(FlatModel):
    def __init__(self, module):
        super().__init__(module)
        for tensor in module.parameters():
            tensor.data = tensor.data.clone()


@mutant(
    "flat_model",
    law="law_gradients_land_in_the_vector",
    harm="The flat gradient stays zero, so every update is zero and all curves are flat.",
)
class GradientsElsewhere(FlatModel):
    def __init__(self, module):
        super().__init__(module)
        for tensor in module.parameters():
            tensor.grad = torch.zeros_like(tensor)


@mutant(
    "flat_model",
    law="law_running_statistics_land_in_the_vector",
    harm="Statistics are gathered in a tensor that nobody sends.",
)
class StatisticsElsewhere(FlatModel):
    def __init__(self, module):
        super().__init__(module)
        for tensor in module.buffers():
            tensor.data = tensor.data.clone()

    def check_views(self):
        pass


@mutant(
    "flat_model",
    law="law_loading_copies_and_keeps_the_views",
    harm="The global model itself is trained in place; the proximal term is zero for ever.",
)
class LoadByReference(FlatModel):
    def load(self, state):
        self.state = state
        trained = self.grad.numel()
        self.vector, self.buffers = state[:trained], state[trained:]


@mutant(
    "flat_model",
    law="law_what_came_loose_is_named",
    harm="After zero_grad() the flat gradient is stale: clipping and FedProx act on nothing.",
)
class GradientsUnchecked(FlatModel):
    def check_views(self):
        parameters = list(self.module.parameters())
        for tensor, flat in zip(parameters, self.grad.split([t.numel() for t in parameters])):
            tensor.grad = flat.view(tensor.shape).to(tensor.dtype)
        super().check_views()


@mutant(
    "flat_model",
    law="law_what_came_loose_is_named",
    harm="A student's zero_grad() makes a run that learns nothing and says nothing.",
)
class NothingChecked(FlatModel):
    def check_views(self):
        pass


@mutant(
    "flat_model",
    law="law_masks_cover_whole_tensors",
    harm="FedBN keeps one coordinate of each norm layer at home and averages the others.",
)
class MaskOfFirstCoordinates(FlatModel):
    def mask(self, chosen):
        whole = super().mask(chosen)
        return whole & ~torch.cat([torch.tensor([False]), whole[:-1]])


@mutant(
    "flat_model",
    law="law_masks_cover_whole_tensors",
    harm="Running means are clamped at zero as if they were variances.",
)
class MeansTakenForVariances(FlatModel):
    def variances(self):
        return self.mask(lambda name: "running" in name)


