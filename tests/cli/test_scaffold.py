"""An algorithm that remembers, on clients and server, written outside the package: SCAFFOLD.

Karimireddy et al. 2020, Algorithm 1 with option II. It uses everything that `FedAvg`'s docstring
offers; if this file must change, so must the file of every student.
"""

from __future__ import annotations

SCAFFOLD = """
from dataclasses import dataclass
import torch
from fedmini.algorithms.fedavg import Contribution, FedAvg

@dataclass
class Scaffold(FedAvg):
    def broadcast(self, server):
        control = server.state.get("control", torch.zeros_like(server.model))
        return {"model": server.model, "control": control}

    def correct(self, client, down):
        size = client.model.grad.numel()
        own = client.state.get("control", torch.zeros_like(down["control"]))
        client.model.grad += (down["control"] - own)[:size]

    def local_update(self, client, down):
        done = super().local_update(client, down)
        own = client.state.get("control", torch.zeros_like(done.update))
        lr = client.question.lr
        new = own - down["control"] - done.update / (client.steps * lr)
        client.keep(control=new)
        return Contribution(done.update, 1, {"control": new - own})

    def server_step(self, server, total):
        super().server_step(server, total)
        old = server.state.get("control", 0)
        share = total.sums["control"].float() / len(server.cohorts.clients)
        server.state["control"] = old + share
"""
OPTIONS = "--algo my.py:Scaffold --optimizer sgd --lr 0.05 --dropout 0.4"


def test_scaffold_trains_and_resumes(play, command, tmp_path):
    (tmp_path / "cwd" / "my.py").write_text(SCAFFOLD)
    whole, part = play(OPTIONS, "whole"), play(f"{OPTIONS} --rounds 1", "part")
    assert command("--quiet --rounds 3 --resume part").status == 0
    assert part.summary["weights_sha256"] == whole.summary["weights_sha256"]
    control = whole.checkpoint["server"]["control"]
    assert control.abs().max() > 0
    assert any("control" in each["state"] for each in whole.checkpoint["clients"].values())
