"""Draws proposals for every theme of a brief, and a contact sheet to choose on."""

import argparse
import collections
import dataclasses
import math
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from campaign import folder as folder_lib
from campaign import picture_judge
from campaign.brief import brief_file, drawing_styles
from campaign.brief.brief_file import Brief, Segment
from campaign.language import Language
from campaign.picture_judge import PictureJudge
from campaign.proposing import (
    colour_loss,
    contact_sheet,
    decisions,
    proposal,
    recolouring,
    selection,
    theme_emoji,
)
from campaign.proposing.candidates import Candidate, Drawer, finished
from campaign.proposing.proposal import Proposal
from campaign.search import search_verb
from emoji_gan import errors, images
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from emoji_gan.trained.restyler import SHIPPED_RESTYLER
from input_pipeline.art import common_box

_SIZES = (128, 512)  # px, least and most
_MOST_PER_THEME = 64
_MOST_PARENTS = 4  # emoji of a theme that are varied, the first of its search
_CROSSES, _DRAWINGS = 10, 8  # candidates a theme
_SPARE = 1.25  # candidates that are finished, a proposal
_JUDGED_PX = 128


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign propose`."""
    pick_ = language.pick
    p.add_argument(
        "--per_theme",
        type=int,
        default=8,
        metavar="N",
        help=pick_("proposals a theme; default 8", "propositions par thème ; par défaut 8"),
    )
    p.add_argument(
        "--size",
        type=int,
        default=128,
        metavar="PX",
        help=pick_(
            "side of the pictures, 128 to 512; default 128",
            "côté des images, de 128 à 512 ; par défaut 128",
        ),
    )
    p.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help=pick_("another number draws otherwise", "un autre nombre dessine autre chose"),
    )
    p.add_argument(
        "--emoji",
        action="append",
        default=[],
        metavar="🎁",
        help=pick_(
            "start from this emoji, not from search.json; repeatable",
            "partir de cet emoji, et non de search.json ; répétable",
        ),
    )
    p.add_argument(
        "--model",
        type=paths.local,
        metavar=pick_("FILE", "FICHIER"),
        help=pick_(
            "another drawing model (a flow), such as that of refine",
            "un autre modèle de dessin (un flow), comme celui de refine",
        ),
    )
    p.add_argument(
        "--restyler",
        nargs="?",
        metavar=pick_("FILE", "FICHIER"),
        const=str(SHIPPED_RESTYLER),
        type=paths.local,
        help=pick_(
            "propose other styles too, by the shipped restyler or by another model",
            "proposer aussi d'autres styles, par le modèle livré ou par un autre",
        ),
    )


@dataclasses.dataclass(frozen=True)
class _Kind:
    """Describes proposals that are drawn together: of one kind of line, and how many a segment."""

    line: bool
    segments: tuple[Segment, ...]
    counts: tuple[int, ...]

    @property
    def per_theme(self) -> int:
        return sum(self.counts)


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs the verb by its flags."""
    _check(a, language)
    brief = brief_file.read(a.dir, language)
    themes = theme_emoji.of_folder(a.dir, brief, a.emoji, language)
    kept = _kept(a.dir, language)
    for theme in [] if a.emoji else theme_emoji.guessed(a.dir, brief, language):
        print(search_verb.not_understood(theme, language))
    print(
        language.pick(
            "drawing and scoring candidates: this takes minutes",
            "dessin et notation des candidats : cela prend quelques minutes",
        ),
        flush=True,
    )
    host.setup_host_memory()
    host.setup_compilation_cache()
    started = time.monotonic()
    drawer = Drawer(a.seed, a.model, a.restyler)
    judge = PictureJudge()
    emoji = sorted({c for listed in themes.values() for c in listed})
    reals = np.stack([drawer.real(c, _JUDGED_PX) for c in emoji])
    real = {c: seen.to(c) for c, seen in zip(emoji, judge(reals), strict=True)}
    drawn: list[tuple[Proposal, np.ndarray, dict[str, str]]] = []
    for kind in _kinds(brief, a.per_theme):
        drawn += _propose(drawer, judge, kind, themes, real, size_px=a.size, language=language)
    if not drawn:
        raise UserError(
            language.pick(
                "no drawing was good enough to propose; give other emoji by --emoji",
                "aucun dessin n'est assez bon ; donnez d'autres emoji par --emoji",
            )
        )
    order = {theme: i for i, theme in enumerate(themes)}
    drawn.sort(key=lambda d: (order[d[0].theme], -d[0].score))
    proposals = proposal.named([p for p, *_ in drawn], kept, brief.language)
    real_of = dict(zip(emoji, reals, strict=True))
    _write(a.dir, proposals, drawn, language)
    command = language.command("pick", a.dir)
    speak = Language(brief.language)
    sheet = contact_sheet.write(a.dir, proposals, real_of, speak, command=command)
    counts = collections.Counter(p.theme for p, *_ in drawn)
    seconds = language.number(time.monotonic() - started)
    print(
        language.counted(
            len(drawn),
            f"{{n}} [proposal|proposals] in {seconds} s: ",
            f"{{n}} [proposition|propositions] en {seconds} s : ",
        )
        + ", ".join(f"{theme} {counts[theme]}" for theme in themes)
    )
    print(language.pick(f"choose on {sheet}", f"choisissez sur {sheet}"))
    print(language.next_line("pick --best=1", a.dir))
    return errors.EXIT_OK


def _check(a: argparse.Namespace, language: Language) -> None:
    for flag, value, (least, most) in (
        ("per_theme", a.per_theme, (1, _MOST_PER_THEME)),
        ("size", a.size, _SIZES),
        ("seed", a.seed, (0, 4_000_000)),
    ):
        if not least <= value <= most:
            raise UserError(
                language.pick(
                    f"--{flag}={value}: expected {least} to {most}",
                    f"--{flag}={value} : attendu de {least} à {most}",
                )
            )


def _kept(folder: pathlib.Path, language: Language) -> list[Proposal]:
    """Returns earlier proposals on which a person has decided; they keep name and picture."""
    if not (folder / folder_lib.PROPOSALS).exists() or not (folder / folder_lib.PICKS).exists():
        return []
    decided = decisions.read(folder, language).names()
    return [p for p in proposal.read_all(folder, language) if p.name in decided]


def _kinds(brief: Brief, per_theme: int) -> list[_Kind]:
    """Divides the proposals of a theme among the segments, at least one each, by kind of line."""
    given = brief.segments or (Segment(""),)
    n = len(given)
    counts = [max(1, per_theme // n + (i < per_theme % n)) for i in range(n)]
    kinds = []
    for line in (False, True):
        rows = [i for i, s in enumerate(given) if (s.style == drawing_styles.LINE) == line]
        if rows:
            segments = tuple(given[i] for i in rows)
            kinds.append(_Kind(line, segments, tuple(counts[i] for i in rows)))
    return kinds


def _propose(
    drawer: Drawer,
    judge: PictureJudge,
    kind: _Kind,
    themes: dict[str, list[str]],
    real: dict[str, float],
    *,
    size_px: int,
    language: Language,
) -> list[tuple[Proposal, np.ndarray, dict[str, str]]]:
    """Draws the proposals of one kind: each with its picture and the text chunks of its PNG."""
    count = kind.per_theme
    varied = {theme: listed[:_MOST_PARENTS] for theme, listed in themes.items()}
    fewest = min(len(listed) for listed in varied.values())
    pool = drawer.variations(varied, line=kind.line, each=max(1, math.ceil(count / fewest)))
    pool += drawer.crosses(themes, line=kind.line, count=min(_CROSSES, 2 * count))
    if not kind.line:
        words = " ".join(s.words for s in kind.segments[:1] if s.words)
        phrases = {theme: f"{theme} {words}".strip() for theme in themes}
        pool += drawer.drawings(themes, phrases, min(_DRAWINGS, count))
        pool += drawer.restyled(varied)
    pool = drawer.restored(pool)
    chosen: list[Candidate] = []
    seen = judge(_judged([c.picture for c in pool]))
    scores = [
        selection.score(s, _parents(c, s), real) * _colours(c, c.picture, s)
        for c, s in zip(pool, seen, strict=True)
    ]
    for theme in themes:
        rows = [i for i, c in enumerate(pool) if c.theme == theme]
        best = selection.choose(
            [pool[i] for i in rows],
            [scores[i] for i in rows],
            [seen[i] for i in rows],
            math.ceil(_SPARE * count),
        )
        chosen += [pool[rows[i]] for i in best]
    return _finished(drawer, judge, kind, chosen, real, size_px=size_px, language=language)


def _finished(
    drawer: Drawer,
    judge: PictureJudge,
    kind: _Kind,
    chosen: list[Candidate],
    real: dict[str, float],
    *,
    size_px: int,
    language: Language,
) -> list[tuple[Proposal, np.ndarray, dict[str, str]]]:
    """Finishes candidates, deals each theme's out to the segments in turn, and judges them anew."""
    if not chosen:
        return []
    pictures = finished([c.picture for c in chosen], [c.style for c in chosen], size_px)
    traced = pictures.copy()
    segments = _dealt(kind, chosen)
    for i, segment in enumerate(segments):
        if segment.palette:
            palette = recolouring.parse_palette(segment.palette, language)
            pictures[i] = recolouring.recoloured(pictures[i], palette)
    result = []
    for i, seen in enumerate(judge(_judged(pictures))):
        of = _parents(chosen[i], seen)
        value = selection.score(seen, of, real) * _colours(chosen[i], traced[i], seen)
        if value > 0:
            made = _proposal(chosen[i], segments[i], of, value)
            texts = _texts(chosen[i], made) | drawer.finish_texts(size_px, chosen[i])
            result.append((made, pictures[i], texts))
    wanted = {(t, s.name): n for t in {c.theme for c in chosen} for s, n in _quotas(kind)}
    result.sort(key=lambda row: -row[0].score)
    kept = []
    for row in result:
        key = (row[0].theme, row[0].segment)
        if wanted[key] > 0:
            wanted[key] -= 1
            kept.append(row)
    return kept


def _quotas(kind: _Kind) -> list[tuple[Segment, int]]:
    return list(zip(kind.segments, kind.counts, strict=True))


def _dealt(kind: _Kind, chosen: Sequence[Candidate]) -> list[Segment]:
    """Returns the segment of each candidate: by turns within a theme, as many as each has."""
    turns = [s for k in range(max(kind.counts)) for s, n in _quotas(kind) if k < n]
    numbers: dict[str, int] = collections.defaultdict(int)
    segments = []
    for candidate in chosen:
        segments.append(turns[numbers[candidate.theme] % len(turns)])
        numbers[candidate.theme] += 1
    return segments


def _parents(candidate: Candidate, seen: picture_judge.Seen) -> tuple[str, ...]:
    """Returns the parents of a candidate, of a drawing from words the emoji that it shows."""
    if candidate.recipe == "draw":
        return selection.meant(seen, candidate.parents)
    return candidate.parents


def _colours(candidate: Candidate, picture: np.ndarray, seen: picture_judge.Seen) -> float:
    """Returns the factor of a score: less where the colours of the parents are lost.

    Args:
      candidate: whose recipe says whether they are to be kept.
      picture: of it, uint8 [h h 4], before it gets a segment's palette.
      seen: in that picture.
    """
    if candidate.line or candidate.recipe == "restyle":
        return 1.0
    loss = colour_loss.of_parents(picture, _parents(candidate, seen))
    return selection.UNRECOGNISED if loss.fraction > colour_loss.LIMIT else 1.0


def _judged(pictures: Sequence[np.ndarray]) -> np.ndarray:
    resized = [common_box.resize(picture, _JUDGED_PX) for picture in pictures]
    return np.stack(resized) if resized else np.zeros((0, _JUDGED_PX, _JUDGED_PX, 4), np.uint8)


def _proposal(c: Candidate, segment: Segment, of: tuple[str, ...], value: float) -> Proposal:
    return Proposal(
        name="",
        file="",
        parents=of,
        theme=c.theme,
        segment=segment.name,
        recipe=c.recipe,
        seed=c.seed,
        style=c.style,
        names=proposal.names_of(of),
        score=round(value, 4),
        licence=c.work.expression,
        attribution=f"{'; '.join(c.work.credits)}; drawn anew by emoji_gan",
        strength=c.strength,
        palette=segment.palette,
    )


def _texts(c: Candidate, made: Proposal) -> dict[str, str]:
    """Returns the text chunks of a proposal's PNG: how it was made, of what, and its licence."""
    return {
        **c.texts,
        **{k: v for k, v in c.work.texts().items() if k != "Copyright"},
        "Changes": "drawn anew by emoji_gan",
        "recipe": made.recipe,
        "theme": made.theme,
        "segment": made.segment,
        "parent": ", ".join(made.parents),
        "palette": ", ".join(made.palette),
    }


def _write(
    folder: pathlib.Path,
    proposals: list[Proposal],
    drawn: list[tuple[Proposal, np.ndarray, dict[str, str]]],
    language: Language,
) -> None:
    """Writes pictures and their record; removes pictures that no proposal has."""
    root = (folder / folder_lib.PROPOSALS).parent
    earlier = set()
    if (folder / folder_lib.PROPOSALS).exists():
        earlier = {p.file for p in proposal.read_all(folder, language)}
    for p, (_, picture, texts) in zip(proposals, drawn, strict=False):
        images.save_png(root / p.file, picture, texts | {"name": p.name})
    proposal.write_all(folder, proposals)
    for file in earlier - {p.file for p in proposals}:
        (root / pathlib.Path(file).name).unlink(missing_ok=True)
