"""Says what goes wrong in English and in French."""

from emoji_gan.errors import UserError

LANGUAGES = ("en", "fr")

# Code -> (English, French); {names} are filled in.
_MESSAGES = {
    "bad_request": (
        "{where}: expected {expected}",
        "{where} : {expected} attendu",
    ),
    "bad_json": ("this is not valid JSON", "ce n'est pas du JSON valable"),
    "bad_token": (
        "wrong or missing token: use the whole address that `python -m explore` printed",
        "jeton absent ou faux : ouvrez l'adresse entière que `python -m explore` a affichée",
    ),
    "bad_host": (
        "refused: this page answers to 127.0.0.1 only",
        "refusé : cette page ne répond qu'à 127.0.0.1",
    ),
    "bad_origin": (
        "refused: the request comes from another page",
        "refusé : la demande vient d'une autre page",
    ),
    "too_large": (
        "larger than {limit}: use a smaller file",
        "plus gros que {limit} : prenez un fichier plus petit",
    ),
    "too_many": (
        "{count} requests are waiting already: try again in a moment",
        "{count} demandes attendent déjà : réessayez dans un instant",
    ),
    "too_fast": (
        "too many requests in a second: slow down",
        "trop de demandes en une seconde : ralentissez",
    ),
    "bad_picture": (
        "this picture cannot be used ({reason}): give a PNG or SVG",
        "cette image est inutilisable ({reason}) : donnez un PNG ou un SVG",
    ),
    "empty_picture": ("nothing is drawn in this picture", "rien n'est dessiné dans cette image"),
    "not_understood": (
        "“{text}”: {unknown} not understood; try {near}",
        "« {text} » : {unknown} non compris ; essayez {near}",
    ),
    "no_such_emoji": (
        "“{text}” is no emoji; the nearest: {near}",
        "« {text} » n'est pas un emoji ; les plus proches : {near}",
    ),
    "unwanted_pair": (
        "{first} and {second} are not crossed, as that {reason}; choose another pair",
        "{first} et {second} ne se croisent pas : {reason} ; choisissez une autre paire",
    ),
    "no_size": (
        "size {size}: this model is enlarged to {least} to {most} px",
        "taille {size} : ce modèle s'agrandit de {least} à {most} px",
    ),
    "no_webm": (
        "WebM needs PyAV: pip install -r requirements-webm.txt, then start the explorer again",
        "WebM demande PyAV : pip install -r requirements-webm.txt, puis relancez l'explorateur",
    ),
    "no_avif": (
        "this Pillow was built without AVIF: choose WebP, or update Pillow",
        "ce Pillow est compilé sans AVIF : prenez WebP, ou mettez Pillow à jour",
    ),
    "no_loop": (
        "{format} is for animations: walk between two pinned emoji or more",
        "{format} est pour les animations : reliez au moins deux emoji épinglés",
    ),
    "one_picture": (
        "{format} holds one emoji: choose one",
        "{format} contient un seul emoji : choisissez-en un",
    ),
    "other_model": (
        "this was made by another model ({wanted}), and this is {have}: start the explorer with "
        "that one by --model",
        "ceci vient d'un autre modèle ({wanted}), et celui-ci est {have} : lancez l'explorateur "
        "avec l'autre par --model",
    ),
    "no_direction": (
        "{name}: this model has no such direction; it has {names}",
        "{name} : ce modèle n'a pas cette direction ; il a {names}",
    ),
    "no_data": (
        "this needs the emoji that the model was trained on ({reason})",
        "ceci demande les emoji dont le modèle a appris ({reason})",
    ),
    "library": ("{message}", "refusé : {message}"),
    "bug": (
        "an error inside the explorer, written in its terminal; the page goes on",
        "une erreur dans l'explorateur, écrite dans son terminal ; la page continue",
    ),
}


class Refused(UserError):
    """Refuses a request, in both languages.

    Args:
      code: of a message above.
      values: that fill it in; a value may be a pair (English, French).
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(text(code, "en", values))
        self.code, self._values = code, values

    def in_language(self, language: str) -> str:
        """Returns the message in 'en' or 'fr'."""
        return text(self.code, language, self._values)


def text(code: str, language: str, values: dict[str, object]) -> str:
    """Returns a message in 'en' or 'fr', filled in."""
    number = LANGUAGES.index(language)
    own = {name: v[number] if isinstance(v, tuple) else v for name, v in values.items()}
    return _MESSAGES[code][number].format(**own)


def of_error(error: Exception, language: str) -> str:
    """Returns what a page says of any error that a user made."""
    if isinstance(error, Refused):
        return error.in_language(language)
    return text("library", language, {"message": str(error)})
