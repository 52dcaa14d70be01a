"""A trained model as it stands in model.pt: rebuilt with its preprocessing, ready to predict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from fedmini.data.dataset import Dataset, shrink
from fedmini.data.normalise import Normalise
from fedmini.errors import UserError
from fedmini.registry import resolve
from fedmini.statistics import Evaluation
from fedmini.tasks import Task

BATCH = 32


@dataclass(frozen=True)
class Prediction(Evaluation):
    """What a model says about n images, and how that compares with the truth."""

    rows: np.ndarray  # (n,) their rows in the data set
    masks: np.ndarray | None  # (n, H, W) uint8 class indices, from a segmentation
    probabilities: np.ndarray | None  # (n, K, H, W) float16, likewise, if they were asked for


class TrainedModel:
    """Built from the content of model.pt; `hospital` names whose model, if each has its own.

    Raises UserError if the content does not describe a model, or not one for `hospital`.
    """

    def __init__(self, content: Mapping, hospital: str | None = None, device: str = "cpu") -> None:
        try:
            weights = _weights(content, hospital)
            described = content["model"]
            self.classes = tuple(content["classes"])
            self.size = content["size"]
            self.channels = len(content["mean"])
            self.task: Task = resolve("task", content["task"])(self.classes, content["regions"])
            cuts = content["thresholds"]
            self.thresholds = np.array(cuts[hospital or next(iter(cuts))])
            self.normalise = Normalise(content["mean"], content["std"], device)
            network = resolve("model", described["name"])
            self.module: nn.Module = network(*described["arguments"], **described["options"])
            self.module.load_state_dict(weights)
        except KeyError as error:
            raise UserError(f"model.pt has no {error}: not one of this version") from error
        except RuntimeError as error:
            cause = " ".join(str(error).split())
            raise UserError(f"model.pt does not describe its own weights: {cause}") from error
        self.module.to(device).eval()
        self.device = device

    def prepare(self, dataset: Dataset, where: str) -> Dataset:
        """The data at the size of the training images; UserError if the model cannot read them."""
        both = (dataset.channels, dataset.classes), (self.channels, self.classes)
        if both[0] != both[1]:
            found, right = (f"{many} channels and the classes {', '.join(c)}" for many, c in both)
            raise UserError(f"{where} has {found}; the model was trained on {right}")
        small = shrink(dataset, self.size) if self.size else dataset
        if hasattr(self.module, "check_size"):
            self.module.check_size(*small.size)
        return small

    @torch.inference_mode()
    def predict(self, dataset: Dataset, rows: np.ndarray, probabilities: bool) -> Prediction:
        """Predict the images `rows` (n,) of a prepared data set, with a bar on a terminal."""
        masks, shares, evidence, segments = [], [], [], self.task.primary == "dice"
        for start in tqdm(range(0, len(rows), BATCH), desc="predict", unit="batch", disable=None):
            chosen = rows[start : start + BATCH]
            logits = self.module(self.normalise(self._tensor(dataset.images[chosen])))
            evidence.append(self.task.evidence(logits, self._tensor(dataset.targets[chosen])).cpu())
            if segments:
                masks.append(logits.argmax(dim=1).byte().cpu())
            if segments and probabilities:
                shares.append(logits.softmax(dim=1).half().cpu())
        return Prediction(
            self.task.decide(torch.cat(evidence).numpy(), self.thresholds),
            dataset.patient[rows],
            rows,
            torch.cat(masks).numpy() if masks else None,
            torch.cat(shares).numpy() if shares else None,
        )

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def _weights(content: Mapping, hospital: str | None) -> Mapping[str, Tensor]:
    """The state_dict that is asked for: the only one, or that of a hospital."""
    if "hospitals" not in content:
        if hospital is not None:
            raise UserError(f"--hospital {hospital}: this run has one model for all hospitals")
        return content["state_dict"]
    if hospital not in content["hospitals"]:
        known = ", ".join(content["hospitals"])
        raise UserError(f"--hospital is needed: every hospital has its own model; one of {known}")
    return content["hospitals"][hospital]
