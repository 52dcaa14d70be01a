"""What a run gets by itself: network, sizes, rounds and batches, by preset and by kind of data.

Whatever is given on the command line goes before. Images shrink to `size`, none is enlarged.
"""

import dataclasses

from fedmini.config import NETWORK, Config
from fedmini.options import options_of
from fedmini.registry import resolve

KINDS = {  # of targets: masks, or labels
    "masks": {"model": "unet", "batch_size": 8, "augment": "flips"},
    "labels": {"model": "resnet18", "batch_size": 16, "augment": "mirror"},
}
SIZES = {
    "masks": {
        "tiny": {"size": 48, "width": 4, "depth": 3, "rounds": 20},
        "small": {"size": 96, "width": 8, "depth": 3, "rounds": 60},
        "paper": {"size": 240, "width": 32, "depth": 4, "rounds": 100},
    },
    "labels": {
        "tiny": {"size": 32, "width": 8, "rounds": 10},
        "small": {"size": 64, "width": 16, "rounds": 12},
        "paper": {"size": 224, "width": 64, "rounds": 100},
    },
}
SMALL = 48  # pixels of the shorter side, below which a ResNet gets its small stem


def defaults(preset: str, task: str) -> dict[str, object]:
    """What is not given, for data of this task."""
    kind = "masks" if task == "segmentation" else "labels"
    return KINDS[kind] | SIZES[kind][preset]


def words(option: str) -> str:
    """The defaults of an option, such as ": masks 8; labels 16"; empty if the data have no say."""
    said, start = [], ": "
    for kind, own in KINDS.items():
        values = [(own | sizes).get(option) for sizes in SIZES[kind].values()]
        if len(set(values)) > 1:
            start = " by preset: "
            said.append(f"{kind} {', '.join(map(str, values))}")
        elif values[0] is not None:
            said.append(f"{kind} {values[0]}")
    return start + "; ".join(said) if said else ""


def fill(config: Config, task: str, pixels: tuple[int, int]) -> Config:
    """The options with all defaults for data of this task, whose images are of `pixels`.

    Options of networks that this one does not read stay None.
    """
    given = {name: value for name, value in vars(config).items() if value is not None}
    filled = defaults(config.preset, task) | given
    filled.setdefault("stem", stem(pixels, filled["size"]))
    read = {each.name for each in options_of(resolve("model", filled["model"]))}
    for name in set(NETWORK) - read - {"norm"}:
        filled[name] = getattr(config, name)
    return dataclasses.replace(config, **filled)


def stem(pixels: tuple[int, int], size: int) -> str:
    """What a ResNet begins with, for images whose longer side is to have at most `size` pixels."""
    shorter = min(pixels) * min(1.0, size / max(pixels))
    return "small" if shorter < SMALL else "large"
