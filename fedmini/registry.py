"""What a name on the command line stands for: one literal table, imported on use.

A component from outside the package is named by its file: `--algo my.py:Scaffold`.
"""

import functools
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from fedmini.errors import UserError
from fedmini.options import nearest

TABLE = {
    "algorithm": {
        "fedavg": "fedmini.algorithms.fedavg:FedAvg",
        "fedprox": "fedmini.algorithms.fedprox:FedProx",
        "centralized": "fedmini.algorithms.centralized:Centralized",
        "local": "fedmini.algorithms.local:Local",
    },
    "partition": {
        "iid": "fedmini.data.partition:IID",
        "dirichlet": "fedmini.data.partition:Dirichlet",
        "specialty": "fedmini.data.partition:Specialty",
        "quantity": "fedmini.data.partition:Quantity",
        "site": "fedmini.data.partition:Site",
    },
    "optimizer": {"sgd": "fedmini.optim:SGD", "adam": "fedmini.optim:Adam"},
    "aggregator": {"mean": "fedmini.aggregation.mean:Mean"},
    "compressor": {
        "topk": "fedmini.compression:TopK",
        "randk": "fedmini.compression:RandomK",
        "prevk": "fedmini.compression:PrevK",
        "quant": "fedmini.compression:Quantiser",
    },
    "model": {
        "unet": "fedmini.models.unet:UNet",
        "cnn": "fedmini.models.cnn:CNN",
        "resnet18": "fedmini.models.resnet:resnet18",
        "resnet34": "fedmini.models.resnet:resnet34",
        "resnet50": "fedmini.models.resnet:resnet50",
    },
    "task": {
        "segmentation": "fedmini.tasks.segmentation:Segmentation",
        "multilabel": "fedmini.tasks.classification:Multilabel",
        "binary": "fedmini.tasks.classification:Binary",
        "multiclass": "fedmini.tasks.classification:Multiclass",
    },
    "dataset": {
        "brats": "data_prep.phantoms.brats:brats",
        "nih": "data_prep.phantoms.nih:nih",
        "covidx": "data_prep.phantoms.covidx:covidx",
    },
}
KINDS = ("partition", "optimizer", "aggregator", "model")
COMPONENTS = {"algorithm": "algo"} | {kind: kind for kind in KINDS}  # kind -> its option


def names(kind: str) -> tuple[str, ...]:
    """The names that fedmini itself knows for a kind of component."""
    return tuple(TABLE[kind])


def resolve(kind: str, name: str) -> type:
    """The class that `name` stands for: of the table, or `path/to/file.py:Name`.

    Raises UserError for an unknown name, a file that is missing or raises, a name it lacks.
    """
    flag = "--" + ({"compressor": "compress"} | COMPONENTS).get(kind, kind)
    if ".py:" in name:
        path, _, attribute = name.rpartition(":")
        if not Path(path).is_file():
            raise UserError(f"{flag} {path}: there is no such file")
        try:
            module = _load_file(os.path.abspath(path))
        except (Exception, SystemExit) as error:
            raise UserError(f"{flag} {path}: {type(error).__name__}: {error}") from error
    elif name in TABLE[kind]:
        where, _, attribute = TABLE[kind][name].partition(":")
        module = importlib.import_module(where)
    else:
        known, hint = ", ".join(names(kind)), nearest(name, names(kind))
        raise UserError(f"{flag} {name}: choose from {known}, or FILE.py:NAME{hint}")
    if not hasattr(module, attribute):
        hint = nearest(attribute, vars(module))
        raise UserError(f"{flag} {name}: the file has no {attribute}{hint}")
    return getattr(module, attribute)


@functools.cache
def _load_file(path: str) -> ModuleType:
    """Run a Python file as a module of its own; the same file gives the same module."""
    # Its path is its name: it hides no other module, and dataclasses find it where they look.
    spec = importlib.util.spec_from_file_location(path, path)
    module = sys.modules[path] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path]
        raise
    return module
