"""Names the files of a campaign's folder, and reads and writes its JSON records."""

import json
import pathlib
from typing import Any

from campaign.language import Language
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

BRIEF = "brief.yaml"  # what the campaign is about
SEARCH = "search.json"  # relevant emoji by theme, with uses in context
PROPOSALS = "proposals/proposals.json"  # what was drawn; its PNGs and contact sheet beside it
PICKS = "picks.json"  # what a person, or --best, chose and rejected
CHECKS = "checks.json"  # gates by proposal, with a reason each
ANIMATIONS = "animations/animations.json"  # loops of picked emoji, APNGs beside it
PACKS = "packs"  # a file or folder a target
PLAN = "plan.json"  # of the test, sealed; its looks beside it
ASSIGNMENTS = "assignments.csv"  # customer, segment, arm, propensity, day; a record beside it
REPORT = "report"  # folder of report.html and report.json
REPORT_OF_COUNTS = "report_counts"  # likewise, of tests without a plan
ALLOCATION = "allocation.json"  # parts of the next send
SOME_TARGETS = "slack,email,web"  # of packs, where a command is shown as an example

# Command -> the record that it writes, in the order of a campaign.
_WRITTEN_BY = {
    BRIEF: "brief",
    SEARCH: "search",
    PROPOSALS: "propose",
    PICKS: "pick",
    CHECKS: "check",
    ANIMATIONS: "animate",
}


def write_record(folder: pathlib.Path, name: str, content: dict[str, Any]) -> pathlib.Path:
    """Writes a record whole or not at all, in place of an earlier one.

    Args:
      folder: of the campaign; created if it does not exist.
      name: one of the names above.
      content: what JSON can hold.

    Returns:
      The path of the record.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    workdir.write_atomic(path, text.encode())
    return path


def read_record(folder: pathlib.Path, name: str, language: Language) -> dict[str, Any]:
    """Reads a record.

    Raises:
      UserError: missing (says which command writes it), or no JSON object.
    """
    path, verb = folder / name, _WRITTEN_BY[name]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        command = language.command(verb, folder)
        raise UserError(
            language.pick(
                f"{path} is missing: run `{command}` first",
                f"{path} manque : lancez d'abord `{command}`",
            )
        ) from None
    except (OSError, ValueError) as e:
        content = type(e).__name__
    if not isinstance(content, dict):
        raise UserError(
            language.pick(
                f"{path} cannot be read as `campaign {verb}` writes it: run that command again",
                f"{path} n'est pas lisible comme `campaign {verb}` l'écrit : relancez-la",
            )
        )
    return content
