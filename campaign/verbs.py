"""Parses and runs the verbs of the command line, for a person and for the demo alike."""

import importlib
import pathlib
from collections.abc import Sequence

from campaign import introductions
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
_POSITIONAL = {"brief": (' "TEXT"', ' "TEXTE"')}  # Verb -> what it takes without a flag.
_NEW_FOLDER = "campaign_demo"  # of the demo, which no campaign is in


def run(arguments: Sequence[str], language: Language) -> int:
    """Runs what a person types after `python -m campaign`; returns its exit code.

    Args:
      arguments: the verb and its flags.
      language: of texts and errors.

    Raises:
      UserError: as the verb does.
    """
    parser, of_verb = _parser(arguments, language)
    a, others = parser.parse_known_args(arguments)
    if others:
        of_verb.refuse_unknown(others)
    return importlib.import_module(MODULES[a.verb]).run(a, language)


def _parser(
    arguments: Sequence[str], language: Language
) -> tuple[language_lib.Parser, language_lib.Parser]:
    """Declares all verbs, and the flags of the one that runs: it alone brings its libraries.

    Returns:
      The parser of the program, and that of the verb, or the same where there is none.
    """
    chosen = next((x for x in arguments if x in MODULES), None)
    pick = language.pick
    p = language_lib.Parser(
        prog="python -m campaign",
        usage=pick("%(prog)s COMMAND [options]", "%(prog)s COMMANDE [options]"),
        description=pick(*introductions.PROGRAM),
        language=language,
    )
    verbs = p.add_subparsers(
        dest="verb",
        prog="python -m campaign",
        required=True,
        title=pick("commands", "commandes "),
        metavar=pick("COMMAND", "COMMANDE"),
    )
    for name, module in MODULES.items():
        verb = verbs.add_parser(
            name,
            usage=f"python -m campaign {name}{pick(*_POSITIONAL.get(name, ('', '')))} [options]",
            help=pick(*introductions.SUMMARIES[name]),
            description=pick(*introductions.INTRODUCTIONS[name]).rstrip(),
            language=language,
        )
        is_demo = name == "demo"
        verb.add_argument(
            "--dir",
            type=pathlib.Path,
            default=pathlib.Path(_NEW_FOLDER if is_demo else "."),
            metavar=pick("FOLDER", "DOSSIER"),
            help=pick(
                f"a new folder; default {_NEW_FOLDER}",
                f"un nouveau dossier ; par défaut {_NEW_FOLDER}",
            )
            if is_demo
            else pick(
                "folder of the campaign; by default the current one",
                "dossier de la campagne ; par défaut le dossier courant",
            ),
        )
        if name == chosen:
            importlib.import_module(module).add_arguments(verb, language)
    return p, verbs.choices.get(chosen, p)
