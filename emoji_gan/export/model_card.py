"""Writes the card of a published model, README.md in the form of the Hugging Face Hub."""

import dataclasses
import json
import math
import re

from emoji_gan import conditions, methods
from emoji_gan.trained import hub_source
from emoji_gan.trained.source import Trained
from eval.report import metric_names
from eval.report.report_file import Report
from input_pipeline.art.licences import Work

TASK = "unconditional-image-generation"
PICTURE_TASK = "image-to-image"  # of models that are given pictures
TEXT_TASK = "image-to-text"  # of captioners


@dataclasses.dataclass(frozen=True)
class Card:
    """Holds what a card is written from.

    Attributes:
      repository: OWNER/NAME.
      trained: the model.
      licence: SPDX identifier of the model's licence.
      work: whom to name, and what their licences ask.
      files: names of the files beside the card.
      caption: of grid.png; '': there is none.
      reports: of the model, an extractor each.
      account: how it was made and judged, Markdown; '': nothing is written about it.
      code: address of the program that draws with it; '': it is named alone.
    """

    repository: str
    trained: Trained
    licence: str
    work: Work
    files: tuple[str, ...]
    caption: str
    reports: tuple[Report, ...]
    account: str
    code: str


def markdown(card: Card) -> str:
    """Returns the whole card."""
    name = card.repository.partition("/")[2]
    parts = [f"---\n{_front_matter(card)}---", f"# {name}", _summary(card)]
    if card.caption:
        parts += [f"![Samples](grid.png)\n\n*{card.caption}*"]
    parts += [_use(card), _french(card)]
    parts += [f"## Figures\n\n{_figures(report)}" for report in card.reports]
    parts += [f"## How it was made and judged\n\n{card.account}"] if card.account else []
    parts += [_files(card), _licence(card)]
    return "\n\n".join(parts) + "\n"


def _front_matter(card: Card) -> str:
    """Returns the metadata that the Hub reads: YAML, whose strings are written as JSON's are."""
    config = card.trained.config
    takes_text = conditions.TEXT in card.trained.spec.names
    tags = ["emoji", "jax", "flax", "rgba", config["method"], f"{config['data']['resolution']}px"]
    lines = [f"license: {card.licence.lower()}", "library_name: emoji_gan"]
    lines += [f"pipeline_tag: {_task(card)}"]
    lines += _list("language", ["en", "fr"]) if takes_text else []
    lines += _list("tags", tags)
    names = dict.fromkeys(name for report in card.reports for name, _ in _finite(report))
    lines += _list("metrics", list(names)) if names else []
    lines += (
        ["model-index:", f"- name: {json.dumps(card.repository)}", "  results:"] if names else []
    )
    for report in card.reports if names else ():
        lines += [
            "  - task:",
            f"      type: {TASK}",
            "    dataset:",
            f"      name: {json.dumps(report.real.what)}",
            f"      type: {json.dumps(report.real.what.partition(' ')[0])}",
            "    metrics:",
        ]
        for metric, value in _finite(report):
            lines += [
                f"    - type: {json.dumps(metric)}",
                f"      name: {json.dumps(f'{metric}, {report.fake.n:,} images')}",
                f"      value: {value:.6g}",
            ]
    return "\n".join(lines) + "\n"


def _list(key: str, values: list[str]) -> list[str]:
    return [f"{key}:", *(f"- {json.dumps(value)}" for value in values)]


def _finite(report: Report) -> list[tuple[str, float]]:
    figures = report.by_display_name().items()
    return [(name, e.value) for name, e in figures if math.isfinite(e.value)]


def _task(card: Card) -> str:
    if card.trained.config["method"] == "caption":
        return TEXT_TASK
    return TASK if card.caption else PICTURE_TASK


def _summary(card: Card) -> str:
    config, spec = card.trained.config, card.trained.spec
    size = config["data"]["resolution"]
    if config["method"] == "caption":
        return "Takes pictures of emoji and writes names and keywords, in English and French."
    if not card.caption:
        return f"Takes pictures and draws pictures: emoji with alpha, `{config['method']}`."
    asked_by = f", asked by any of {', '.join(spec.names)}" if spec.names else ""
    return (
        f"Draws emoji of {size} x {size} px with alpha{asked_by}. "
        f"Method `{config['method']}`, {card.trained.kimg:,.1f} kimg (thousands of images seen)."
    )


def _command(card: Card, commit: str) -> str:
    address = f"{hub_source.PREFIX}{card.repository}@{commit}"
    if program := methods.FROM_PICTURES.get(card.trained.config["method"]):
        return f"    python -m {program} --model={address}"
    text = ' --text="chat souriant"' if conditions.TEXT in card.trained.spec.names else ""
    return f"    python -m emoji_gan.sample --model={address}{text} --out=new"


def _program(card: Card) -> str:
    return f"[emoji_gan]({card.code})" if card.code else "emoji_gan"


def _use(card: Card) -> str:
    return (
        f"## Use\n\nIn a checkout of {_program(card)}, with `pip install -r requirements.txt -r "
        "requirements-hub.txt`:\n\n"
        f"{_command(card, 'COMMIT')}\n\nCOMMIT is the full hash of a commit of this repository; "
        "without it the command prints the newest. The file is checked by its SHA-256 and kept, so "
        "that later commands need no network. "
        "`open_trained` of `emoji_gan.trained.source` takes the same address in Python."
    )


def _french(card: Card) -> str:
    credits = "; ".join(card.work.credits)
    return (
        f"## En français\n\nDans une copie d’{_program(card)}, après "
        "`pip install -r requirements.txt -r requirements-hub.txt` :\n\n"
        f"{_command(card, 'COMMIT')}\n\nCOMMIT est l’empreinte entière d’un commit de ce dépôt ; "
        "sans elle, la commande indique la plus récente. "
        f"Licence du modèle et des images qu’il dessine : {card.licence}. Citez : {credits}."
    )


def _figures(report: Report) -> str:
    f = report.fake
    lines = [
        f"{f.n:,} images, truncation {f.truncation:g}, against {report.real.n:,} pictures of "
        f"{report.real.what}, by {report.extractor.name}; {report.created[:10]}:",
        "",
        "| metric | value | 95 % interval | better |",
        "|---|---:|---|---|",
    ]
    for name in sorted(report.metrics, key=metric_names.order):
        estimate = report.metrics[name]
        cells = (
            metric_names.display_name(name, report.extractor.name),
            metric_names.value_text(estimate),
            metric_names.interval_text(estimate),
            metric_names.about(name).better,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _files(card: Card) -> str:
    what = {
        hub_source.MODEL: "weights, config and conditions in one file, float16",
        "config.json": "the resolved config, the conditions and what the model has seen",
        "grid.png": "the picture above; its text chunks say how to draw it again",
        "demo.html": "a page that draws in the browser and needs no server",
        hub_source.SUMS: "of all files but itself: `sha256sum -c SHA256SUMS`",
        "LICENSE": "the licence's text",
        "NOTICE": "whom to name",
    }
    lines = [f"- `{name}`: {what[name]}" for name in card.files]
    return "\n".join(["## Files", "", *lines])


def _licence(card: Card) -> str:
    terms = "; ".join(sorted(card.work.terms)) or "nothing is asked"
    return (
        f"## Licence\n\n{card.licence}, for the model and the pictures that it draws. "
        f"It has learned from: {'; '.join(card.work.credits)}. Asked of whoever passes it on: "
        f"{terms}. The code of emoji_gan is under Apache-2.0."
    )


def section(cards: str, file: str) -> str:
    """Returns what models/README.md writes about a file, without pictures and relative links.

    Args:
      cards: the text of models/README.md.
      file: name of the model file; its section names it in the first three lines.
    """
    for part in re.split(r"^## .*\n", cards, flags=re.MULTILINE)[1:]:
        if f"`{file}`" in "\n".join(part.strip().splitlines()[:3]):
            part = re.sub(r"^!\[[^]]*\]\([^)]*\)\n+", "", part, flags=re.MULTILINE)
            return re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", part).strip()
    return ""
