"""Published weights: what is said, and files that are damaged, dangerous or of another network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.models.pretrained import load_pretrained
from fedmini.models.resnet import resnet18, resnet34, resnet50
from fedmini.models.unet import UNet
from fedmini.rng import stream
from fedmini.vector import FlatModel


def made(model=resnet18, channels=3, outputs=4, norm="batch", width=2, **options) -> nn.Module:
    net = model(channels, outputs, norm, width, **options)
    initialise(net, stream(0, "initial"))
    return net


def saved(content: object, folder: Path, older: bool = False) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not older)
    return path


def refusal(module: nn.Module, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_pretrained(module, path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_done_is_said(tmp_path):
    path = saved(made().state_dict(), tmp_path)
    assert load_pretrained(made(), path) == [f"{path}: 102 tensors"]
    assert load_pretrained(made(channels=1, outputs=14), path)[1:] == [
        "conv1.weight: summed over 3 channels, for 1 here",
        "fc: left at its first values, for 14 outputs",
    ]


def test_a_model_that_is_a_vector_stays_one(tmp_path):
    flat = FlatModel(made())
    path = saved({name: each + 1 for name, each in made().state_dict().items()}, tmp_path)
    before = flat.state.clone()
    load_pretrained(flat.module, path)
    flat.check_views()
    assert torch.equal(flat.state, before + 1)


def test_files_from_before_batches_were_counted(tmp_path):
    state = {n: t for n, t in made().state_dict().items() if not n.endswith("tracked")}
    parameters = {n: nn.Parameter(t) for n, t in state.items()}
    net = made(channels=1)
    load_pretrained(net, saved(parameters, tmp_path, older=True))
    assert torch.equal(net.layer1[0].conv1.weight, state["layer1.0.conv1.weight"])


def test_half_precision_is_summed_in_single(tmp_path):
    state = made().half().state_dict()
    net = made(channels=1)
    load_pretrained(net, saved(state, tmp_path))
    expected = state["conv1.weight"].float().sum(1, keepdim=True)
    assert torch.equal(net.conv1.weight, expected)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (made(norm="group"), "bn1.running_mean has no place in this network; .*--norm"),
        (made(resnet34), "layer1.2.conv1.weight is missing"),
        (made(resnet50), "layer1.0.conv3.weight is missing"),
        (made(stem="small"), r"conv1.weight is \(2, 3, 7, 7\); right would be \(2, 3, 3, 3\)"),
        (made(width=3), r"conv1.weight is \(2, 3, 7, 7\); right would be \(3, 3, 7, 7\)"),
        (UNet(1, 2, 2, 1), "the weights are for a --model resnet18, 34 or 50"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(module, words, tmp_path):
    before = [each.clone() for each in module.state_dict().values()]
    found = refusal(module, saved(made().state_dict(), tmp_path))
    assert re.search(words, found), found
    for each, kept in zip(module.state_dict().values(), before, strict=True):
        assert torch.equal(each, kept)


@pytest.mark.parametrize("older", [True, False])
def test_group_norm_weights_fit_a_network_with_group_norm(older, tmp_path):
    theirs, ours = made(norm="group"), made(norm="group")
    nn.init.ones_(theirs.layer3[1].bn2.bias)
    load_pretrained(ours, saved(theirs.state_dict(), tmp_path, older))
    assert torch.equal(ours.layer3[1].bn2.bias, theirs.layer3[1].bn2.bias)


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize(
    "content", [{}, [1, 2], 3, "text", {1: 2}, {"state_dict": {"conv1.weight": torch.ones(2)}}]
)
def test_a_file_of_something_else_is_refused(content, older, tmp_path):
    refusal(made(), saved(content, tmp_path, older))


@pytest.mark.parametrize("older", [True, False])
def test_a_program_in_a_file_is_not_run(older, tmp_path):
    ran = tmp_path / "ran"

    class Program:
        def __reduce__(self):
            return Path.touch, (ran,)

    refusal(made(), saved({"conv1.weight": Program()}, tmp_path, older))
    assert not ran.exists()


@pytest.mark.parametrize("older", [True, False])
def test_cut_files_are_refused(older, tmp_path):
    whole = saved({"conv1.weight": torch.ones(9)}, tmp_path, older).read_bytes()
    path = tmp_path / "cut.pth"
    for size in range(0, len(whole), 23):
        path.write_bytes(whole[:size])
        refusal(made(), path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "No such file" in refusal(made(), tmp_path / "missing.pth")
    assert "directory" in refusal(made(), tmp_path)
