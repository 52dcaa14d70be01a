"""The run folder: what it refuses, what it survives, what a full disk does."""

import io
import json
import pathlib
import sys

import numpy as np
import pytest
import torch

from fedmini.errors import RunFailed, UserError
from fedmini.tensors import load_tensors
from fedmini.folder import RunFolder

STATE = {"round": 3, "model": torch.arange(50.0), "names": ["a", None, 2.5], "best": {}}


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", {"rounds": 4})


def test_everything_comes_back(folder):
    folder.save_checkpoint(STATE)
    folder.save_model({"state_dict": {"weight": torch.ones(2, 3)}, "mean": [0.5]})
    folder.save_summary({"test": {"dice": {"value": 0.8}}})
    again = RunFolder.open(folder.path)
    assert again.config() == {"rounds": 4}
    assert again.summary() == {"test": {"dice": {"value": 0.8}}}
    assert again.load_model()["state_dict"]["weight"].shape == (2, 3)
    found = again.load_checkpoint()
    assert torch.equal(found.pop("model"), STATE["model"])
    assert found == {name: value for name, value in STATE.items() if name != "model"}


def test_a_new_run_has_nothing_yet(folder):
    assert folder.records() == []
    assert folder.load_checkpoint() is None
    assert folder.summary() is None
    folder.cut_back(0)
    assert folder.records() == []


def test_a_run_may_start_in_an_empty_folder_and_deep_down(tmp_path):
    assert RunFolder.create(tmp_path, {}).config() == {}
    assert RunFolder.create(tmp_path / "a" / "b", {}).config() == {}


def test_out_that_holds_a_run_suggests_to_resume(folder):
    with pytest.raises(UserError, match=r"--out .*holds a run.*--resume"):
        RunFolder.create(folder.path, {})


def test_out_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(UserError, match=r"--out .* cannot be made"):
        RunFolder.create(tmp_path / "file", {})
    with pytest.raises(UserError, match=r"--out .* cannot be made"):
        RunFolder.create(tmp_path / "file" / "run", {})
    with pytest.raises(UserError, match="is not empty"):
        RunFolder.create(tmp_path, {})


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_config_is_named(folder, content):
    (folder.path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json"):
        RunFolder.open(folder.path)


def test_a_folder_without_a_run_cannot_be_opened(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="no config.json"):
            RunFolder.open(path)


@pytest.mark.parametrize("line", ["{", "[1]", '{"loss": 1}', "7", "null"])
def test_a_damaged_line_before_the_last_is_named(folder, line):
    folder.metrics.write_text(f'{{"round": 1}}\n{line}\n{{"round": 3}}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2"):
        folder.records()


def test_a_whole_line_without_its_line_break_counts(folder):
    folder.metrics.write_text('{"round": 1}\n{"round": 2}')
    assert [record["round"] for record in folder.records()] == [1, 2]
    folder.cut_back(2)
    folder.append({"round": 3})
    assert [record["round"] for record in folder.records()] == [1, 2, 3]


def test_a_checkpoint_cut_anywhere_is_refused(folder):
    folder.save_checkpoint(STATE)
    path = folder.path / "checkpoint.pt"
    content = path.read_bytes()
    ends = [*range(0, len(content), 9), *range(len(content) - 100, len(content))]
    for length in ends:
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"checkpoint\.pt"):
            folder.load_checkpoint()


def test_another_file_is_no_checkpoint(tmp_path):
    archive, array, tensor = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(archive, a=np.ones(3))
    np.save(array, np.ones(3))
    torch.save(torch.ones(3), tensor)
    for content in (archive, array, tensor, io.BytesIO(b"text")):
        (tmp_path / "model.pt").write_bytes(content.getvalue())
        with pytest.raises(UserError, match=r"model\.pt"):
            load_tensors(tmp_path / "model.pt")


def test_a_missing_model_is_named(folder):
    with pytest.raises(UserError, match=r"model\.pt cannot be read: No such file"):
        folder.load_model()


def test_evaluations_hold_no_objects_and_a_damaged_one_is_named(folder):
    folder.save_evaluation("test", patients=np.array(["a", "b"]), evidence=np.ones((2, 3)))
    assert folder.load_evaluation("test")["patients"].tolist() == ["a", "b"]
    path = folder.path / "evaluation-test.npz"
    path.write_bytes(path.read_bytes()[:-30])
    np.savez(folder.path / "evaluation-object.npz", a=np.array([{}], dtype=object))
    for name in ("test", "object", "missing"):
        with pytest.raises(UserError, match=f"evaluation-{name}"):
            folder.load_evaluation(name)


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_at_a_metrics_line_is_a_failed_run(folder):
    folder.metrics.symlink_to("/dev/full")
    with pytest.raises(RunFailed, match=r"metrics\.jsonl could not be written: No space left"):
        folder.append({"round": 1})


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_keeps_the_old_files(folder):
    import resource

    folder.save_checkpoint(STATE)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for save, name in (
            (lambda: folder.save_checkpoint({"model": torch.ones(9999)}), "checkpoint.pt"),
            (lambda: folder.save_model({"model": torch.ones(9999)}), "model.pt"),
            (lambda: folder.save_summary({"long": "x" * 9999}), "summary.json"),
            (lambda: folder.save_evaluation("test", a=np.ones(9999)), "evaluation-test.npz"),
        ):
            with pytest.raises(RunFailed, match=f"{name} could not be written: .") as failure:
                save()
            assert "\n" not in str(failure.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_metrics_are_one_json_object_a_line(folder):
    folder.append({"round": 1, "cohort": ["a\nb"]})
    folder.append({"round": 2, "dice": None})
    lines = folder.metrics.read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2]
