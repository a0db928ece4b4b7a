"""Reads the names of channels, and says for which targets a campaign is packed."""

import difflib
import pathlib

from campaign import folder as folder_lib
from campaign.brief import brief_file
from campaign.language import Language
from emoji_gan.errors import UserError
from input_pipeline.contexts import emoji_usage

_OTHER_NAMES = {
    "email": (
        *("e-mail", "emails", "mail", "mails", "mailing", "newsletter", "courriel", "courriels"),
        *("infolettre", "emailing", "mél", "lettre d'information"),
    ),
    "chat": (
        *("slack", "discord", "telegram", "whatsapp", "mattermost", "matrix", "signal", "teams"),
        *("messenger", "messagerie", "tchat", "messaging"),
    ),
    "social": (
        *("instagram", "facebook", "linkedin", "tiktok", "x", "twitter", "mastodon", "misskey"),
        *("réseaux sociaux", "réseau social", "social media", "twitch"),
    ),
    "web": ("site", "site web", "website", "page", "page web", "landing page", "internet"),
    "push": ("notification", "notifications", "push notification", "notification push"),
}
_CHANNEL_OF = {other: name for name, others in _OTHER_NAMES.items() for other in others}
_TARGET_OF = {"email": "email", "chat": "slack", "web": "web"}  # of push and social there is none
_OWN_TARGETS = ("slack", "discord", "telegram", "whatsapp", "mattermost", "matrix", "signal")


def channel(text: str) -> str:
    """Returns the channel that uses are written for, "email" of "courriel"; "" of another one."""
    name = text.strip().lower()
    if name in emoji_usage.CHANNELS:
        return name
    return _CHANNEL_OF.get(name, "")


def nearest(text: str, names: list[str]) -> str:
    """Returns the name that is meant or nearest, or ""."""
    if (meant := channel(text)) in names:
        return meant
    return next(iter(difflib.get_close_matches(text.strip().lower(), names, 1)), "")


def targets(folder: pathlib.Path, language: Language) -> str:
    """Returns the targets of the brief's channels as `pack --for` takes them, or the usual ones."""
    try:
        channels = brief_file.read(folder, language).channels
    except UserError:  # a campaign without a brief, or one that `search` refuses
        channels = ()
    names = [c.strip().lower() for c in channels]
    listed = [n if n in _OWN_TARGETS else _TARGET_OF.get(channel(n), "") for n in names]
    return ",".join(dict.fromkeys(filter(None, listed))) or folder_lib.SOME_TARGETS
