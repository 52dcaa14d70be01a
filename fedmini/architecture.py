"""The network of a run: built, checked and given its first values before anything is trained."""

import torch
from torch import Tensor, nn

from fedmini.algorithms.fedavg import FedAvg
from fedmini.config import Config
from fedmini.data.dataset import Dataset
from fedmini.errors import UserError
from fedmini.models.init import initialise
from fedmini.rng import stream
from fedmini.tasks import Task
from fedmini.vector import FlatModel

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def build_module(config: Config, dataset: Dataset, task: Task) -> nn.Module:
    """The network with its first values, drawn from the seed alone."""
    module = config.build("model", config.model, dataset.channels, task.outputs)
    model = f"--model {config.model}"
    if not isinstance(module, nn.Module):
        raise UserError(f"{model}: a {type(module).__name__} is no nn.Module")
    if not any(True for _ in module.parameters()):
        raise UserError(f"{model}: a {type(module).__name__} has no weights")
    for name, layer in module.named_modules():
        if isinstance(layer, DROPOUTS):
            raise UserError(f"{model}: {name} draws from torch's global generator; leave it out")
    normed = any(isinstance(layer, BATCH_NORMS) for layer in module.modules())
    if normed and config.batch_norm is None:
        raise UserError(f"{model} keeps statistics of patients: say --batch-norm average or local")
    if config.batch_norm is not None and not normed:
        raise UserError(f"--batch-norm {config.batch_norm}: {model} has none")
    if hasattr(module, "check_size"):
        module.check_size(*dataset.size)
    try:
        initialise(module, stream(config.seeds[0], "initial"))
    except TypeError as error:
        raise UserError(f"{model}: {error}") from error
    check_answer(config, dataset, module.eval(), task)
    return module


@torch.no_grad()
def check_answer(config: Config, dataset: Dataset, module: nn.Module, task: Task) -> None:
    """UserError unless the network gives what the task needs of an image: labels, or a mask."""
    found = tuple(module(torch.zeros(1, dataset.channels, *dataset.size)).shape[1:])
    masks = dataset.task == "segmentation"
    right = (task.outputs, *dataset.size) if masks else (task.outputs,)
    if found != right:
        answer = f"answers {found} to an image; {dataset.task} needs {right}"
        raise UserError(f"--model {config.model}: {answer}")


def shared_coordinates(config: Config, algorithm: FedAvg, model: FlatModel) -> Tensor | None:
    """(P,) bool, or None for all: the algorithm's choice, less norm layers that stay local."""
    shared = algorithm.shared(model)
    if config.batch_norm != "local" or algorithm.pooled:
        return shared
    layers = [n for n, m in model.module.named_modules() if isinstance(m, BATCH_NORMS)]
    kept = model.mask(lambda name: name.rpartition(".")[0] in layers)
    # hospital k: (w; gamma_k, beta_k, m_k, v_k), of which w is shared (Eq. 4.4)
    return ~kept if shared is None else shared & ~kept
