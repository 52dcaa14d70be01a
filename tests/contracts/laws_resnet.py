"""Laws about the residual networks, the choice of their stem, and published weights."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from hypothesis import strategies as st
from tests.contracts.framework import law, real
from torch import Tensor, nn
from torch.nn import functional as F

from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.models.resnet import ResNet
from fedmini.rng import stream

real("resnet", "fedmini.models.resnet:ResNet")
real("stem", "fedmini.presets:stem")
real("load_pretrained", "fedmini.models.pretrained:load_pretrained")

KEYS = st.integers(0, 2**40)
LAYERS = st.sampled_from([18, 34, 50])
STEMS = st.sampled_from(["large", "small"])
BLOCKS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]}


def published(layers: int, channels: int, outputs: int, width: int, stem: str) -> dict[str, tuple]:
    """Name -> shape of what torchvision's networks store, spelled out from the paper's table 1."""
    found = {}

    def pair(convolution, norm, inputs, channels, kernel):
        found[f"{convolution}.weight"] = (channels, inputs, kernel, kernel)
        for name in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{name}"] = (channels,)
        found[f"{norm}.num_batches_tracked"] = ()

    pair("conv1", "bn1", channels, width, 7 if stem == "large" else 3)
    inputs = width
    for stage, blocks in enumerate(BLOCKS[layers]):
        narrow = width * 2**stage
        wide = narrow * 4 if layers == 50 else narrow
        for number in range(blocks):
            at = f"layer{stage + 1}.{number}"
            kernels = [1, 3, 1] if layers == 50 else [3, 3]
            sizes = [inputs, narrow, narrow, wide] if layers == 50 else [inputs, narrow, wide]
            for step, kernel in enumerate(kernels):
                names = f"{at}.conv{step + 1}", f"{at}.bn{step + 1}"
                pair(*names, sizes[step], sizes[step + 1], kernel)
            if inputs != wide or (stage > 0 and number == 0):
                pair(f"{at}.downsample.0", f"{at}.downsample.1", inputs, wide, 1)
            inputs = wide
    return found | {"fc.weight": (outputs, inputs), "fc.bias": (outputs,)}


def by_hand(tensors: dict[str, Tensor], layers: int, stem: str, images: Tensor) -> Tensor:
    """The logits that a network with these tensors gives, name by name; norms in use, not fed."""

    def convolve(name, features, stride):
        weight = tensors[f"{name}.weight"]
        return F.conv2d(features, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(name, features):
        scale, shift = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if f"{name}.running_mean" in tensors:
            mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
            return F.batch_norm(features, mean, variance, scale, shift)
        channels = features.shape[1]
        groups = channels // 16 if channels % 16 == 0 else 1
        return F.group_norm(features, groups, scale, shift)

    large = stem == "large"
    features = F.relu(norm("bn1", convolve("conv1", images, 2)))
    features = F.max_pool2d(features, 3, 2, 1) if large else features
    for stage, blocks in enumerate(BLOCKS[layers]):
        for number in range(blocks):
            at, stride = f"layer{stage + 1}.{number}", 2 if stage > 0 and number == 0 else 1
            past = features
            if f"{at}.downsample.0.weight" in tensors:
                past = norm(f"{at}.downsample.1", convolve(f"{at}.downsample.0", past, stride))
            strides = [1, stride, 1] if layers == 50 else [stride, 1]
            for step, each in enumerate(strides, 1):
                features = norm(f"{at}.bn{step}", convolve(f"{at}.conv{step}", features, each))
                features = F.relu(features if step < len(strides) else features + past)
    return features.mean((2, 3)) @ tensors["fc.weight"].T + tensors["fc.bias"]


def lived_in(net: nn.Module, key: int) -> nn.Module:
    """The network with weights, scales, shifts and statistics as training would leave them."""
    initialise(net, stream(key, "initial"))
    draws = stream(key, "life")
    for name, tensor in net.state_dict().items():
        if tensor.dim() == 1:
            tensor.add_(0.3 * torch.randn(tensor.shape, generator=draws))
            tensor.abs_() if name.endswith("running_var") else None
    return net


@law("resnet", layers=LAYERS, channels=st.integers(1, 4), width=st.integers(1, 5), stem=STEMS)
def law_resnet_has_the_published_names_and_shapes(impl, layers, channels, width, stem):
    net = impl(layers, channels, 7, norm="batch", width=width, stem=stem)
    found = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    assert found == published(layers, channels, 7, width, stem)
    learned = {name for name, _ in impl(layers, channels, 7, width=width).named_parameters()}
    assert learned == {name for name, _ in net.named_parameters()}


@law(
    "resnet",
    key=KEYS,
    layers=LAYERS,
    norm=st.sampled_from(["group", "batch"]),
    width=st.sampled_from([1, 3, 8, 32]),
    stem=STEMS,
    sides=st.tuples(st.integers(9, 40), st.integers(9, 40)),
)
def law_resnet_computes_what_the_paper_says(impl, key, layers, norm, width, stem, sides):
    net = lived_in(impl(layers, 2, 3, norm=norm, width=width, stem=stem), key).double().eval()
    images = torch.randn(2, 2, *sides, generator=stream(key, "images")).double()
    with torch.no_grad():
        expected = by_hand(net.state_dict(), layers, stem, images)
        assert torch.allclose(net(images), expected, rtol=1e-8, atol=1e-8)


@law("resnet", key=KEYS, layers=st.sampled_from([18, 50]), stem=STEMS)
def law_resnet_keeps_a_tenth_of_each_batchs_statistics(impl, key, layers, stem):
    net = lived_in(impl(layers, 1, 2, norm="batch", width=2, stem=stem), key).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images = torch.randn(4, 1, 40, 40, generator=stream(key, "images"))
    with torch.no_grad():
        net(images)
        seen = net.conv1(images)
    mean, variance = seen.mean((0, 2, 3)), seen.var((0, 2, 3))
    assert torch.allclose(net.bn1.running_mean, 0.9 * before["bn1.running_mean"] + 0.1 * mean)
    assert torch.allclose(net.bn1.running_var, 0.9 * before["bn1.running_var"] + 0.1 * variance)


@law("stem", side=st.integers(1, 300), longer=st.integers(48, 300), size=st.integers(48, 400))
def law_stem_is_small_where_a_side_is_below_48(impl, side, longer, size):
    expected = "small" if side < 48 else "large"
    assert impl((side, max(side, longer)), max(side, longer)) == expected
    assert impl((max(side, longer), side), max(side, longer)) == expected
    assert impl((longer, longer), size) == impl((size, size), longer) == "large"
    assert impl((longer, longer), 47) == "small"  # shrunk before it is looked at
    assert impl((47, 47), size) == "small"  # never enlarged


@law("load_pretrained", key=KEYS, colours=st.sampled_from([3, 3, 4]), channels=st.integers(1, 5))
def law_pretrained_answers_to_gray_as_to_colour(impl, key, colours, channels):
    theirs, ours = trained(key, colours, 2), lived_in(network(channels, 2), key + 1)
    loaded(impl, ours, theirs.state_dict())
    gray = torch.randn(2, 1, 33, 33, generator=stream(key, "images"))
    with torch.no_grad():
        found = ours.eval()(gray.expand(-1, channels, -1, -1))
        expected = theirs.eval()(gray.expand(-1, colours, -1, -1))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


@law("load_pretrained", key=KEYS, outputs=st.sampled_from([2, 3, 5]), older=st.booleans())
def law_pretrained_loads_all_but_a_head_of_another_size(impl, key, outputs, older):
    theirs, ours = trained(key, 1, 3), lived_in(network(1, outputs), key + 1)
    own = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    said = loaded(impl, ours, theirs.state_dict(), older)
    for name, tensor in ours.state_dict().items():
        kept = name.startswith("fc.") and outputs != 3
        if tensor.is_floating_point():
            expected = own if kept else theirs.state_dict()
            assert torch.equal(tensor, expected[name]), name
    assert ("fc" in " ".join(said[1:])) == (outputs != 3)


@law(
    "load_pretrained",
    key=KEYS,
    name=st.sampled_from(["conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight"]),
    change=st.sampled_from(["missing", "extra", "larger", "flat"]),
)
def law_pretrained_refuses_what_does_not_fit(impl, key, name, change):
    state = dict(trained(key, 3, 2).state_dict())
    changed = {"missing": {}, "extra": {name: state[name], f"{name}s": state[name]}}
    changed |= {"larger": {name: torch.cat([state[name]] * 2)}, "flat": {name: torch.ones(())}}
    state = {other: each for other, each in state.items() if other != name} | changed[change]
    try:
        loaded(impl, network(1, 2), state)
    except UserError as error:
        assert f"weights.pth: {name}" in str(error), error
    else:
        raise AssertionError(f"{name} is {change}, and nothing was said")


def network(channels: int, outputs: int, norm: str = "batch") -> ResNet:
    return ResNet(18, channels, outputs, norm=norm, width=2)


def trained(key: int, channels: int, outputs: int) -> ResNet:
    return lived_in(network(channels, outputs), key)


def loaded(impl, module: nn.Module, state: dict, older: bool = False) -> list[str]:
    """What `impl` says after reading a state_dict in torch's format, or in the older one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(state, path, _use_new_zipfile_serialization=not older)
        return impl(module, path)
