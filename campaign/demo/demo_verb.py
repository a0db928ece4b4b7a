"""Takes an example from its brief to a verdict, by the verbs that a person would type."""

import argparse
import datetime
import json
import pathlib
import time

import numpy as np

from campaign import folder as folder_lib
from campaign.demo import demo_steps, simulation
from campaign.demo.demo_steps import Steps
from campaign.experiment import plan_file
from campaign.language import Language
from emoji_gan.errors import UserError

BROKEN = "broken_split"  # folder of the second test, in that of the campaign
_REPORT = "report/report.html"
_BRIEF = (
    "A bakery's summer sale: croissants and cakes, 20% off",
    "Soldes d'été à la boulangerie : croissants et gâteaux à -20 %",
)
_THEME = ("bakery", "boulangerie")
_TITLE = ("Bakery sale", "Soldes de la boulangerie")


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign demo`."""
    say = language.pick
    p.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help=say("of the simulated customers", "graine des clients simulés"),
    )
    p.add_argument(
        "--measuring_only",
        action="store_true",
        help=say("no drawing: from the plan on", "sans dessiner : à partir du plan"),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs all steps; a failed one is a line, and the exit code is that of the first.

    Raises:
      UserError: the folder has something in it.
    """
    if a.dir.exists() and (not a.dir.is_dir() or any(a.dir.iterdir())):
        raise UserError(
            language.pick(
                f"{a.dir} is not empty: choose another --dir",
                f"{a.dir} n'est pas vide : choisissez un autre --dir",
            )
        )
    started = time.monotonic()
    steps = Steps(a.dir, language)
    print(language.pick(f"in {a.dir}:", f"dans {a.dir} :"))
    if not a.measuring_only:
        _draw(steps)
    truth = ", ".join(f"{k} {language.percent(x, 0, True)}" for k, x in simulation.TRUTH.items())
    print(
        language.pick(
            f"simulated from here on: nobody was sent an emoji; the truth, on clicks: {truth}",
            f"simulé à partir d'ici, aucun émoji n'est envoyé ; la vérité, sur les clics : {truth}",
        )
    )
    _measure(steps, a.dir, a.seed, broken=False)
    print(language.pick("a broken split:", "une répartition faussée :"))
    _measure(steps, a.dir / BROKEN, a.seed, broken=True)
    _end(steps, time.monotonic() - started)
    return steps.exit_code


def _draw(steps: Steps) -> None:
    """Goes from the brief to packs; a step that fails is the last one."""
    folder, pick = f"--dir={steps.folder}", steps.language.pick
    for typed in (
        ("brief", pick(*_BRIEF), f"--theme={pick(*_THEME)}", "--channel=email"),
        ("search", "--n=5"),
        ("propose", "--per_theme=4"),
        ("pick", "--best=3"),
        ("check",),
        ("animate", "--move=bounce"),
        ("pack", f"--for={folder_lib.SOME_TARGETS}", f"--title={pick(*_TITLE)}"),
    ):
        if not steps.run(*typed, folder):
            return


def _measure(steps: Steps, folder: pathlib.Path, seed: int, *, broken: bool) -> None:
    """Goes from the plan to a verdict, look by look, and to the next send of a sound split."""
    where = f"--dir={folder}"
    if not steps.run("plan", *simulation.PLAN, where):
        return
    made = plan_file.read(folder / folder_lib.PLAN, steps.language)
    rng = np.random.default_rng(seed)
    customers, outcomes = folder / "customers.csv", folder / "outcomes.csv"
    simulation.write_customers(customers, simulation.customer_count(made), rng)
    if not steps.run("assign", f"--customers={customers}", where):
        return
    simulation.write_outcomes(folder / folder_lib.ASSIGNMENTS, outcomes, rng, broken)
    for look in range(made.looks):
        days = look * made.wave_days + made.window_days - 1
        until = made.start_date + datetime.timedelta(days=days)
        typed = (f"--outcomes={outcomes}", f"--until={until}", where)
        if not steps.run("analyse", *typed, label=f"analyse {until}"):
            return
        report = folder / folder_lib.REPORT / "report.json"
        decision = json.loads(report.read_text("utf-8"))["verdict"]["decision"]
        if decision != "continue":
            break
    if decision != "refused":
        steps.run("next", where)


def _end(steps: Steps, seconds: float) -> None:
    """Says how long it took and which pages to open."""
    folder, language = steps.folder, steps.language
    listed = (
        _REPORT,
        "proposals/contact_sheet.html",
        "packs/web/index.html",
        f"{BROKEN}/{_REPORT}",
    )
    pages = [str(folder / page) for page in listed if (folder / page).exists()]
    took = language.number(seconds)
    print(
        language.pick(
            f"{took} s; every command and what it printed: {folder / demo_steps.COMMANDS}",
            f"{took} s ; chaque commande et sa réponse : {folder / demo_steps.COMMANDS}",
        )
    )
    if pages:
        then = language.pick("; then ", " ; puis ") if pages[1:] else ""
        print(
            language.pick("open first ", "ouvrez d'abord ") + pages[0] + then + ", ".join(pages[1:])
        )
    if steps.exit_code:
        print(language.pick("not all steps succeeded", "des étapes ont échoué"))
