"""Parses and runs the verbs of the command line, for a person and for the demo alike."""

import argparse
import importlib
from collections.abc import Sequence

from campaign import language as language_lib
from campaign.language import Language

# Verb -> its module, imported when it is used.
MODULES = {
    "brief": "campaign.brief.brief_verb",
    "search": "campaign.search.search_verb",
    "propose": "campaign.proposing.propose",
    "pick": "campaign.proposing.pick",
    "check": "campaign.gates.check",
    "refine": "campaign.refining.refine",
    "animate": "campaign.animate.animating",
    "pack": "campaign.pack.packing",
    "plan": "campaign.experiment.planning",
    "assign": "campaign.experiment.assignment",
    "analyse": "campaign.experiment.analysis",
    "next": "campaign.experiment.next_allocation",
    "demo": "campaign.demo.demo_verb",
}
_SUMMARIES = {
    "brief": ("what the campaign is about", "de quoi parle la campagne"),
    "search": ("relevant emoji, with uses", "des emoji pertinents, avec leurs emplois"),
    "propose": ("emoji of the brief's themes, to choose from", "des emoji des thèmes, au choix"),
    "pick": ("what you choose of them", "ce que vous en retenez"),
    "check": ("what may leave the house, and why not", "ce qui peut sortir, et sinon pourquoi"),
    "refine": ("a model nearer to your picks, if it helps", "un modèle plus près de vos choix"),
    "animate": ("closed loops of picked emoji", "les émojis retenus en boucles"),
    "pack": ("emoji for each target", "les émojis pour chaque destination"),
    "plan": ("before the start", "avant le départ"),
    "assign": ("customers to arms", "les clients aux bras"),
    "analyse": ("the verdict", "le verdict"),
    "next": ("shares for the next send", "les parts du prochain envoi"),
    "demo": (
        "all of it on an example, with simulated customers",
        "le tout sur un exemple, avec des clients simulés",
    ),
}


def run(arguments: Sequence[str], language: Language, description: str = "") -> int:
    """Runs what a person types after `python -m campaign`; returns its exit code.

    Args:
      arguments: the verb and its flags.
      language: of texts and errors.
      description: of the program, for --help.

    Raises:
      UserError: as the verb does.
    """
    chosen = next((x for x in arguments if x in MODULES), None)
    p = language_lib.Parser(
        prog="python -m campaign",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--lang", choices=language_lib.LANGUAGES, default=language.code)
    verbs = p.add_subparsers(dest="verb", required=True, metavar="|".join(MODULES))
    for name, module in MODULES.items():
        summary = language.pick(*_SUMMARIES[name])
        verb = verbs.add_parser(name, help=summary, description=summary)
        verb.add_argument("--lang", choices=language_lib.LANGUAGES, default=language.code)
        if name == chosen:  # only the verb that runs brings its libraries
            importlib.import_module(module).add_arguments(verb, language)
    a = p.parse_args(arguments)
    return importlib.import_module(MODULES[a.verb]).run(a, language)
