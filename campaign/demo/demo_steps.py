"""Runs verbs one after another as a person types them, and says in a line what each did."""

import contextlib
import io
import pathlib
import shlex
import time

from campaign import verbs
from campaign.language import NEXT, Language
from emoji_gan import errors
from emoji_gan.errors import UserError
from input_pipeline import DataError

COMMANDS = "commands.txt"  # what was typed and what it printed
# Verb -> the lines of its output that say what it did, None for all; else the last one.
_LINES = {
    "search": (0,),
    "propose": (-2, -1),
    "pick": (0,),
    "check": None,
    "pack": None,
    "plan": (0, -1),
    "analyse": (-2, -1),
    "next": (0, 1, 2, 3, -1),
}


class Steps:
    """Runs verbs and keeps what they printed in a file of the folder.

    Attributes:
      folder: of the campaign.
      language: of every text.
      exit_code: 0 as long as every verb did all that it was to do.
    """

    def __init__(self, folder: pathlib.Path, language: Language) -> None:
        self.folder = folder
        self.language = language
        self.exit_code = errors.EXIT_OK

    def run(self, verb: str, *arguments: str, label: str = "") -> bool:
        """Runs a verb and prints a line, with paths as from the folder.

        Args:
          verb: its name.
          arguments: as a person types them; the language is added.
          label: what the line starts with, where not with the verb.

        Returns:
          Whether it got to its end; what it refused on the way does not count.
        """
        typed = [verb, *arguments, f"--lang={self.language.code}"]
        print(f"{label or verb:<8} ", end="", flush=True)
        out, err = io.StringIO(), io.StringIO()
        started, problem = time.monotonic(), ""
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = verbs.run(typed, self.language)
        except (UserError, DataError) as e:
            code = getattr(e, "exit_code", errors.EXIT_USER_ERROR)
            problem = self.language.pick(f"failed: {e}", f"échec : {e}")
        seconds = self.language.number(time.monotonic() - started)
        self._keep(typed, out.getvalue() + err.getvalue() + (f"{problem}\n" if problem else ""))
        parts = [problem] if problem else _chosen(verb, self._lines(out.getvalue()))
        if code and not problem:
            parts += err.getvalue().splitlines()
        line = _joined(parts, self.language.pick("; ", " ; ")).replace(f"{self.folder}/", "")
        print(f"{line} ({seconds} s)", flush=True)
        self.exit_code = self.exit_code or code
        return not problem

    def _lines(self, printed: str) -> list[str]:
        """Returns what a verb said of its work, not what to type next."""
        hint = self.language.pick(*NEXT)
        return [line for line in printed.splitlines() if not line.startswith(hint)]

    def _keep(self, typed: list[str], printed: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / COMMANDS).open("a", encoding="utf-8") as f:
            f.write(f"$ python -m campaign {shlex.join(typed)}\n{printed}\n")


def _chosen(verb: str, lines: list[str]) -> list[str]:
    numbers = _LINES.get(verb, (-1,))
    if numbers is None:
        return lines
    return [lines[i] for i in numbers if -len(lines) <= i < len(lines)]


def _joined(lines: list[str], sign: str) -> str:
    """Returns lines as one, without the spaces of a table."""
    texts = [" ".join(line.split()) for line in lines]
    return sign.join(text.removesuffix(".") for text in texts if text).replace(f":{sign}", ": ")
