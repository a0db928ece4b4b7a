"""Runs a campaign with emoji: from a brief to an honest verdict.

    python -m campaign --help

Texts and errors are English or French by --lang; by default as the environment says.
"""

import sys

from campaign import language as language_lib
from campaign import verbs
from emoji_gan import errors


def main() -> int:
    """Runs the command line."""
    language = language_lib.from_arguments(sys.argv[1:])
    try:
        return verbs.run(sys.argv[1:], language)
    except errors.UserError as e:
        if language.code != "fr":
            raise
        print(f"erreur : {e}", file=sys.stderr)
        return e.exit_code


if __name__ == "__main__":
    errors.run(main)
