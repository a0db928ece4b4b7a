"""Asks at a terminal for all that a brief holds, one field after the other."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from campaign.brief.brief_file import Segment
from campaign.language import Language, date
from emoji_gan.errors import UserError
from input_pipeline.contexts import emoji_usage

_T = TypeVar("_T")


def ask(a: argparse.Namespace, language: Language, answer: Callable[[str], str]) -> None:
    """Fills in the flags of `brief`; an empty answer leaves a field empty or to be derived.

    Args:
      a: the flags, of which only the text may be given already.
      language: of the questions.
      answer: question -> what is typed.
    """
    h = language.pick
    channels = ", ".join(emoji_usage.CHANNELS)
    print(h("Enter skips a question.", "Entrée passe une question."))
    try:
        while not a.text.strip():
            a.text = answer(h("What is the campaign about? ", "De quoi parle la campagne ? "))
        a.name = answer(h("Its name (else the text)? ", "Son nom (sinon le texte) ? "))
        a.theme = _items(
            answer(
                h(
                    "Themes to find emoji for, commas between (else taken from the text)? ",
                    "Thèmes des emoji, séparés par des virgules (sinon tirés du texte) ? ",
                )
            )
        )
        a.tone = answer(
            h("Tone, such as playful or serious? ", "Ton, par exemple joyeux ou grave ? ")
        )
        a.audience = answer(h("Who is addressed? ", "À qui s'adresse-t-elle ? "))
        a.segment = _segments(answer, language)
        a.channel = _items(
            answer(
                h(f"Channels ({channels}), commas between? ", f"Canaux ({channels}), virgules ? ")
            )
        )
        a.start = _day(answer, h("First day? ", "Premier jour ? "), language)
        a.end = _day(answer, h("Last day? ", "Dernier jour ? "), language, after=a.start)
        a.avoid = _items(
            answer(h("Emoji or words to avoid, commas? ", "Emoji ou mots à éviter, virgules ? "))
        )
    except EOFError:  # the rest is left empty
        print()


def segment(text: str, language: Language) -> Segment:
    """Reads NAME:WORDS.

    Raises:
      UserError: there is no name.
    """
    name, _, words = text.partition(":")
    if not name.strip():
        raise UserError(
            language.pick(
                f"--segment={text}: write NAME:WORDS, such as students:cheap, night",
                f"--segment={text} : écrivez NOM:MOTS, comme étudiants:petits prix, nuit",
            )
        )
    return Segment(name=name.strip(), words=words.strip())


def _segments(answer: Callable[[str], str], language: Language) -> list[str]:
    """Asks for segments, one a line, until an empty one."""
    question = language.pick(
        "A segment of the audience, NAME:WORDS such as students:cheap, night (else none)? ",
        "Un segment de l'audience, NOM:MOTS comme étudiants:petits prix, nuit (sinon aucun) ? ",
    )
    further = language.pick("Another segment? ", "Un autre segment ? ")
    texts: list[str] = []
    while True:
        asked_for = further if texts else question
        text = _valid(answer, asked_for, lambda t: t.strip() and segment(t, language) and t.strip())
        if not text:
            return texts
        texts.append(text)


def _items(typed: str) -> list[str]:
    return [x.strip() for x in typed.split(",") if x.strip()]


def _day(
    answer: Callable[[str], str], question: str, language: Language, *, after: str = ""
) -> str:
    """Asks for a date until it is one, not before another one; "" where none is typed."""

    def checked(text: str) -> str:
        day = date(text, question.strip(" ?"), language)
        if day and after and day < after:
            raise UserError(
                language.pick(
                    f"{day} is before the first day, {after}",
                    f"{day} précède le premier jour, {after}",
                )
            )
        return day

    return _valid(answer, question, checked)


def _valid(answer: Callable[[str], str], question: str, check: Callable[[str], _T]) -> _T:
    """Asks until what is typed passes a check; says why it does not."""
    while True:
        try:
            return check(answer(question))
        except UserError as e:
            print(e)
