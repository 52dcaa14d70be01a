"""What compression of one update costs: top-k against `torch.topk`, a part against a copy.

The vector has 11 million numbers whose spread differs from layer to layer, as in a network. All
runs on one thread, in alternating order. Run by `make bench`.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import Tensor

from fedmini.compression import Chain, TopK, parse
from fedmini.compression.indices import decode, encode
from fedmini.rng import stream
from tests.benchmarks.bench import compare

SIZE, LAYERS = 11 * 10**6, 20
RATIOS = (0.001, 0.01, 0.1)


def update() -> Tensor:
    """(SIZE,) float32"""
    spread = torch.rand(LAYERS, generator=stream(0, "spread")).repeat_interleave(SIZE // LAYERS)
    return torch.randn(SIZE, generator=stream(0, "values")) * spread


def by_torch(vector: Tensor, ratio: float) -> Tensor:
    return vector.abs().topk(round(ratio * len(vector))).indices


def selection(vector: Tensor, ratio: float, pairs: int) -> None:
    """Print our top-k in parts of torch's, after a look whether both find the same."""
    ours, theirs = partial(TopK(ratio).coordinates, vector), partial(by_torch, vector, ratio)
    assert torch.equal(vector[ours()].abs().sort().values, vector[theirs()].abs().sort().values)
    compare(f"top {ratio:.1%} of 11M / torch.topk", ours, theirs, pairs)


def codes(vector: Tensor, ratio: float, pairs: int) -> None:
    """Print what the code of the indices takes, in copies of the vector, and its bytes."""
    chosen = TopK(ratio).coordinates(vector)
    code = encode(chosen, SIZE)
    what = f"indices of {ratio:.1%}"
    compare(f"{what}, encoded / copy", partial(encode, chosen, SIZE), vector.clone, pairs)
    compare(f"{what}, decoded / copy", partial(decode, code, SIZE), vector.clone, pairs)
    print(f"{'':<48} {len(code) / len(chosen):.2f} bytes an index")


def whole(spec: str, vector: Tensor, pairs: int) -> None:
    """Print what a part costs at either end, in copies of the vector, and how small it is."""
    sparsifier, quantiser = parse(spec)
    both = sparsifier and quantiser
    compressor = Chain(sparsifier, quantiser) if both else sparsifier or quantiser
    there = partial(compressor.compress, vector, stream(0, "draws"))
    part = there()
    compare(f"{spec}: compress / copy", there, vector.clone, pairs)
    back = partial(compressor.decompress, part)
    compare(f"{spec}: decompress / copy", back, vector.clone, pairs)
    bytes = sum(each.numel() * each.element_size() for each in part.values())
    print(f"{'':<48} {4 * SIZE / bytes:.1f} times fewer bytes")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compression")
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    vector = update()
    for ratio in RATIOS:
        selection(vector, ratio, pairs)
        codes(vector, ratio, pairs)
    for spec in ("topk:0.01", "randk:0.01", "topk:0.01+quant:4", "quant:4"):
        whole(spec, vector, pairs)


if __name__ == "__main__":
    main()
