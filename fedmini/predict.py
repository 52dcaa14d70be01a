"""A trained model on prepared data: `python -m fedmini.predict RUN --data FILE.h5`.

Writes what the model says of a split, with the rows and patients it belongs to: masks, or their
probabilities; of labels the probabilities and the decisions. Draws a few patients beside it, and
prints every metric. Masks have the pixels of FILE.h5; their Dice is measured at the size that the
model was trained at, as in the run's summary.

Left out: images without truth, since prepared data always have it.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedmini.cli import Parser, exit_status
from fedmini.data.dataset import SPLITS, Dataset
from fedmini.errors import UserError
from fedmini.files import write_bytes
from fedmini.report.words import metric_words, written

if TYPE_CHECKING:
    from fedmini.trained import Prediction, TrainedModel


def main(argv: Sequence[str] | None = None) -> int:
    """Predict with these arguments; returns the exit status: 0, 1 (disk full) or 2 (bad input)."""
    return exit_status(predict, list(sys.argv[1:] if argv is None else argv))


def parser() -> Parser:
    """The options; building them imports no torch."""
    about = "What the model of a finished run says of the images of a prepared file."
    options = Parser(prog="python -m fedmini.predict", description=about, allow_abbrev=False)
    options.add_argument("run", metavar="RUN", help="folder of a finished run (holds model.pt)")
    options.add_argument("--data", metavar="FILE.h5", help="prepared data; needed")
    options.add_argument("--split", choices=(*SPLITS, "all"), default="test", help="default: test")
    options.add_argument("--out", metavar="FILE.h5", help="default: RUN/prediction-SPLIT.h5")
    options.add_argument(
        "--probabilities", action="store_true", help="of masks: write float16 probabilities instead"
    )
    options.add_argument(
        "--figure", metavar="FILE.png",
        help="patients from the worst to the best; none: no figure "
        "(default: OUT as .png; none after --no-images)",
    )  # fmt: skip
    options.add_argument("--hospital", metavar="NAME", help="whose model, if each has its own")
    options.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return options


def predict(argv: list[str]) -> None:
    """Check everything, predict, write, and print every metric."""
    options = parser().parse_args(argv)
    if options.data is None:
        raise UserError("--data FILE.h5 is needed: prepared data, such as the run was trained on")
    from fedmini.data import store
    from fedmini.folder import RunFolder
    from fedmini.tensors import usable
    from fedmini.trained import TrainedModel

    run = RunFolder(options.run)
    model = TrainedModel(run.load_model(), options.hospital, usable(options.device))
    out = Path(options.out or run.path / f"prediction-{options.split}.h5")
    usual = "none" if run.config().get("no_images") else out.with_suffix(".png")
    figure = options.figure or usual
    targets = {"--out": out} if figure == "none" else {"--out": out, "--figure": Path(figure)}
    check_targets(targets, options.data)
    dataset = store.read(options.data)
    prepared = model.prepare(dataset, options.data)
    rows = np.flatnonzero([options.split in ("all", SPLITS[each]) for each in dataset.split])
    if not len(rows):
        raise UserError(f"--split {options.split}: {options.data} has no such image")
    found = model.predict(prepared, rows, options.probabilities)
    write(out, found, dataset, model.task.findings, run=options.run, split=options.split)
    if "--figure" in targets:
        draw(targets["--figure"], found, prepared, model)
    print(report(found, dataset, model))
    print("written:", " and ".join(map(str, targets.values())))


def check_targets(targets: dict[str, Path], data: str) -> None:
    """UserError where one cannot become a file of its own, or is the data file itself."""
    taken = {Path(data).resolve(): "the data file itself"}
    for flag, path in targets.items():
        if path.is_dir() or not path.parent.is_dir():
            raise UserError(f"{flag} {path}: must be a file in a folder that exists")
        if path.resolve() in taken:
            raise UserError(f"{flag} {path}: is {taken[path.resolve()]}; choose another name")
        taken[path.resolve()] = f"{flag} as well"


def write(
    path: Path, found: Prediction, dataset: Dataset, findings: Sequence[str], **origin: str
) -> None:
    """HDF5 with `index` and `patient` (n,), and `masks` (n, H, W) or `probabilities` (n, K, H, W).

    Of labels `probabilities` and `decisions` (n, K), and the names of their columns, `findings`.
    `index` holds the rows of the data file. The file is made in memory first: HDF5 itself does not
    survive a full disk.
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        if found.masks is None:
            file["probabilities"] = found.evidence[..., 0].astype(np.float32)
            file["decisions"] = found.evidence[..., 2].astype(np.uint8)
            file.attrs["findings"] = list(findings)
        else:
            name = "masks" if found.probabilities is None else "probabilities"
            pixels = enlarge(getattr(found, name), *dataset.size)
            chunks = (1, *pixels.shape[1:])
            file.create_dataset(name, data=pixels, compression="gzip", chunks=chunks)
        file["index"], file["patient"] = found.rows, found.patients
        file.attrs.update(origin, name=dataset.name, synthetic=dataset.synthetic)
        file.attrs.update(classes=list(dataset.classes), regions=json.dumps(dataset.regions))
    write_bytes(path, buffer.getvalue())


def enlarge(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """(..., h, w) to (..., height, width): every new pixel takes the old one that it lies in."""
    down = (np.arange(height) + 0.5) * array.shape[-2] // height
    across = (np.arange(width) + 0.5) * array.shape[-1] // width
    return array[..., down.astype(int)[:, None], across.astype(int)]


def draw(path: Path, found: Prediction, dataset: Dataset, model: TrainedModel) -> None:
    """Patients from the worst to the best, each by the image in which most is to be found."""
    from fedmini.drawing import draw_cases, fullest, worst_to_best
    from fedmini.report.cases import Case

    cases = []
    for label, _, own in worst_to_best(model.task, {"": found}):
        place = fullest(own, dataset.targets[found.rows[own]])
        image, truth = (each[found.rows[place]] for each in (dataset.images, dataset.targets))
        mask = None if found.masks is None else found.masks[place]
        cases.append(Case(label, image, truth, mask, found.evidence[place], model.thresholds))
    title = f"{dataset.name}: patients from the worst to the best"
    draw_cases(path, cases, model.task, dataset, title)


def report(found: Prediction, dataset: Dataset, model: TrainedModel) -> str:
    """Every metric over all these patients, a line each."""
    metrics = model.task.metrics(found.evidence, found.patients)
    count = len(np.unique(found.patients))
    stamp = " (SYNTHETIC DATA)" if dataset.synthetic else ""
    head = f"{dataset.name}{stamp}: {len(found.rows)} images of {count} patients"
    values = {metric_words(name): written({"value": value[0]}) for name, value in metrics.items()}
    width = max(map(len, values))
    return "\n".join([head, *(f"{name:{width}}  {value}" for name, value in values.items())])


if __name__ == "__main__":
    sys.exit(main())
