"""Writes a labelled set of drawn emoji, for training other networks.

Each picture is asked for as its model was trained: by class, style and a phrase of one real emoji.
It is kept where the gates pass: something is drawn, it is no copy of a real emoji, and the emoji
encoder sees the label. docs/export.md says what the folder holds and how it is read.
"""

import argparse
import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import ml_collections
import numpy as np

from emoji_gan import conditions, errors
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.export import checksums, hub_folder, set_layouts
from emoji_gan.trained.sampler import Sampler
from eval.extractors.features import Extractor
from eval.extractors.nearest_emoji import NearestEmoji, Neighbour
from eval.metrics import legibility
from input_pipeline import dataset
from input_pipeline.unicode import emoji_names

METAVAR = "NAME"
LABELS = ("group", "emoji")
_AT_ONCE = 1024  # pictures drawn and judged together
_FIRST = 5  # of the recogniser's choices, in which the label `emoji` must be
_MOST = 1_000_000  # pictures


@dataclasses.dataclass(frozen=True)
class Request:
    """Says what to draw.

    Attributes:
      label: what a picture must show to be kept, one of LABELS.
      per_emoji: pictures drawn of each emoji.
      first_seed: of the first picture; the others follow.
      truncation: psi.
      groups: of Unicode; (): all that the model knows.
      style: of the model's; '': its first.
    """

    label: str
    per_emoji: int
    first_seed: int
    truncation: float
    groups: tuple[str, ...]
    style: str


def add_arguments(p: argparse._ArgumentGroup) -> None:
    """Adds the target's flags."""
    p.add_argument("--label", default="group", help=f"{' or '.join(LABELS)}; default: group")
    p.add_argument("--per_emoji", type=int, default=4, help="pictures drawn of each; default: 4")
    p.add_argument("--first_seed", type=int, default=0)
    p.add_argument("--truncation", type=float, default=0.7, help="psi; default: 0.7")
    p.add_argument("--groups", help="of Unicode, with commas; default: all that the model knows")
    p.add_argument("--style", default="", help="of the model's; default: its first")


def run(a: argparse.Namespace) -> int:
    """Draws the pictures, judges them and writes the set.

    Raises:
      UserError: a flag is out of range, the folder exists, the model cannot be asked for emoji, or
        no picture passes.
    """
    request = _checked(a)
    folder = pathlib.Path(a.out or a.dataset)
    if folder.exists():
        raise UserError(f"{folder} exists: give a new folder, which will hold nothing else")
    sampler = Sampler(a.model, a.step)
    kept, refused = [], []
    for row in drawn(sampler, request):
        (refused if row.refused else kept).append(row)
    reasons = collections.Counter(row.refused for row in refused)
    print(f"{len(kept) + len(refused)} drawn, {len(kept)} kept", flush=True)
    for reason, count in reasons.most_common():
        print(f"    {count} left out: {reason}", flush=True)
    if not kept:
        raise UserError("no picture passes the gates: ask for more, or take --label=group")
    work = hub_folder.work_of(sampler.config.to_dict())
    about = set_layouts.About(
        name=a.dataset,
        label=request.label,
        licence=hub_folder.licence_of(work, None),
        credits=work.credits,
        drawn=len(kept) + len(refused),
        refused=dict(sorted(reasons.items())),
        made_by=_provenance(sampler, request),
    )
    hub_folder.write(folder, set_layouts.files(about, kept, refused))
    set_layouts.write_tfds(about, kept, folder / "tfds")
    set_layouts.seal(folder)
    print(f"in {folder}: README.md says how to read it, {checksums.FILE} has the hashes")
    return errors.EXIT_OK


def _checked(a: argparse.Namespace) -> Request:
    set_layouts.check_name(a.dataset)
    if a.label not in LABELS:
        raise UserError(f"--label={a.label}: choose from {', '.join(LABELS)}")
    if not 1 <= a.per_emoji <= 1000:
        raise UserError(f"--per_emoji={a.per_emoji}: expected 1 to 1000")
    if not 0 <= a.first_seed < 2**31:
        raise UserError(f"--first_seed={a.first_seed}: expected 0 to {2**31 - 1}")
    if not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation:g}: expected 0 to 2")
    groups = tuple(filter(None, (a.groups or "").split(",")))
    return Request(a.label, a.per_emoji, a.first_seed, a.truncation, groups, a.style)


def drawn(sampler: Sampler, request: Request) -> Iterator[set_layouts.Row]:
    """Draws and judges the pictures of a request, by emoji, then by seed.

    A picture depends on the model, its emoji's phrases and its seed alone.

    Raises:
      UserError: the model has no condition that names an emoji, or a group or style is unknown.
    """
    if conditions.TEXT not in sampler.spec.names:
        raise UserError("a model that takes no text cannot be asked for an emoji: give --model")
    config = ml_collections.ConfigDict(sampler.config.to_dict())
    data = dataset.load(config.data, "train", encoder.PhraseEncoder())
    of_data = _rows(data, request)
    number = len(of_data) * request.per_emoji
    if number > _MOST:
        raise UserError(f"{number} pictures: at most {_MOST}; lower --per_emoji")
    rows = np.repeat(of_data, request.per_emoji)
    seeds = request.first_seed + np.arange(number)
    condition = conditions.of_rows(data, rows, np.random.default_rng(request.first_seed))
    judge = _Judge(config, sampler.data_hash, request.label)
    for start in range(0, number, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        asked_for = {name: values[part] for name, values in condition.items()}
        pictures = sampler(seeds[part].tolist(), asked_for, request.truncation)
        names = data.columns["codepoints"][rows[part]].tolist()
        yield from judge(pictures, names, _styles(data)[rows[part]].tolist(), seeds[part].tolist())


def _styles(data: dataset.EmojiData) -> np.ndarray:
    if "style" not in data.classes:
        return data.columns["style"]
    return np.array(data.class_names["style"])[data.classes["style"]]


def _rows(data: dataset.EmojiData, request: Request) -> np.ndarray:
    """Returns the rows of the data that are asked for: each emoji once, by code points."""
    styles, groups = _styles(data), data.columns["group"]
    style = request.style or sorted(set(styles.tolist()))[0]
    for what, values, wanted in (("style", styles, (style,)), ("group", groups, request.groups)):
        known_values = sorted(set(values.tolist()))
        if unknown := [name for name in wanted if name not in known_values]:
            raise UserError(f"no {what} {unknown[0]!r}; there are {', '.join(known_values)}")
    listed = np.array([emoji_names.lookup(c) is not None for c in data.columns["codepoints"]])
    wanted = listed & (styles == style) & (data.columns["tones"] == "")
    if request.groups:
        wanted &= np.isin(groups, request.groups)
    rows = np.flatnonzero(wanted)
    return rows[np.argsort(data.columns["codepoints"][rows], kind="stable")]


class _Judge:
    """Says which pictures are kept, and what is seen in them."""

    def __init__(self, config: ml_collections.ConfigDict, data_hash: str, label: str) -> None:
        self._nearest = NearestEmoji(config.data, data_hash=data_hash)
        self._extract, (_, self._meta) = Extractor("emoji-encoder"), encoder.load()
        self._label = label
        self._groups = sorted(set(self._meta["groups"]))
        self._group = np.array([self._groups.index(g) for g in self._meta["groups"]])

    def __call__(
        self, pictures: np.ndarray, codepoints: list[str], styles: list[str], seeds: list[int]
    ) -> Iterator[set_layouts.Row]:
        logits = self._extract(pictures).logits
        first = np.argsort(-logits, axis=1, kind="stable")[:, :_FIRST]
        groups = recogniser.group_probabilities(logits, self._group).argmax(1)
        visible = legibility.is_visible(pictures)
        for i, near in enumerate(self._nearest(pictures)):
            seen = [self._meta["codepoints"][k] for k in first[i]]
            meta, group = emoji_names.lookup(codepoints[i]), self._groups[groups[i]]
            refused = self._refused(meta, visible[i], near, seen, group)
            yield set_layouts.Row(
                meta, styles[i], seeds[i], pictures[i], seen, group, near, refused
            )

    def _refused(
        self,
        meta: emoji_names.Meta,
        visible: bool,
        near: Neighbour,
        seen: Sequence[str],
        group: str,
    ) -> str:
        if not visible:
            return "nothing is drawn"
        if near.is_copy:
            return "a copy of a real emoji"
        if self._label == "group" and group != meta.group:
            return "not recognised as of its group"
        if self._label == "emoji" and meta.base not in seen:
            return f"not recognised among {_FIRST} emoji"
        return ""


def _provenance(sampler: Sampler, request: Request) -> dict[str, str]:
    texts = sampler.provenance(request.first_seed, request.truncation)
    del texts["seed"], texts["Copyright"]
    return texts | {"first seed": str(request.first_seed), "per emoji": str(request.per_emoji)}
