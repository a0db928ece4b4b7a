"""Reads and writes brief.yaml, which people also write by hand."""

import dataclasses
import datetime
import pathlib
import re
from typing import Any

import yaml

from campaign import folder as folder_lib
from campaign.brief import drawing_styles
from campaign.language import LANGUAGES, Language, date, unreadable
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

_TEXTS = ("name", "language", "text", "tone", "audience", "start", "end")
_LISTS = ("themes", "channels", "avoid")
_SEGMENT = ("name", "palette", "style", "words")
_COLOUR = re.compile(r"#?[0-9A-Fa-f]{6}")
# A colour without quotes, on a line of a palette; what stands between quotes is passed over.
_BARE_COLOUR = re.compile(
    r"""(?:[^#'"]|'[^']*'|"[^"]*")*(?:palette\s*:\s*|[\[,]\s*|^\s*-\s+)#[0-9A-Fa-f]{3,8}\b"""
)
_HEAD = {
    "en": "# The brief of a campaign; edit it by hand and run `search` again.\n",
    "fr": "# Le brief d'une campagne ; modifiez-le, puis relancez `search`.\n",
}


@dataclasses.dataclass(frozen=True)
class Segment:
    """Describes a part of the audience.

    Attributes:
      name: of the segment.
      palette: colours, '#RRGGBB', the most important first; () leaves an emoji's own.
      style: "" in colours, or `drawing_styles.LINE`.
      words: what matters to it, or "".
    """

    name: str
    palette: tuple[str, ...] = ()
    style: str = ""
    words: str = ""


@dataclasses.dataclass(frozen=True)
class Brief:
    """Says what a campaign is about.

    Attributes:
      name: of the campaign.
      language: of the text, "en" or "fr".
      text: as the marketer wrote it.
      themes: for which emoji are looked up.
      tone: or "".
      audience: or "".
      segments: parts of the audience.
      channels: email, push, social, ...
      start: first day, an ISO date or "".
      end: last day, an ISO date or "".
      avoid: emoji or words that are not wanted.
    """

    name: str
    language: str
    text: str
    themes: tuple[str, ...]
    tone: str = ""
    audience: str = ""
    segments: tuple[Segment, ...] = ()
    channels: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    avoid: tuple[str, ...] = ()


def write(folder: pathlib.Path, brief: Brief) -> pathlib.Path:
    """Writes brief.yaml, whole or not at all, and returns its path."""
    path = folder / folder_lib.BRIEF
    path.parent.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(path, encoded(brief))
    return path


def encoded(brief: Brief) -> bytes:
    """Returns what `write` writes."""
    content = dataclasses.asdict(brief)
    for name in (*_LISTS, "segments"):
        content[name] = list(content[name])
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=90)
    return (_HEAD[brief.language] + text).encode()


def read(folder: pathlib.Path, language: Language) -> Brief:
    """Reads brief.yaml.

    Raises:
      UserError: missing, not YAML, or a field that cannot be; one line, which names the field.
    """
    path = folder / folder_lib.BRIEF
    try:
        text = path.read_text(encoding="utf-8-sig")
        _check_colours_quoted(text, path, language)
        content = yaml.safe_load(text)
    except FileNotFoundError:
        write = language.command('brief "..."', folder)
        ask = language.command('search --text="..."')
        raise UserError(
            language.pick(
                f"{path} is missing: write it by `{write}`, or ask without one by `{ask}`",
                f"{path} manque : écrivez-le par `{write}`, ou cherchez sans brief par `{ask}`",
            )
        ) from None
    except UnicodeDecodeError:
        raise _fault(language, path, "not UTF-8", "pas en UTF-8") from None
    except OSError as e:
        raise _fault(language, path, *[unreadable(e, language)] * 2) from None
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise _fault(
            language,
            path,
            f"line {line} is not YAML: `field: value`, with quotes around text that has a colon",
            f"la ligne {line} n'est pas du YAML : `champ: valeur`, guillemets autour d'un texte "
            "qui a deux-points",
        ) from None
    return checked(content, str(path), language)


def _check_colours_quoted(text: str, path: pathlib.Path, language: Language) -> None:
    """Checks that no colour stands without quotes, where YAML takes it for a comment.

    Raises:
      UserError: one does; names its line.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if _BARE_COLOUR.match(line):
            raise _fault(
                language,
                path,
                f"line {number}: put quotes around each colour, or what follows # is a comment: "
                "palette: ['#E4002B', '#0B3D91']",
                f"ligne {number} : mettez chaque couleur entre guillemets, sinon ce qui suit # est "
                "un commentaire : palette: ['#E4002B', '#0B3D91']",
            )


def checked(content: Any, where: str, language: Language) -> Brief:
    """Returns the brief that a mapping of fields describes.

    Args:
      content: as YAML reads it.
      where: it stands, for messages.
      language: of the messages, and of a brief that does not say its own.

    Raises:
      UserError: a field that is unknown, missing or cannot be.
    """
    if not isinstance(content, dict):
        raise _fault(language, where, "no fields `name: ...`", "aucun champ `name: ...`")
    known_fields = [f.name for f in dataclasses.fields(Brief)]
    for name in content:
        if name not in known_fields:
            fields = ", ".join(known_fields)
            raise _fault(
                language,
                where,
                f"unknown field {name!r}; fields are {fields}",
                f"champ inconnu {name!r} ; les champs sont {fields}",
            )
    fields: dict[str, Any] = {x: _text(content, x, where, language) for x in _TEXTS}
    fields |= {x: _texts(content, x, where, language) for x in _LISTS}
    fields["language"] = fields["language"] or language.code
    fields["segments"] = _segments(content.get("segments"), where, language)
    for name in ("start", "end"):
        fields[name] = date(fields[name], f"{where}: {name}", language)
    _check_whole(fields, where, language)
    return Brief(**fields)


def _check_whole(fields: dict[str, Any], where: str, language: Language) -> None:
    """Checks what fields say together.

    Raises:
      UserError: nothing to look up, a language that is neither, an end before the start.
    """
    if fields["language"] not in LANGUAGES:
        raise _fault(
            language,
            where,
            f"language is {fields['language']!r}: write en or fr",
            f"language vaut {fields['language']!r} : écrivez en ou fr",
        )
    if not fields["themes"]:
        raise _fault(
            language,
            where,
            "themes is empty: write a line `- summer sale` for each",
            "themes est vide : écrivez une ligne `- soldes d'été` par thème",
        )
    if fields["start"] and fields["end"] and fields["end"] < fields["start"]:
        raise _fault(
            language,
            where,
            f"end ({fields['end']}) is before start ({fields['start']})",
            f"end ({fields['end']}) précède start ({fields['start']})",
        )


def _text(content: dict, name: str, where: str, language: Language) -> str:
    value = content.get(name)
    if isinstance(value, datetime.date | int | float) and not isinstance(value, bool):
        value = str(value)  # YAML reads 2026-03-31 as a date and 2026 as a number
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise _fault(language, where, f"{name} is not a text", f"{name} n'est pas un texte")
    return value.strip()


def _texts(content: dict, name: str, where: str, language: Language) -> tuple[str, ...]:
    value = content.get(name)
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    out = []
    for number, item in enumerate(items, 1):
        text = "" if item is None or isinstance(item, dict | list) else str(item).strip()
        if not text:
            raise _fault(
                language,
                where,
                f"entry {number} of {name} is empty or no text: delete it or fill it in",
                f"l'entrée {number} de {name} est vide ou n'est pas un texte : supprimez-la ou "
                "remplissez-la",
            )
        out.append(text)
    return tuple(dict.fromkeys(out))


def _segments(value: Any, where: str, language: Language) -> tuple[Segment, ...]:
    segments = []
    for number, item in enumerate(
        value if isinstance(value, list) else [] if not value else [0], 1
    ):
        fields = {"name": item} if isinstance(item, str) else item
        unknown = sorted(set(fields) - set(_SEGMENT)) if isinstance(fields, dict) else ["?"]
        if unknown or not str(fields.get("name") or "").strip():
            raise _fault(
                language,
                where,
                f"segment {number} needs a name and may have palette, style, words"
                + (f"; unknown: {', '.join(map(str, unknown))}" if unknown else ""),
                f"le segment {number} demande name et peut avoir palette, style, words"
                + (f" ; inconnu : {', '.join(map(str, unknown))}" if unknown else ""),
            )
        words = {x: _words(fields.get(x)) for x in _SEGMENT}
        colours = tuple(c for part in words["palette"].split(",") if (c := part.strip()))
        _check_colours(words["name"], colours, where, language)
        style = _style(words["name"], words["style"], where, language)
        segments.append(Segment(**words | {"palette": colours, "style": style}))
    return tuple(segments)


def _check_colours(name: str, colours: tuple[str, ...], where: str, language: Language) -> None:
    """Checks the palette of a segment.

    Raises:
      UserError: one of it is no colour.
    """
    for colour in colours:
        if not _COLOUR.fullmatch(colour):
            raise _fault(
                language,
                where,
                f"segment {name}: {colour!r} of palette is no colour; write '#E4002B', in quotes",
                f"segment {name} : {colour!r} de palette n'est pas une couleur ; écrivez "
                "'#E4002B', entre guillemets",
            )


def _style(name: str, text: str, where: str, language: Language) -> str:
    """Returns the style of a segment.

    Raises:
      UserError: nobody calls a style so.
    """
    style = drawing_styles.of(text)
    if style is None:
        near = drawing_styles.nearest(text)
        hint = language.pick(f" (do you mean {near}?)", f" (est-ce {near} ?)") if near else ""
        english, french = drawing_styles.EXAMPLES
        raise _fault(
            language,
            where,
            f"segment {name}: no style is called {text!r}{hint}; write one of {english}",
            f"segment {name} : aucun style ne s'appelle {text!r}{hint} ; écrivez {french}",
        )
    return style


def _words(value: Any) -> str:
    """Returns a text; a list becomes its items with commas between."""
    items = value if isinstance(value, list | tuple) else [value]
    return ", ".join(str(x).strip() for x in items if x is not None)


def _fault(language: Language, where: object, english: str, french: str) -> UserError:
    return UserError(language.pick(f"{where}: {english}", f"{where} : {french}"))
