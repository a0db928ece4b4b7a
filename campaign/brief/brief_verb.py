"""Writes the brief of a campaign from a text and flags, or by asking."""

import argparse
import dataclasses
import pathlib
import sys
import textwrap

from campaign import folder as folder_lib
from campaign.brief import brief_file, channel_names, questions
from campaign.brief.brief_file import Brief
from campaign.language import Language
from campaign.search import not_suggested, ranking
from emoji_gan.errors import UserError
from input_pipeline.contexts import emoji_usage

_THEME_OF_BEST = 0.3  # strength from which a recognised theme is taken, relative to the strongest
_MOST_THEMES = 4
_LEAST_KNOWN = 0.4  # share of known words below which a text seems to be in another language


# A flag after the other, with its help in both languages.
def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Declares what `brief` takes."""
    h = language.pick
    p.add_argument(
        "text",
        nargs="?",
        default="",
        metavar=h("TEXT", "TEXTE"),
        help=h("what it is about", "de quoi il s'agit"),
    )
    p.add_argument(
        "--name",
        default="",
        metavar=h("NAME", "NOM"),
        help=h("of the campaign; by default its text", "nom de la campagne ; par défaut son texte"),
    )
    p.add_argument(
        "--theme",
        action="append",
        default=[],
        metavar=h("WORDS", "MOTS"),
        help=h(
            "theme to look emoji up for; repeatable",
            "thème pour lequel chercher des emoji ; répétable",
        ),
    )
    p.add_argument(
        "--tone",
        default="",
        metavar=h("WORDS", "MOTS"),
        help=h("playful, serious, ...", "joyeux, sérieux, ..."),
    )
    p.add_argument(
        "--audience",
        default="",
        metavar=h("WORDS", "MOTS"),
        help=h("who is addressed", "à qui elle s'adresse"),
    )
    p.add_argument(
        "--segment",
        action="append",
        default=[],
        metavar=h("NAME:WORDS", "NOM:MOTS"),
        help=h(
            "a part of the audience, such as students:cheap; repeatable",
            "une partie de l'audience, comme étudiants:petits prix ; répétable",
        ),
    )
    p.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar=h("CHANNEL", "CANAL"),
        help=h(
            "where it is sent: email, push, social, chat, web; repeatable",
            "où elle part : email, push, social, chat, web ; répétable",
        ),
    )
    for flag, english, french in (
        ("--start", "first day", "premier jour"),
        ("--end", "last day", "dernier jour"),
    ):
        p.add_argument(
            flag,
            default="",
            metavar=h("DAY", "JOUR"),
            help=h(f"{english}, 2026-03-31 or 31/03/2026", f"{french}, 31/03/2026"),
        )
    p.add_argument(
        "--avoid",
        action="append",
        default=[],
        metavar=h("WORDS", "MOTS"),
        help=h("emoji or words not wanted; repeatable", "emoji ou mots à éviter ; répétable"),
    )
    p.add_argument(
        "--replace",
        action="store_true",
        help=h("write over an earlier brief.yaml", "écrire par-dessus un brief.yaml existant"),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes brief.yaml and says what was assumed.

    Raises:
      UserError: no text, a field that cannot be, or another brief is there.
    """
    given = (a.theme, a.tone, a.audience, a.segment, a.channel, a.start, a.end, a.avoid, a.name)
    folder, is_asked = pathlib.Path(a.dir), sys.stdin.isatty() and not any(given)
    if is_asked:
        if not a.replace and (folder / folder_lib.BRIEF).exists():
            raise _there_already(folder, language)  # before ten questions, not after them
        questions.ask(a, language, input)
    if not a.text.strip() and not a.theme:
        example = language.pick('brief "summer sale"', 'brief "soldes d\'été"')
        raise UserError(
            language.pick("write what the campaign is about: ", "écrivez de quoi il s'agit : ")
            + f"`{language.command(example, a.dir)}`"
        )
    brief, remarks = assumed(a, language)
    if not a.replace and _differs(folder, brief):
        raise _there_already(folder, language)
    path = brief_file.write(folder, brief)
    for remark in remarks:
        print(remark)
    themes, command = language.listing(list(brief.themes)), language.command("search", a.dir)
    print(
        language.pick(
            f"{path}: themes {themes}; next: {command}",
            f"{path} : thèmes {themes} ; ensuite : {command}",
        )
    )
    return 0


def assumed(a: argparse.Namespace, language: Language) -> tuple[Brief, list[str]]:
    """Returns the brief of the flags, and a line for each thing that was assumed.

    Raises:
      UserError: a field that cannot be.
    """
    ranker = ranking.shipped()
    text = a.text.strip() or ", ".join(a.theme)
    query = ranker.read(text, language.code)
    remarks = []
    if query.known_share < _LEAST_KNOWN:
        remarks.append(
            language.pick(
                "warning: the text seems to be neither English nor French, or is hardly "
                "understood; emoji are found for these two languages only",
                "attention : le texte ne semble ni français ni anglais, ou n'est guère compris ; "
                "les emoji ne se trouvent que dans ces deux langues",
            )
        )
    elif query.language != language.code or not query.certain:
        names = {"en": ("English", "anglais"), "fr": ("French", "français")}
        name = language.pick(*names[query.language])
        remarks.append(
            language.pick(f"assumed: the text is {name}", f"supposé : le texte est en {name}")
        )
    themes = [x.strip() for x in a.theme] or _recognised(ranker, query)
    if not a.theme:
        remarks.append(
            language.pick("assumed: themes ", "supposé : thèmes ") + language.listing(themes)
        )
    content = {
        "name": a.name or textwrap.shorten(text, 60, placeholder="..."),
        "language": query.language,
        "text": text,
        "themes": themes,
        "tone": a.tone,
        "audience": a.audience,
        "segments": [dataclasses.asdict(questions.segment(x, language)) for x in a.segment],
        "channels": [c.strip() for x in a.channel for c in x.split(",")],
        "start": a.start,
        "end": a.end,
        "avoid": a.avoid,
    }
    brief = brief_file.checked(content, "campaign brief", language)
    remarks += _channel_remarks(brief, language)
    remarks += [
        language.pick(
            f'warning: nothing is known by "{x}" of `avoid`; write an emoji',
            f"attention : « {x} » de `avoid` ne désigne aucun emoji ; écrivez un emoji",
        )
        for x in brief.avoid
        if not not_suggested.avoided(x)
    ]
    return brief, remarks


def _channel_remarks(brief: Brief, language: Language) -> list[str]:
    """Says which channels no uses are written for."""
    meant = {x: channel_names.channel(x) for x in brief.channels}
    remarks = [
        language.pick(
            f"assumed: the channel {x} counts as {channel}",
            f"supposé : le canal {x} compte comme {channel}",
        )
        for x, channel in meant.items()
        if channel and channel != x
    ]
    others = [x for x, channel in meant.items() if not channel]
    if not others:
        return remarks
    listed, names = language.listing(others), language.listing(list(emoji_usage.CHANNELS))
    return [
        *remarks,
        language.counted(
            len(others),
            f"note: the examples of `search` are for {names}; there are none for the "
            f"[channel|channels] {listed}, so you will see the others",
            f"à savoir : les exemples de `search` sont écrits pour {names} ; il n'y en a pas pour "
            f"[le canal|les canaux] {listed}, vous verrez donc les autres",
        ),
    ]


def _differs(folder: pathlib.Path, brief: Brief) -> bool:
    """Returns whether another brief is there, a person's edits and comments included."""
    path = folder / folder_lib.BRIEF
    return path.exists() and path.read_bytes() != brief_file.encoded(brief)


def _there_already(folder: pathlib.Path, language: Language) -> UserError:
    path = folder / folder_lib.BRIEF
    return UserError(
        language.pick(
            f"{path} is there already, and stays: edit it by hand, add --replace to write over it, "
            "or name another folder by --dir",
            f"{path} existe déjà, et reste : modifiez-le à la main, ajoutez --replace pour "
            "l'écraser, ou nommez un autre dossier par --dir",
        )
    )


def _recognised(ranker: ranking.Ranker, query: ranking.Query) -> list[str]:
    """Returns the themes of a text as the lexicon names them; the text itself if it has none."""
    matches = ranker.themes.match(query)
    least = _THEME_OF_BEST * matches[0].strength if matches else 0.0
    strong = [m for m in matches if m.strength >= least][:_MOST_THEMES]
    names = [ranker.themes.themes[m.theme].phrases(query.language)[0] for m in strong]
    return names or [query.text]
