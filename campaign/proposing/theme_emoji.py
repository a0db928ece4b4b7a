"""Lists the emoji that each theme of a campaign is drawn from."""

import pathlib

from campaign import folder as folder_lib
from campaign.brief.brief_file import Brief
from campaign.language import Language
from emoji_gan.edit import parents
from emoji_gan.encoder import text_features
from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names


def of_folder(
    folder: pathlib.Path, brief: Brief, given: list[str], language: Language
) -> dict[str, list[str]]:
    """Returns theme -> code points, the most relevant first.

    Args:
      folder: of the campaign.
      brief: its themes, and what to avoid.
      given: emoji that are taken for every theme instead of search.json; [] takes the search.
      language: of errors.

    Raises:
      UserError: no search.json, a text that names no emoji, or a theme that is left with none.
    """
    if given:
        codepoints = [_codepoints_of(text, language) for text in given]
        listed = {theme: codepoints for theme in brief.themes}
    else:
        listed = _searched(folder, brief, language)
    avoided = {text_features.fold(word) for word in brief.avoid}
    result = {}
    for theme, codepoints in listed.items():
        usable = [c for c in dict.fromkeys(codepoints) if _is_usable(c, avoided)]
        if not usable:
            command = language.command("search", folder)
            raise UserError(
                language.pick(
                    f"theme {theme!r}: no emoji to draw from; run `{command}` again or give "
                    "--emoji",
                    f"thème {theme!r} : aucun emoji à dessiner ; relancez `{command}` ou "
                    "donnez --emoji",
                )
            )
        result[theme] = usable
    return result


def _codepoints_of(text: str, language: Language) -> str:
    try:
        return parents.codepoints_of(text)
    except parents.NoSuchEmoji as e:
        metas = [emoji_names.lookup(c) for c in e.nearest]
        listed = "; ".join(f"{m.name_en or m.name} ({m.codepoints})" for m in metas)
        french = " ; ".join(f"{m.name_fr or m.name} ({m.codepoints})" for m in metas)
        raise UserError(
            language.pick(
                f"--emoji={text}: no emoji is called that; the nearest: {listed}",
                f"--emoji={text} : aucun emoji ne s'appelle ainsi ; les plus proches : {french}",
            )
        ) from None


def _searched(folder: pathlib.Path, brief: Brief, language: Language) -> dict[str, list[str]]:
    content = folder_lib.read_record(folder, folder_lib.SEARCH, language)
    try:
        by_theme = {
            str(entry["theme"]): [str(result["codepoints"]) for result in entry["results"]]
            for entry in content["themes"]
        }
    except (KeyError, TypeError):
        raise UserError(
            language.pick(
                f"{folder / folder_lib.SEARCH} is not as `campaign search` writes it: run it again",
                f"{folder / folder_lib.SEARCH} n'est pas comme `campaign search` l'écrit : "
                "relancez-la",
            )
        ) from None
    missing = [theme for theme in brief.themes if theme not in by_theme]
    if missing:
        command = language.command("search", folder)
        raise UserError(
            language.pick(
                f"search.json has no theme {missing[0]!r}: run `{command}` again",
                f"search.json n'a pas le thème {missing[0]!r} : relancez `{command}`",
            )
        )
    return {theme: by_theme[theme] for theme in brief.themes}


def guessed(folder: pathlib.Path, brief: Brief, language: Language) -> list[str]:
    """Lists the themes of a brief of which the search knew no word."""
    content = folder_lib.read_record(folder, folder_lib.SEARCH, language)
    listed = {entry["theme"]: entry.get("understood", True) for entry in content["themes"]}
    return [theme for theme in brief.themes if not listed.get(theme, True)]


def _is_usable(codepoints: str, avoided: set[str]) -> bool:
    """Returns whether OpenMoji can draw an emoji and none of its names or keywords is avoided."""
    meta = emoji_names.lookup(codepoints)
    if meta is None or not parents.is_drawn(codepoints):
        return False
    names = {text_features.fold(name) for name in (meta.name, meta.name_en, meta.name_fr)}
    words = {word for name in names for word in name.split()}
    keywords = {text_features.fold(word) for word in (*meta.keywords_en, *meta.keywords_fr)}
    return not avoided & (names | words | keywords)
