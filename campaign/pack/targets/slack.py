"""Packs for Slack: PNG and GIF of 128 px below 128,000 bytes, and lists that upload tools read."""

import csv
import io
import json
from collections.abc import Sequence

from campaign.manifest import NAME
from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 128
MAX_BYTES = 127_999
STEPS = (
    "In Slack: your workspace's name > Tools and settings > Customise workspace > Add custom "
    "emoji.\nGive each picture of the folder emoji/ the name of its file. Slack has no upload of "
    "many at\nonce outside its enterprise plans. slack.yaml and slack.csv list all names, for "
    "whoever has\na tool of their own.",
    "Dans Slack : nom de l'espace > Outils et paramètres > Personnaliser l'espace > Ajouter un\n"
    "émoji. Donnez à chaque image du dossier emoji/ le nom de son fichier. Hors offre entreprise,\n"
    "Slack n'importe pas plusieurs émojis à la fois. slack.yaml et slack.csv donnent tous les\n"
    "noms, pour qui a son propre outil.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits)
    rows = [(i.artwork.entry.name, i.file, _aliases(i.artwork)) for i in items]
    # A JSON text is a YAML text, too.
    lines = [f"title: {json.dumps(about.title)}", "emojis:"]
    for name, file, aliases in rows:
        lines += [f"  - name: {json.dumps(name)}", f"    src: {json.dumps(file)}"]
        lines += [f"    aliases: {json.dumps(aliases)}"] if aliases else []
    built.files["slack.yaml"] = ("\n".join(lines) + "\n").encode()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["name", "file", "aliases"])
    writer.writerows([name, file, " ".join(aliases)] for name, file, aliases in rows)
    built.files["slack.csv"] = table.getvalue().encode("utf-8")
    return built


def _limits(artwork: Artwork) -> Limits:
    form = "gif" if artwork.moves else "png"
    return Limits(form, LARGEST_PX, MAX_BYTES, max_frames=50, min_px=64)


def _aliases(artwork: Artwork) -> list[str]:
    """Returns the aliases that are short codes."""
    both = [a for code in ("en", "fr") for a in artwork.entry.aliases.get(code, [])]
    return [a for a in dict.fromkeys(both) if NAME.fullmatch(a) and a != artwork.entry.name]
