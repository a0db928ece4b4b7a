"""Runs a campaign with emoji: from a brief to an honest verdict.

    python -m campaign brief "summer sale, up to 50% off" --channel=email
    python -m campaign search --text="soldes d'été"
    python -m campaign propose
    python -m campaign pick --best=3
    python -m campaign check
    python -m campaign refine
    python -m campaign animate --move=bounce,wave
    python -m campaign pack --for=slack,email,web
    python -m campaign plan --baseline=3% --smallest_effect=10% --start=2026-03-02
    python -m campaign assign --customers=customers.csv
    python -m campaign analyse --assignments=assignments.csv --outcomes=outcomes.csv
    python -m campaign analyse --counts=tests.csv
    python -m campaign next --report=report/report.json
    python -m campaign demo

Texts and errors are English or French by --lang; by default as the environment says.
"""

import sys

from campaign import language as language_lib
from campaign import verbs
from emoji_gan import errors


def main() -> int:
    """Runs the command line."""
    language = language_lib.from_arguments(sys.argv[1:])
    language_lib.Parser.language = language
    try:
        return verbs.run(sys.argv[1:], language, __doc__)
    except errors.UserError as e:
        if language.code != "fr":
            raise
        print(f"erreur : {e}", file=sys.stderr)
        return e.exit_code


if __name__ == "__main__":
    errors.run(main)
