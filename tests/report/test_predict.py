"""Prediction with a trained model: what it writes, what it measures, what it refuses."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
from tests.data.factory import labels_dataset, segmentation_dataset

from data_prep.store import write
from fedmini import predict
from fedmini.models.unet import UNet
from fedmini.folder import RunFolder

OPTIONS = {"width": 2, "depth": 2, "norm": "batch"}


@pytest.fixture
def dataset():
    return segmentation_dataset(patients=10, slices=2, size=16, channels=2, classes=3)


@pytest.fixture
def run(tmp_path, dataset):
    """A run folder whose model is a U-Net with random weights, and a data file beside it."""
    write(tmp_path / "data.h5", dataset)
    folder = RunFolder.create(tmp_path / "run", {})
    folder.save_model(content(dataset))
    return folder


def content(dataset, **changes):
    weights = UNet(2, 3, **OPTIONS).state_dict()
    for index, tensor in enumerate(weights.values()):
        if tensor.is_floating_point():
            values = torch.linspace(-0.5, 0.6, tensor.numel()).roll(index)
            tensor.copy_(values.view_as(tensor).abs())
    return {
        "dataset": "factory",
        "synthetic": True,
        "task": "segmentation",
        "classes": list(dataset.classes),
        "regions": {name: list(indices) for name, indices in dataset.regions.items()},
        "mean": dataset.mean.tolist(),
        "std": dataset.std.tolist(),
        "size": None,
        "thresholds": {"north": [], "south": []},
        "model": {"name": "unet", "arguments": [2, 3], "options": OPTIONS},
        "state_dict": weights,
    } | changes


def start(run, *options):
    return predict.main([str(run.path), "--data", str(run.path.parent / "data.h5"), *options])


def expected_logits(run, images):
    """The same by hand, on a whole split at once."""
    found = run.load_model()
    module = UNet(2, 3, **OPTIONS)
    module.load_state_dict(found["state_dict"])
    mean, std = (torch.tensor(found[name]).view(-1, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        return module.eval()((torch.from_numpy(images).float() - mean) / std)


def test_masks_are_those_of_the_model_in_evaluation_mode(run, dataset, capsys):
    assert start(run) == 0
    rows = np.flatnonzero(dataset.split == 2)
    masks = expected_logits(run, dataset.images[rows]).argmax(dim=1).numpy()
    with h5py.File(run.path / "prediction-test.h5") as file:
        assert file["masks"].dtype == np.uint8
        np.testing.assert_array_equal(file["masks"], masks)
        np.testing.assert_array_equal(file["index"], rows)
        np.testing.assert_array_equal(file["patient"], dataset.patient[rows])
        assert list(file.attrs["classes"]) == list(dataset.classes)
        assert json.loads(file.attrs["regions"]) == {"tumour-1": [1], "tumour-2": [2]}
        assert file.attrs["synthetic"] and file.attrs["split"] == "test"
    dice = []
    for patient in np.unique(dataset.patient[rows]):
        own = dataset.patient[rows] == patient
        truth, found = dataset.targets[rows[own]] == 1, masks[own] == 1
        total = truth.sum() + found.sum()
        dice.append(2 * (truth & found).sum() / total if total else 1.0)
    printed = capsys.readouterr()
    assert f"Dice, tumour-1  {np.mean(dice):.3f}" in printed.out
    assert "SYNTHETIC" in printed.out
    assert printed.err == ""


def test_probabilities_of_every_split(run, dataset, tmp_path):
    out = tmp_path / "p.h5"
    assert start(run, "--split", "all", "--probabilities", "--out", str(out)) == 0
    with h5py.File(out) as file:
        assert set(file) == {"probabilities", "index", "patient"}
        found = file["probabilities"][:]
    assert found.dtype == np.float16
    expected = expected_logits(run, dataset.images).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_smaller_model_answers_in_the_pixels_of_the_file(run, dataset):
    run.save_model(content(dataset, size=8))
    assert start(run) == 0
    with h5py.File(run.path / "prediction-test.h5") as file:
        masks = file["masks"][:]
    assert masks.shape[1:] == (16, 16)
    np.testing.assert_array_equal(masks, masks[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2))


def test_enlarging_takes_the_pixel_that_lies_there():
    small = np.arange(6).reshape(1, 2, 3)
    assert np.array_equal(predict.enlarge(small, 2, 3), small)
    assert predict.enlarge(small, 4, 5).tolist()[0][0] == [0, 0, 1, 2, 2]
    assert predict.enlarge(small, 4, 5).tolist()[0][2] == [3, 3, 4, 5, 5]


@pytest.mark.parametrize("named", [False, True])
def test_a_figure_is_drawn_beside_the_masks(run, tmp_path, capsys, named):
    path = tmp_path / "overlay.png" if named else run.path / "prediction-all.png"
    assert start(run, "--split", "all", *(["--figure", str(path)] if named else [])) == 0
    assert [*tmp_path.rglob("*.png")] == [path] and path.stat().st_size > 20_000
    assert f"written: {run.path / 'prediction-all.h5'} and {path}\n" in capsys.readouterr().out


def test_a_figure_can_be_left_out(run, tmp_path, capsys):
    assert start(run, "--figure", "none") == 0
    assert not [*tmp_path.rglob("*.png")]
    assert capsys.readouterr().out.endswith(f"written: {run.path / 'prediction-test.h5'}\n")


def test_each_hospital_may_have_its_own_model(run, dataset, capsys):
    whole = content(dataset)
    weights = whole.pop("state_dict")
    run.save_model(whole | {"hospitals": {"north": weights, "south": weights}})
    assert start(run, "--hospital", "south") == 0
    for options in ([], ["--hospital", "west"]):
        assert start(run, *options) == 2
        assert "one of north, south" in capsys.readouterr().err


def bad_inputs(tmp_path, dataset):
    """Options or changes of model.pt, and what the one line must name."""
    yield {}, ["--data", str(tmp_path / "nothing.h5")], "nothing.h5"
    yield {}, ["--hospital", "north"], "--hospital north"
    yield {}, ["--split", "tset"], "--split"
    yield {}, ["--out", str(tmp_path / "data.h5")], "data file itself"
    yield {}, ["--out", str(tmp_path / "nowhere" / "a.h5")], "--out"
    yield {}, ["--figure", str(tmp_path)], "--figure"
    yield {}, ["--out", str(tmp_path / "a.png")], "is --out as well"
    yield {}, ["--prob"], "--prob"
    yield {"classes": ["background", "lung", "heart"]}, [], "heart"
    yield {"mean": [0.0], "std": [1.0]}, [], "1 channels"
    yield {"model": {"name": "unet", "arguments": [2, 3], "options": {"width": 4}}}, [], "weights"
    yield {"model": {"name": "resnet", "arguments": [], "options": {}}}, [], "resnet"
    yield {"model": {"name": "unet"}}, [], "arguments"
    yield {"size": 10}, [], "10x10"


def test_bad_input_is_one_line_and_nothing_is_written(run, dataset, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    for changes, options, named in bad_inputs(tmp_path, dataset):
        run.save_model(content(dataset, **changes))
        assert start(run, *options) == 2, named
        line = capsys.readouterr().err
        assert named in line and line.startswith("fedmini: ") and line.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before


def test_what_is_missing_is_named(run, tmp_path, capsys):
    assert predict.main([str(run.path)]) == 2
    assert "--data FILE.h5 is needed" in capsys.readouterr().err
    assert predict.main([]) == 2
    assert "RUN" in capsys.readouterr().err
    assert predict.main([str(tmp_path), "--data", str(tmp_path / "data.h5")]) == 2
    assert "model.pt" in capsys.readouterr().err


def test_labels_are_not_masks(run, tmp_path, capsys):
    write(tmp_path / "labels.h5", labels_dataset(channels=2, classes=3))
    assert start(run, "--data", str(tmp_path / "labels.h5")) == 2
    assert "labels.h5" in capsys.readouterr().err


def test_a_split_without_images_is_named(run, dataset, tmp_path, capsys):
    lacking = segmentation_dataset(patients=4, channels=2, split=[0, 0, 1, 0])
    write(tmp_path / "data.h5", lacking)
    assert start(run) == 2
    assert "--split test" in capsys.readouterr().err


def test_help_answers_without_torch():
    code = (
        "import sys; from fedmini.predict import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'torch', 'h5py', 'matplotlib'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert b"--probabilities" in answer.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_one_line_and_leaves_nothing(run, tmp_path, capsys):
    import resource

    before = sorted(tmp_path.rglob("*"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        assert start(run) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    line = capsys.readouterr().err
    assert "prediction-test.h5 could not be written" in line and line.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
