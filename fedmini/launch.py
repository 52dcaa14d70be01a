"""From checked options to a finished run: a new one, or one that goes on.

Nothing is written before everything is known to fit: the data are read and every federation is
built once for trial before the folder is made.
"""

import dataclasses
import shlex
import time
from collections.abc import Mapping

import torch

import fedmini
from fedmini.combinations import BUDGET
from fedmini.comparison import compare_runs, run_one, secret
from fedmini.components import builtin_options, check_network, check_settings
from fedmini.config import Config, available_threads
from fedmini.console import comparison_table, summary_table
from fedmini.data.dataset import Dataset, shrink
from fedmini.errors import UserError
from fedmini.files import sha256, write_json
from fedmini.folder import RunFolder
from fedmini.registry import COMPONENTS
from fedmini.profiles import PROFILES
from fedmini.simulation import build, load_dataset, settle_defaults
from fedmini.specification import stages
from fedmini.training import Training
from fedmini.uplink import ring

RENEWABLE = {"device", "rounds", "no_images", "in_memory"}  # what --resume may change
Job = tuple[Config, Dataset, RunFolder]


def start(config: Config, given: Mapping[str, object]) -> Job:
    """A new run or comparison in a new folder: --out, if it is among the options `given`."""
    config = dataclasses.replace(config, threads=config.threads or available_threads())
    torch.set_num_threads(config.threads)
    dataset, path = load_dataset(config)
    if config.unit is None and any(name.startswith("dp_") for name in given):
        raise UserError(f"options of differential privacy (--dp-...) {BUDGET}")
    config = settle_defaults(config, dataset)
    check_settings(config)
    check_network(config, given)
    dataset = shrink(dataset, config.size, config.in_memory)
    rehearse(config, dataset)
    names = [each.rpartition(":")[2] for each in (config.dataset, *config.algorithms)]
    out = given.get("out") or f"runs/{'-'.join(names)}-{time.strftime('%Y%m%d-%H%M%S')}"
    content = dataclasses.asdict(config) | {
        "fedmini": fedmini.__version__, "torch": torch.__version__, "task": dataset.task,
        "data_sha256": None if path is None else sha256(path), "plugins_sha256": plugins(config),
    }  # fmt: skip
    return config, dataset, RunFolder.create(out, content)


def resume(given: dict[str, object]) -> Job:
    """Go on with the run in --resume DIR, under the options it was started with."""
    folder = RunFolder.open(given.pop("resume"))
    content = folder.config()
    stored = stored_config(folder, content)
    refuse_contradictions(given, stored)
    config = dataclasses.replace(stored, **{k: v for k, v in given.items() if k in RENEWABLE})
    torch.set_num_threads(config.threads)
    dataset, path = load_dataset(config)
    if content["data_sha256"] != (None if path is None else sha256(path)):
        changed = config.data or f"data/{config.dataset}.h5"
        raise UserError(f"--resume: {changed} is not what it was when that run was started")
    began = content.get("torch")
    if config.unit is not None and began != torch.__version__:
        raise UserError(f"--resume: a private run must replay the same bits: use torch {began}")
    for file, found in plugins(config).items():
        if found != content["plugins_sha256"].get(file):
            raise UserError(f"--resume: {file} is not what it was when that run was started")
    config = settle_defaults(config, dataset)
    dataset = shrink(dataset, config.size, config.in_memory)
    rehearse(config, dataset, folder)
    write_json(folder.path / "config.json", content | dataclasses.asdict(config))
    return config, dataset, folder


def plugins(config: Config) -> dict[str, str]:
    """The files from outside that a run's components, weights and profiles come from: SHA-256."""
    chosen = [getattr(config, option) or "" for option in COMPONENTS.values()]
    chosen += [name for name, _ in stages(config.compress)]
    foreign = [each for text in chosen for each in text.split(",") if ".py:" in each]
    files = {each.rpartition(":")[0] for each in foreign}
    files |= {config.pretrained or "", config.profile} - {"", *PROFILES}
    return {file: sha256(file) for file in sorted(files)}


def refuse_contradictions(given: dict[str, object], stored: Config) -> None:
    """UserError for an option that differs from what the run was started with."""
    defaults = {name: each.default for name, each in builtin_options().items()}
    private = stored.unit is not None
    had = {**defaults, **stored.settings, **dataclasses.asdict(stored)}
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if name not in had:
            raise UserError(f"{flag} cannot be given with --resume")
        if name == "device" and private and value != stored.device:
            raise UserError(f"{flag} {value}: a private run must replay the same bits; omit it")
        if name not in RENEWABLE and value != had[name]:
            raise UserError(f"{flag} {value} contradicts --resume: that run has {had[name]}")
    rounds, schedule = stored.rounds, stored.lr_schedule
    more = given.get("rounds", rounds)
    if more < rounds:
        raise UserError(f"--rounds {more}: that run is set to {rounds}; it can only grow")
    if more > rounds and private:
        raise UserError(f"--rounds {more}: a private run has its rounds, {rounds}, from the start")
    if more > rounds and schedule != "constant":
        raise UserError(f"--rounds {more}: --lr-schedule {schedule} runs over {rounds}; begin anew")


def rehearse(config: Config, dataset: Dataset, folder: RunFolder | None = None) -> None:
    """Build every run once, as it stands in `folder`: what cannot work is refused here."""
    for name, single in config.runs().items():
        federation = build(single, dataset)
        if folder is not None:
            own = folder if len(config.runs()) == 1 else RunFolder(folder.path / name)
            own.records(), own.summary()
            if own.path.exists():
                secret(single, own)
            Training(federation, own).restore()


def stored_config(folder: RunFolder, content: dict) -> Config:
    """The Config in a run's config.json; UserError if it is not one of this version."""
    fields = {each.name for each in dataclasses.fields(Config)} | {"data_sha256", "plugins_sha256"}
    for name in sorted(fields - content.keys()):
        raise UserError(f"{folder.path / 'config.json'} lacks {name}: not a run of this version")
    return Config(**{name: content[name] for name in fields if not name.endswith("_sha256")})


def play(config: Config, dataset: Dataset, folder: RunFolder, quiet: bool) -> None:
    """Run everything that is not finished yet, and print the result."""
    if not quiet:
        introduce(config, dataset)
    try:
        if len(config.runs()) == 1:
            print(summary_table(run_one(config, dataset, folder, quiet)))
        else:
            print(comparison_table(compare_runs(config, dataset, folder, quiet)))
    except KeyboardInterrupt:
        again = shlex.quote(str(folder.path))
        raise KeyboardInterrupt(f"; go on with --resume {again}") from None
    print(f"\nreport.html, figures, metrics and the model: {folder.path}")


def introduce(config: Config, dataset: Dataset) -> None:
    """Say what is about to be trained on what."""
    if dataset.synthetic:
        print("SYNTHETIC DATA: phantoms, no patients; give --data FILE.h5 for real ones")
    print(
        f"{dataset.name}: {len(dataset.images)} images of {dataset.size[0]}x{dataset.size[1]} at "
        f"{config.clients} hospitals ({config.partition}); {config.model} on {config.device}, "
        f"{config.rounds} rounds",
        flush=True,
    )
    if (sums := ring(config, config.clients)) is not None:
        form = f"{sums.bits}-bit integers, {sums.fractional_bits} bits after the point"
        print(f"sums of {form}: --clip {config.clip:g} --weight-cap {config.weight_cap}")
