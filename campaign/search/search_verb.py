"""Finds emoji for a campaign's themes or for a text: `python -m campaign search`."""

import argparse
import dataclasses
import json
import pathlib

from campaign import folder as folder_lib
from campaign.brief import brief_file, channel_names
from campaign.brief.brief_file import Brief
from campaign.language import Language
from campaign.search import suggestions
from campaign.search.suggestions import Answer, Withheld
from emoji_gan.errors import UserError

_MOST = 100


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Declares what `search` takes."""
    h = language.pick
    p.add_argument(
        "--text",
        default=None,
        metavar=h("TEXT", "TEXTE"),
        help=h("instead of a brief: what it is about", "à la place d'un brief : le sujet"),
    )
    p.add_argument(
        "--n",
        type=int,
        default=10,
        metavar="N",
        help=h("emoji a theme; default 10", "emoji par thème ; par défaut 10"),
    )
    p.add_argument(
        "--json",
        action="store_true",
        help=h("one line of JSON, the last one", "une ligne de JSON, la dernière"),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Prints emoji; with a brief writes search.json, too.

    Raises:
      UserError: neither a brief nor a text, or n cannot be.
    """
    if not 1 <= a.n <= _MOST:
        raise UserError(
            language.pick(f"--n={a.n}: from 1 to {_MOST}", f"--n={a.n} : de 1 à {_MOST}")
        )
    if a.text is not None:
        if not a.text.strip():
            raise UserError(
                language.pick("--text is empty: say what it is about", "--text est vide")
            )
        answers = [suggestions.find(a.text, a.n, language=language.code)]
        print(_shown_answers(answers, language, a.json))
        return 0
    folder = pathlib.Path(a.dir)
    brief = brief_file.read(folder, language)
    answers = for_brief(brief, a.n)
    path = folder_lib.write_record(folder, folder_lib.SEARCH, record(answers))
    if not a.json:
        print(language.pick(f"written: {path}", f"écrit : {path}"))
    print(_shown_answers(answers, language, a.json))
    if not a.json:
        print(language.next_line("propose", a.dir))
    return 0


def for_brief(brief: Brief, n: int) -> list[Answer]:
    """Finds n emoji for each theme of a brief."""
    context = " ".join((brief.text, brief.audience, *brief.themes))
    return [
        suggestions.find(
            theme,
            n,
            language=brief.language,
            avoid=brief.avoid,
            context=context,
            channels=[channel_names.channel(c) or c for c in brief.channels],
        )
        for theme in brief.themes
    ]


def record(answers: list[Answer]) -> dict:
    """Returns the content of search.json."""
    withheld = {w.codepoints: dataclasses.asdict(w) for a in answers for w in a.withheld}
    return {"themes": [a.record() for a in answers], "not_suggested": list(withheld.values())}


def _shown_answers(answers: list[Answer], language: Language, as_json: bool) -> str:
    if not as_json:
        return "\n\n".join(_page(answer, language) for answer in answers)
    ranked = [s.codepoints for answer in _interleaved(answers) for s in answer]
    content = {"codepoints": list(dict.fromkeys(ranked)), **record(answers)}
    return json.dumps(content, ensure_ascii=False)


def _interleaved(answers: list[Answer]) -> list[list]:
    """Returns the first suggestions of all themes, then the second ones, ..."""
    longest = max((len(a.suggestions) for a in answers), default=0)
    return [[a.suggestions[i] for a in answers if i < len(a.suggestions)] for i in range(longest)]


def _page(answer: Answer, language: Language) -> str:
    code = language.code
    lines = [answer.query.text]
    typos = [f"{typed} → {meant}" for typed, meant in answer.query.readings]
    typos += [f"{w.typed} → {w.meant}" for w in answer.query.words if w.meant]
    unknown = answer.query.unknown()
    if typos:
        lines.append(language.pick("  read as: ", "  lu comme : ") + ", ".join(typos))
    if unknown:
        lines.append(language.pick("  not known: ", "  inconnu : ") + ", ".join(unknown))
    if answer.suggestions and not answer.query.is_understood:
        lines.append("  " + not_understood(answer.query.text, language))
    if not answer.suggestions:
        lines.append(
            language.pick(
                "  no emoji: say it in other words, in English or French",
                "  aucun emoji : dites-le autrement, en français ou en anglais",
            )
        )
    for number, s in enumerate(answer.suggestions, 1):
        lines.append(f"{number:3}. {s.emoji}  {s.names[code] or s.names['en']}")
        for use in s.uses:
            channel = use["channel"] + language.pick(": ", " : ") if use["channel"] else ""
            lines.append(f"       · {channel}{use[code]}")
        not_examined = language.pick(
            "nobody has written when to avoid this one; that does not mean never",
            "personne n'a écrit quand l'éviter ; cela ne veut pas dire jamais",
        )
        avoid = s.avoid[code] if s.avoid else not_examined
        lines.append(language.pick("       avoid: ", "       à éviter : ") + avoid)
        if s.meanings:
            lines.append(
                language.pick("       also means: ", "       autre sens : ") + s.meanings[code]
            )
    if answer.withheld:
        lines.append(language.pick("  not suggested:", "  non proposés :"))
        lines += [_line(w, code) for w in answer.withheld]
    return "\n".join(lines)


def not_understood(theme: str, language: Language) -> str:
    """Warns that no word of a theme is known, so that its emoji are hardly more than a guess."""
    return language.pick(
        f"warning: {theme!r}: no word of it is known, its emoji are a guess; say it in other "
        "words, or name emoji by `propose --emoji`",
        f"attention : {theme!r} : aucun mot n'en est connu, ses emoji sont devinés ; dites-le "
        "autrement, ou donnez des emoji par `propose --emoji`",
    )


def _line(withheld: Withheld, code: str) -> str:
    return f"       {withheld.emoji}  {withheld.reason[code]}"
