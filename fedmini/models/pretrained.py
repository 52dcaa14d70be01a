"""Published weights as the first values of a ResNet: a state_dict with torchvision's names.

Images of other channels get the sum of the colours' weights; a head of another size keeps its own
first values. All else must be there and fit. Weights learned with batch norm are refused under
group norm, which leaves in the differences between channels that batch norm divided out.

Left out: state_dicts inside other dictionaries, and names with a prefix.
"""

from pathlib import Path

from torch import Tensor, nn

from fedmini.errors import UserError
from fedmini.tensors import load_tensors

STEM, HEAD, BIAS = "conv1.weight", "fc.weight", "fc.bias"


def load_pretrained(module: nn.Module, path: Path) -> list[str]:
    """Copy the weights and running statistics in `path` into `module`; say what was done.

    Raises UserError for a file that cannot be read, and for the first tensor that is missing, has
    no place or has another shape.
    """
    given, own = floats(load_tensors(path)), floats(module.state_dict())
    if not {STEM, HEAD, BIAS} <= own.keys():
        raise UserError(f"--pretrained {path}: the weights are for a --model resnet18, 34 or 50")
    for name in [*own, *given]:
        if name not in given or name not in own:
            state = "is missing" if name in own else "has no place in this network"
            right = "published weights fit --norm batch --width 64 --stem large and their --model"
            raise UserError(f"--pretrained {path}: {name} {state}; {right}")
    said, found, channels = [f"{path}: {len(own)} tensors"], given[STEM].shape, own[STEM].shape[1]
    if len(found) == 4 and found[1] != channels:
        # gray g as R = G = B = g: sum_c w_c g = (sum_c w_c) g; C equal channels share that sum
        given[STEM] = given[STEM].sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
        said.append(f"{STEM}: summed over {found[1]} channels, for {channels} here")
    if given[BIAS].shape != own[BIAS].shape:
        given |= {HEAD: own[HEAD], BIAS: own[BIAS]}
        said.append(f"fc: left at its first values, for {len(own[BIAS])} outputs")
    for name, tensor in given.items():
        if not tensor.isfinite().all():
            raise UserError(f"--pretrained {path}: {name} holds NaN or infinity")
    for name, tensor in own.items():
        found, right = tuple(given[name].shape), tuple(tensor.shape)
        if found != right:
            raise UserError(f"--pretrained {path}: {name} is {found}; right would be {right}")
    module.load_state_dict(given, strict=False)
    return said


def floats(content: dict) -> dict[str, Tensor]:
    """Those that hold something learned, as float32; batch norm's counts of batches do not."""
    tensors = {name: each for name, each in content.items() if isinstance(each, Tensor)}
    return {name: each.float() for name, each in tensors.items() if each.is_floating_point()}
