"""Clients that add too little noise, in other units, or at the wrong place."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import torch

from fedmini.private import add_noise_at_clients
from fedmini.ring import Ring
from tests.contracts.framework import mutant


@mutant(
    "add_noise_at_clients",
    law="law_survivors_less_colluders_make_the_noise_that_is_charged",
    harm="Each adds its share of the noise of all: when some drop out, noise is missing.",
)
def sized_for_all_clients(federation, noise, size, key):
    honest = math.ceil(len(federation.clients) / 2) or 1
    add_noise_at_clients(federation, noise * math.sqrt(honest / len(federation.clients)), size, key)


@mutant(
    "add_noise_at_clients",
    law="law_survivors_less_colluders_make_the_noise_that_is_charged",
    harm="Sized for the threshold alone: one client that tells the server its noise breaks it.",
)
def colluders_forgotten(federation, noise, size, key):
    config = replace(federation.config, dp_colluders=0)
    careless = SimpleNamespace(**{**vars(federation), "config": config})
    add_noise_at_clients(careless, noise, size, key)


@mutant(
    "add_noise_at_clients",
    law="law_survivors_less_colluders_make_the_noise_that_is_charged",
    harm="Every client adds all the noise, as in local privacy: nothing can be learned from it.",
)
def all_of_it_at_each(federation, noise, size, key):
    add_noise_at_clients(federation, noise * len(federation.clients), size, key)


@mutant(
    "add_noise_at_clients",
    law="law_the_other_sums_are_silent_and_the_weight_is_exact",
    harm="Noise on the weights and losses, too, which are public: every mean is by a wrong weight.",
)
def noise_on_the_weight(federation, noise, size, key):
    add_noise_at_clients(federation, noise, size + 3, key)


@mutant(
    "add_noise_at_clients",
    law="law_noise_is_added_to_what_was_encoded",
    harm="Noise is added to the update before it is encoded: the rounding falls on their sum.",
)
def noise_before_encoding(federation, noise, size, key):
    add_noise_at_clients(federation, noise, size, key)
    for name, client in federation.server.network.clients.items():
        draws, ring, sender = client.noise(1, name), client.ring, client.client
        units = torch.from_numpy(draws + 0.5).double()
        sender.update = (sender.update.double() + ring.decode(units)).float()
        client.noise = None


@mutant(
    "add_noise_at_clients",
    law="law_clients_and_server_are_in_one_ring_that_holds_the_noise",
    harm="The ring was chosen for updates alone: sums of loud noise wrap.",
)
def ring_without_room(federation, noise, size, key):
    add_noise_at_clients(federation, noise, size, key)
    finest = 31 - math.ceil(len(federation.clients) * max(64, federation.config.clip)).bit_length()
    for each in (federation.server, *federation.server.network.clients.values()):
        each.ring = Ring(32, finest)


@mutant(
    "add_noise_at_clients",
    law="law_clients_and_server_are_in_one_ring_that_holds_the_noise",
    harm="The server decodes in the ring of before: the model moves by other units.",
)
def server_in_another_ring(federation, noise, size, key):
    before = federation.server.ring
    add_noise_at_clients(federation, noise, size, key)
    federation.server.ring = replace(before, fractional_bits=before.fractional_bits + 1)


@mutant(
    "add_noise_at_clients",
    law="law_clients_have_noise_of_their_own",
    harm="One noise for all: each client knows that of all others, and can take it off.",
)
def one_noise_for_all(federation, noise, size, key):
    add_noise_at_clients(federation, noise, size, key)
    for client in federation.server.network.clients.values():
        drawn = client.noise
        client.noise = lambda round, name, drawn=drawn: drawn(round, "")
