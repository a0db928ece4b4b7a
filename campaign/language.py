"""Speaks to the user in English or in French: texts, numbers and the command line's errors."""

import argparse
import dataclasses
import datetime
import difflib
import math
import os
import re
import shlex
from typing import Any, NoReturn

from emoji_gan.errors import UserError

LANGUAGES = ("en", "fr")
_NARROW_SPACE = "\u202f"  # between thousands, and before % in French
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_FORMS = re.compile(r"\[([^][|]*)\|([^][|]*)\]")  # [singular|plural]
# argparse's own messages, as regular expressions, and their French.
_ARGPARSE_IN_FRENCH = (
    (r"the following arguments are required: (.*)", r"il manque : \1"),
    (r"argument (\S+): expected one argument", r"option \1 : une valeur est attendue"),
    (r"argument (\S+): invalid choice: (\S+) \(choose from (.*)\)", r"option \1 : \2 ; choix : \3"),
    (r"argument (\S+): invalid \S+ value: (.*)", r"option \1 : valeur illisible \2"),
    (r"argument (\S+): (.*)", r"option \1 : \2"),
    (r"ambiguous option: (.*) could match (.*)", r"option ambiguë : \1 ; \2"),
)


NEXT = ("next: ", "ensuite : ")  # begins the line that names the command that follows


@dataclasses.dataclass(frozen=True)
class Language:
    """Chooses texts and writes numbers in one language.

    Attributes:
      code: "en" or "fr".
      is_explicit: whether --lang said so, and not the environment.
    """

    code: str
    is_explicit: bool = False

    def pick(self, english: str, french: str) -> str:
        """Returns the text of this language; both stand side by side in the code."""
        return french if self.code == "fr" else english

    def command(self, verb: str, folder: object = ".") -> str:
        """Returns a command as it can be pasted: in this folder and in this language.

        Args:
          verb: of the campaign, perhaps with flags.
          folder: of the campaign; "." needs no flag.
        """
        where = f" --dir={shlex.quote(str(folder))}" if str(folder) != "." else ""
        lang = f" --lang={self.code}" if self.is_explicit else ""
        return f"python -m campaign {verb}{where}{lang}"

    def next_line(self, verb: str, folder: object = ".") -> str:
        """Returns the line that a verb ends with: the command that follows."""
        return f"{self.pick(*NEXT)}{self.command(verb, folder)}"

    def counted(self, count: float, english: str, french: str) -> str:
        """Returns the text of this language, its words in the number of the count.

        Args:
          count: of things; 1 is singular, and in French whatever is below 2.
          english, french: "{n}" is the count, "[row|rows]" the singular and the plural of a word.
        """
        is_one = abs(count) < 2 if self.code == "fr" else count == 1
        text = _FORMS.sub(r"\1" if is_one else r"\2", self.pick(english, french))
        return text.replace("{n}", self.number(count))

    def number(self, x: float, digits: int = 0, sign: bool = False) -> str:
        """Writes a number with its thousands apart: 1,234.5 or 1 234,5."""
        if math.isnan(x):
            return "?"
        if math.isinf(x):
            return "\u2212∞" if x < 0 else "+∞" if sign else "∞"
        text = f"{x:{'+' if sign else ''},.{digits}f}"
        if self.code == "fr":
            text = text.translate({ord(","): _NARROW_SPACE, ord("."): ","})
        return text.replace("-", "\u2212")

    def percent(self, x: float, digits: int = 1, sign: bool = False) -> str:
        """Writes a fraction in percent: 3.2% or 3,2 %."""
        space = _NARROW_SPACE if self.code == "fr" else ""
        return self.number(100 * x, digits, sign) + space + "%"

    def points(self, x: float) -> str:
        """Writes a difference of two rates in points: +2.81 points or +2,81 points."""
        word = self.pick("point" if abs(round(100 * x, 2)) == 1 else "points", "points")
        if self.code == "fr" and abs(round(100 * x, 2)) < 2:
            word = "point"
        return f"{self.number(100 * x, 2, True)} {word}"

    def rate(self, x: float) -> str:
        """Writes a fraction in percent with as few digits as it takes: 20% or 3.25%."""
        digits = next((d for d in range(3) if abs(round(100 * x, d) - 100 * x) < 1e-9), 3)
        return self.percent(x, digits)

    def day(self, day: datetime.date) -> str:
        """Writes a day as people of this language do: 2026-03-31 or 31/03/2026."""
        return f"{day:%d/%m/%Y}" if self.code == "fr" else day.isoformat()

    def listing(self, items: list[str]) -> str:
        """Joins items by commas and a last "and"."""
        if len(items) < 2:
            return "".join(items)
        return ", ".join(items[:-1]) + self.pick(" and ", " et ") + items[-1]


class Parser(argparse.ArgumentParser):
    """Parses a command line; its help and mistakes are in the user's language.

    Args:
      language: of both.
      **settings: as `argparse.ArgumentParser` takes them.
    """

    def __init__(self, *, language: Language = Language("en"), **settings: Any) -> None:
        self.language = language
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(add_help=False, formatter_class=form, **settings)
        if language.code == "fr":  # a colon follows
            self._optionals.title = "options "
            self._positionals.title = "sans option "
        self.add_argument(
            "-h",
            "--help",
            action="help",
            help=language.pick("show this and exit", "affiche ceci et s'arrête"),
        )
        self.add_argument(
            "--lang",
            choices=LANGUAGES,
            default=language.code,
            help=language.pick(
                "of all texts, English or French; by default as the environment says",
                "langue de tous les textes, anglais ou français ; par défaut celle du système",
            ),
        )

    def format_help(self) -> str:
        """Returns the text of --help."""
        start = self.language.pick("usage: ", "usage : ")
        return start + super().format_help().removeprefix("usage: ")

    def refuse_unknown(self, arguments: list[str]) -> NoReturn:
        """Prints which arguments no flag takes, with the nearest flag, and exits with 2."""
        flags, hints = [f for f in self._option_string_actions if f.startswith("--")], []
        for flag in (x.partition("=")[0] for x in arguments if x.startswith("-")):
            near = difflib.get_close_matches(flag.lower(), flags, 1)
            hints += [near[0]] if near else []
        listed, near_flags = " ".join(arguments), ", ".join(dict.fromkeys(hints))
        english, french = f"unrecognized arguments: {listed}", f"options inconnues : {listed}"
        if near_flags:
            english, french = (
                f"{english}; do you mean {near_flags}?",
                f"{french} ; est-ce {near_flags} ?",
            )
        self.error(self.language.pick(english, french))

    def error(self, message: str) -> NoReturn:
        """Prints the mistake and exits with 2, as argparse does."""
        if self.language.code == "fr":
            for pattern, french in _ARGPARSE_IN_FRENCH:
                if re.fullmatch(pattern, message):
                    message = re.sub(pattern, french, message)
                    break
        start = self.language.pick("error:", "erreur :")
        hint = self.language.pick("see", "voir")
        self.exit(2, f"{start} {message} ({hint} {self.prog} --help)\n")


def from_arguments(arguments: list[str]) -> Language:
    """Reads --lang before all else, so that help and errors are in it, too.

    Without the flag the language is that of the environment; anything but French is English.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--lang", default=None)
    try:
        code = early.parse_known_args(arguments)[0].lang
    except argparse.ArgumentError:  # --lang without a value: the real parser says so
        code = None
    is_explicit = code in LANGUAGES
    if not is_explicit:  # the real parser refuses another one, in the environment's language
        code = (os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")[:2].lower()
    return Language(code if code in LANGUAGES else "en", is_explicit)


def unreadable(e: Exception, language: Language) -> str:
    """Returns why a file cannot be read, as the end of a line.

    Args:
      e: what reading it raised, an OSError or a UnicodeDecodeError.
      language: of the text.
    """
    reasons: tuple[tuple[type[Exception], str, str], ...] = (
        (FileNotFoundError, "there is no such file", "ce fichier n'existe pas"),
        (IsADirectoryError, "this is a folder, not a file", "c'est un dossier, pas un fichier"),
        (PermissionError, "you may not read this file", "vous n'avez pas le droit de le lire"),
        (UnicodeDecodeError, "the file is not text in UTF-8", "ce n'est pas du texte en UTF-8"),
    )
    for kind, english, french in reasons:
        if isinstance(e, kind):
            return language.pick(english, french)
    return str(getattr(e, "strerror", None) or e)


def decimal(text: str) -> float:
    """Reads a number as people type it: 1234.5, 1 234,5."""
    return float(re.sub(r"\s", "", text).replace(",", "."))


def fraction(text: str) -> float:
    """Reads a fraction: 0.03, 3%, 3,5 %."""
    text = text.strip()
    return decimal(text[:-1]) / 100 if text.endswith("%") else decimal(text)


def date(text: str, where: str, language: Language) -> str:
    """Returns a date, 2026-03-31 or 31/03/2026, as an ISO date; "" of "".

    Raises:
      UserError: there is no such day.
    """
    text = text.strip()
    if not text:
        return ""
    match = _DATE.fullmatch(text)
    try:
        if not match:
            raise ValueError
        year, month, day = match.group(1, 2, 3) if match[1] else match.group(6, 5, 4)
        return datetime.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        raise UserError(
            language.pick(
                f"{where}: {text!r} is no day; write 2026-03-31 or 31/03/2026",
                f"{where} : {text!r} n'est pas un jour ; écrivez 31/03/2026 ou 2026-03-31",
            )
        ) from None
