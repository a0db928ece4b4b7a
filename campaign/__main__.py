"""Runs a campaign with emoji: from a brief to an honest verdict.

    python -m campaign brief "summer sale, up to 50% off" --channel=email
    python -m campaign search --text="soldes d'été"
    python -m campaign plan --baseline=3% --smallest_effect=10% --start=2026-03-02
    python -m campaign assign --customers=customers.csv
    python -m campaign analyse --assignments=assignments.csv --outcomes=outcomes.csv
    python -m campaign analyse --counts=tests.csv
    python -m campaign next --report=report/report.json
    python -m campaign demo

Texts and errors are English or French by --lang; by default as the environment says.
"""

import argparse
import importlib
import sys

from campaign import language as language_lib
from emoji_gan import errors

# Verb -> its module, imported when it is used.
_VERBS = {
    "brief": "campaign.brief.brief_verb",
    "search": "campaign.search.search_verb",
    "plan": "campaign.experiment.planning",
    "assign": "campaign.experiment.assignment",
    "analyse": "campaign.experiment.analysis",
    "next": "campaign.experiment.next_allocation",
    "demo": "campaign.experiment.demo",
}
_SUMMARIES = {
    "brief": ("what the campaign is about", "de quoi parle la campagne"),
    "search": ("relevant emoji, with uses", "des emoji pertinents, avec leurs emplois"),
    "plan": ("before the start", "avant le départ"),
    "assign": ("customers to arms", "les clients aux bras"),
    "analyse": ("the verdict", "le verdict"),
    "next": ("shares for the next send", "les parts du prochain envoi"),
    "demo": ("a simulated campaign with a known truth", "une campagne simulée, vérité connue"),
}


def main() -> int:
    """Runs the command line."""
    language = language_lib.from_arguments(sys.argv[1:])
    language_lib.Parser.language = language
    chosen = next((x for x in sys.argv[1:] if x in _VERBS), None)
    p = language_lib.Parser(
        prog="python -m campaign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--lang", choices=language_lib.LANGUAGES, default=language.code)
    verbs = p.add_subparsers(dest="verb", required=True, metavar="|".join(_VERBS))
    for name, module in _VERBS.items():
        summary = language.pick(*_SUMMARIES[name])
        verb = verbs.add_parser(name, help=summary, description=summary)
        verb.add_argument("--lang", choices=language_lib.LANGUAGES, default=language.code)
        if name == chosen:  # only the verb that runs brings its libraries
            importlib.import_module(module).add_arguments(verb, language)
    a = p.parse_args()
    try:
        return importlib.import_module(_VERBS[a.verb]).run(a, language)
    except errors.UserError as e:
        if language.code != "fr":
            raise
        print(f"erreur : {e}", file=sys.stderr)
        return e.exit_code


if __name__ == "__main__":
    errors.run(main)
