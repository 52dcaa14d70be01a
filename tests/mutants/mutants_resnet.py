"""Wrong residual networks, wrong stems, and weights loaded wrongly."""

from __future__ import annotations

import torch
from tests.contracts.framework import mutant
from torch import nn
from torch.nn import functional as F

from fedmini.models.norm import norm_layer
from fedmini.models.pretrained import BIAS, HEAD, STEM, load_pretrained
from fedmini.models.resnet import Basic, Bottleneck, ResNet, Shortcut
from fedmini.tensors import load_tensors

PAPER = "law_resnet_computes_what_the_paper_says"
NAMES = "law_resnet_has_the_published_names_and_shapes"
ALL_BUT_HEAD = "law_pretrained_loads_all_but_a_head_of_another_size"


def parts(net: ResNet, *kinds: type) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, kinds)]


@mutant("resnet", law=PAPER, harm="Deep networks train no better than plain stacks: no identity.")
class ForgetsTheIdentity(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, Shortcut):
            if not len(each):
                each.forward = torch.zeros_like


@mutant("resnet", law=PAPER, harm="Half of every residual is cut off before it can be added.")
class RectifiesBeforeTheSum(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, Basic):
            each.bn2.register_forward_hook(lambda layer, given, features: F.relu(features))
        for each in parts(self, Bottleneck):
            each.bn3.register_forward_hook(lambda layer, given, features: F.relu(features))


@mutant("resnet", law=PAPER, harm="Stages shrink by four: small images end as a single pixel.")
class StridesTwice(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, Basic, Bottleneck):
            if each.downsample.stride == 2:
                each.conv1.stride = each.conv2.stride = (2, 2)
                each.downsample.stride = 4


@mutant("resnet", law=PAPER, harm="Published weights of ResNet-50 give other features.")
class StridesInTheFirstConvolution(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, Bottleneck):
            each.conv1.stride, each.conv2.stride = each.conv2.stride, (1, 1)


@mutant("resnet", law=PAPER, harm="Small images keep a quarter of each side, or less.")
class PoolsSmallImagesToo(ResNet):
    def forward(self, images):
        self.stem = "large"
        return super().forward(images)


@mutant("resnet", law=PAPER, harm="Groups of a channel or two: brightness is divided out.")
class SixteenGroups(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, nn.GroupNorm):
            each.num_groups = min(16, each.num_channels)


@mutant("resnet", law=NAMES, harm="The first block of ResNet-50 cannot widen at all.")
class ProjectsOnlyWhereItStrides(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, Shortcut):
            if each.stride == 1:
                del each[:]


@mutant("resnet", law=NAMES, harm="No published file fits, and old model.pt files load no more.")
class HasNamesOfItsOwn(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.head = self.fc
        del self.fc


@mutant("resnet", law=NAMES, harm="Biases before norms do nothing, yet travel every round.")
class HasIdleBiases(ResNet):
    def __init__(self, layers, in_channels, outputs, **options):
        super().__init__(layers, in_channels, outputs, **options)
        kernel, stride = self.conv1.kernel_size, self.conv1.stride
        width, padding = self.conv1.out_channels, self.conv1.padding
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, padding)


@mutant(
    "resnet",
    law="law_resnet_keeps_a_tenth_of_each_batchs_statistics",
    harm="Few local steps leave the statistics near their first values: another net is judged.",
)
class RemembersTooSlowly(ResNet):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for each in parts(self, nn.BatchNorm2d):
            each.momentum = 0.01  # Keras says 0.99 for what is 0.01 here


@mutant(
    "stem",
    law="law_stem_is_small_where_a_side_is_below_48",
    harm="Long narrow images lose their short side to the large stem.",
)
def judges_by_the_longer_side(pixels, size):
    return "small" if min(max(pixels), size) < 48 else "large"


@mutant(
    "stem",
    law="law_stem_is_small_where_a_side_is_below_48",
    harm="Images of 240 pixels shrunk to 32 reach the last stage as a single pixel.",
)
def judges_the_file(pixels, size):
    return "small" if min(pixels) < 48 else "large"


@mutant(
    "stem",
    law="law_stem_is_small_where_a_side_is_below_48",
    harm="Images of 32 pixels are taken for the 64 that the preset allows.",
)
def judges_the_preset(pixels, size):
    return "small" if size < 48 else "large"


def stem_from(module, path, change):
    """Load, with another stem made from the file's."""
    said = load_pretrained(module, path)
    stem, own = load_tensors(path)[STEM], module.conv1.weight
    if stem.shape != own.shape:
        own.data.copy_(change(stem))
    return said


@mutant(
    "load_pretrained",
    law="law_pretrained_answers_to_gray_as_to_colour",
    harm="The stem answers three times too faintly, and the running statistics fit no more.",
)
def takes_the_mean_of_the_colours(module, path):
    return stem_from(module, path, lambda stem: stem.mean(1, keepdim=True))


@mutant(
    "load_pretrained",
    law="law_pretrained_answers_to_gray_as_to_colour",
    harm="With several channels, each answers as loudly as all together should.",
)
def gives_every_channel_the_whole_sum(module, path):
    return stem_from(module, path, lambda stem: stem.sum(1, keepdim=True))


@mutant(
    "load_pretrained",
    law="law_pretrained_answers_to_gray_as_to_colour",
    harm="Gray images see only what the network learned to see in red.",
)
def takes_red_for_gray(module, path):
    return stem_from(module, path, lambda stem: stem[:, :1])


@mutant(
    "load_pretrained",
    law=ALL_BUT_HEAD,
    harm="Means 0 and variances 1 under published weights: evaluation sees noise.",
)
def leaves_running_statistics_behind(module, path):
    before = {name: each.clone() for name, each in module.named_buffers()}
    said = load_pretrained(module, path)
    module.load_state_dict(before, strict=False)
    return said


@mutant(
    "load_pretrained",
    law=ALL_BUT_HEAD,
    harm="Fourteen findings start out as the first fourteen classes of another task.",
)
def cuts_the_head_to_size(module, path):
    said, given = load_pretrained(module, path), load_tensors(path)
    rows = min(len(given[BIAS]), len(module.fc.bias))
    module.fc.weight.data[:rows] = given[HEAD][:rows]
    return said


@mutant(
    "load_pretrained",
    law=ALL_BUT_HEAD,
    harm="A network for the same findings forgets its head without a word.",
)
def always_forgets_the_head(module, path):
    kept = {name: each.clone() for name, each in module.fc.named_parameters()}
    said = load_pretrained(module, path)
    module.fc.load_state_dict(kept)
    return said


@mutant(
    "load_pretrained",
    law=ALL_BUT_HEAD,
    harm="Published convolutions meet norms of first values: features come out at a wrong size.",
)
def leaves_the_norms_behind(module, path):
    said = load_pretrained(module, path)
    for name, layer in module.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.load_state_dict(norm_layer("batch", layer.num_features).state_dict())
    return said


@mutant(
    "load_pretrained",
    law="law_pretrained_refuses_what_does_not_fit",
    harm="Another network's file loads in part: most layers keep their first values, unsaid.",
)
def loads_whatever_fits(module, path):
    own, given = module.state_dict(), load_tensors(path)
    fitting = {n: t for n, t in given.items() if n in own and own[n].shape == t.shape}
    module.load_state_dict(fitting, strict=False)
    return [f"{path}: {len(fitting)} tensors"]
