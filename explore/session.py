"""Draws what recipes name, from models that are opened once and kept."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from emoji_gan import conditions
from emoji_gan.conditions import Condition
from emoji_gan.edit import mix, parents, unwanted_pairs, vary
from emoji_gan.edit.parents import Parent
from emoji_gan.encoder import understanding
from emoji_gan.errors import UserError
from emoji_gan.trained import finishing, inversion, latent
from emoji_gan.trained.directions import Directions
from emoji_gan.trained.restorer import MAX_RESULT_PX, SCALES, Restorer
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW, SHIPPED_MODEL, Sampler, ask
from explore import uploads
from explore.messages import Refused
from explore.recipe import SIZES, Cross, Item, Move, Point, Source, Variation, Walk
from input_pipeline import DataError
from input_pipeline.art import common_box
from input_pipeline.unicode import emoji_names

BATCH = 16  # rows of the sampler's programs
_KEPT_POINTS = 1024  # 16 KiB each at 32 px
_FLOW_STEPS = 8  # of the solver: two thirds of the time of its default, for a page that answers
_SEARCH_STEPS = 50  # of an inversion: half of its default, likewise


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds some of the pictures of a request.

    Attributes:
      rows: of the items that were asked for.
      pictures: uint8 [n h h 4], straight alpha.
      notes: what is known of each besides, for the page.
    """

    rows: list[int]
    pictures: np.ndarray
    notes: list[dict[str, Any]]


class Session:
    """Draws what recipes name. One thread at a time may use it.

    Attributes:
      sampler: of the model whose latent space is explored.
      tick: called now and then in long work; what it raises ends the work.

    Args:
      source: a workdir or model file; None: the shipped one-step model.

    Raises:
      UserError: there is no such model, or it draws nothing by itself.
    """

    def __init__(self, source: str | None = None) -> None:
        self.sampler = Sampler(source or str(SHIPPED_MODEL))
        self.tick: Callable[[], None] = lambda: None
        self._starts: collections.OrderedDict[Point, latent.Points] = collections.OrderedDict()
        self._planes: collections.OrderedDict[Any, Any] = collections.OrderedDict()
        self._condition = functools.lru_cache(maxsize=256)(self._new_condition)

    @property
    def px(self) -> int:
        """Returns the side of what the explored model draws."""
        return self.sampler.config.data.resolution

    @functools.cached_property
    def flow(self) -> Sampler:
        """Returns the flow that draws variations and crosses."""
        return Sampler(str(SHIPPED_LARGE_FLOW), changes={"steps": _FLOW_STEPS})

    @functools.cached_property
    def directions(self) -> Directions:
        """Returns the named directions of the explored model."""
        return Directions(self.sampler)

    @functools.cached_property
    def _nearest(self) -> Callable[[np.ndarray], list[Any]]:
        # The first session on a machine reads the training emoji, by TensorFlow.
        from eval.extractors.nearest_emoji import NearestEmoji

        return NearestEmoji(self.sampler.config.data, data_hash=self.sampler.data_hash)

    @functools.cached_property
    def restorer(self) -> Restorer:
        """Returns the restorer that enlarges."""
        return finishing.restorer_of(finishing.traced_style(self.sampler.config.data.sources))

    def description(self) -> dict[str, Any]:
        """Returns what a page needs to know of the model."""
        spec = self.sampler.spec
        return {
            "px": self.px,
            "styles": list(dict(spec.classes).get("style", ())),
            "has_text": bool(spec.text_dim),
            "sizes": [s for s in SIZES if self.px <= s <= min(MAX_RESULT_PX, self.px * SCALES[-1])],
            "model_sha256": self.sampler.checkpoint_hash,
            "credit": self.sampler.provenance(0, 1.0)["Copyright"].replace("derived from ", ""),
        }

    def warm_up(self) -> Iterator[dict[str, Any]]:
        """Draws once, so that the first request finds everything loaded and compiled.

        Between its steps a request that has come can take over, which then does the rest itself.
        """
        styles = self.description()["styles"]
        where = self.points([Point(style=styles[0] if styles else "")])
        yield {}
        latent.pictures(self.sampler, where)
        yield {}
        if self.sampler.spec.text_dim:
            self._condition("chat", None, "")

    def understood(self, text: str, lang: str | None) -> dict[str, Any]:
        """Returns what a phrase was understood as.

        Raises:
          Refused: too little of it is.
        """
        try:
            reading = understanding.understand(text, lang)
        except understanding.NotUnderstood as e:
            near = ", ".join(e.near) or ("smiling face, red heart", "chat souriant, cœur rouge")
            unknown = ", ".join(e.unknown) or text
            raise Refused("not_understood", text=text, unknown=unknown, near=near) from e
        return {
            "phrase": reading.phrase,
            "words": [{"typed": w.typed, "meant": w.meant, "how": w.how} for w in reading.words],
            "confidence": reading.confidence,
        }

    def named(self, text: str) -> dict[str, Any]:
        """Returns the emoji that a text names: by character, code points or name.

        Raises:
          Refused: it names none.
        """
        try:
            codepoints = parents.codepoints_of(text)
        except parents.NoSuchEmoji as e:
            metas = [emoji_names.lookup(key) for key in e.nearest]
            near = tuple(
                ", ".join(_name(meta, lang) for meta in metas if meta) for lang in ("en", "fr")
            )
            raise Refused("no_such_emoji", text=text, near=near) from e
        return self._described(parents.of_openmoji(codepoints, uploads.PICTURE_PX))

    def recognised(self, image: np.ndarray) -> dict[str, Any]:
        """Returns a dropped picture, and the emoji that it is taken for."""
        return self._described(parents.of_picture(image, "picture"))

    def _described(self, parent: Parent) -> dict[str, Any]:
        return {
            "emoji": parent.codepoints,
            "names": {lang: _name(parent.meta, lang) for lang in ("en", "fr")},
            "recognised": parent.recognised,
            "picture": uploads.packed(parent.image),
        }

    # ---- points ----------------------------------------------------------------------------------

    def points(self, items: Sequence[Point]) -> latent.Points:
        """Returns the points that recipes name, at most `BATCH`.

        Raises:
          Refused: a phrase is not understood, or there is no such direction.
          UserError: the model has no such condition or class.
        """
        self._open({_start_of(item) for item in items})
        return latent.joined([self._point(item) for item in items])

    def _point(self, item: Point) -> latent.Points:
        if not item.steps:
            return self._starts[item]
        last, before = item.steps[-1], dataclasses.replace(item, steps=item.steps[:-1])
        if isinstance(last, Move):
            return self._moved(self._point(before), last)
        at = self._plane(before, last.plane)
        return at(np.array([[last.x, last.y]]))

    def _moved(self, where: latent.Points, move: Move) -> latent.Points:
        if move.name not in self.directions.names:
            names = ", ".join(self.directions.names)
            raise Refused("no_direction", name=move.name, names=names)
        return self.directions.moved(where, move.name, [move.amount]).points

    def _plane(self, centre: Point, seed: int) -> Any:
        key = (centre, seed)
        if key not in self._planes:
            self._planes[key] = latent.plane(self.sampler, self._point(centre), seed=seed)
            while len(self._planes) > 64:
                self._planes.popitem(last=False)
        return self._planes[key]

    def _open(self, starts: set[Point]) -> None:
        """Computes where points begin, those of one truncation together; keeps the newest."""
        missing = [start for start in starts if start not in self._starts]
        for start in [s for s in missing if s.picture is not None]:
            picture = common_box.resize(uploads.unpacked(start.picture), self.px)
            self._starts[start] = inversion.invert(
                self.sampler, picture[None], steps=_SEARCH_STEPS, tick=self.tick
            )
        missing = [start for start in missing if start.picture is None]
        for psi in {start.truncation for start in missing}:
            group = sorted((s for s in missing if s.truncation == psi), key=lambda s: s.seed)
            rows = [group[i % len(group)] for i in range(BATCH)]  # one program for any number
            each = [self._condition(row.text, row.lang, row.style) for row in rows]
            condition = {name: np.concatenate([c[name] for c in each]) for name in each[0]}
            seeds = [row.seed for row in rows]
            where = latent.points(self.sampler, seeds, condition, truncation=psi)
            self._starts |= {row: where[i : i + 1] for i, row in enumerate(group)}
        for start in starts:
            self._starts.move_to_end(start)
        while len(self._starts) > _KEPT_POINTS:
            self._starts.popitem(last=False)

    def _new_condition(self, text: str, lang: str | None, style: str) -> Condition:
        if text:
            self.understood(text, lang)
        request = ({conditions.TEXT: text} if text else {}) | ({"style": style} if style else {})
        return ask(self.sampler.spec, request, 1, language=lang)

    # ---- pictures --------------------------------------------------------------------------------

    def draw(self, items: Sequence[Item]) -> Iterator[Drawn]:
        """Draws emoji, a batch at a time.

        Raises:
          Refused: a phrase or emoji is unknown, or a pair is unwanted.
          UserError: the model has no such condition or class, or cannot vary.
        """
        rows_of: dict[Any, list[int]] = {}
        for row, item in enumerate(items):
            alike = "point" if isinstance(item, Point) else dataclasses.replace(item, seed=0)
            rows_of.setdefault(alike, []).append(row)
        for alike, rows in rows_of.items():
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                chosen = [items[row] for row in part]
                if alike == "point":
                    yield Drawn(
                        part, latent.pictures(self.sampler, self.points(chosen)), [{} for _ in part]
                    )
                elif isinstance(alike, Variation):
                    yield Drawn(part, self._vary(chosen), [{} for _ in part])
                else:
                    yield self._cross(part, chosen)

    def frames(self, walk: Walk) -> Iterator[np.ndarray]:
        """Draws the frames of a walk, uint8 [n h h 4] a batch; raises as `draw` does."""
        path = latent.through(self.sampler.spec, self.points(walk.stops), closed=walk.closed)
        if walk.even:
            how = {"closed": walk.closed, "tick": self.tick}
            times = latent.even_times(self.sampler, path, walk.count, **how)
        else:
            times = np.linspace(0, 1, walk.count, endpoint=not walk.closed)
        for start in range(0, walk.count, BATCH):
            yield latent.pictures(self.sampler, path(times[start : start + BATCH]))

    def _vary(self, items: Sequence[Variation]) -> np.ndarray:
        first = items[0]
        parent = self.parent(first.of, line=first.line)
        request = ({"text": first.text} if first.text else {}) | _style(first.line)
        if first.text:
            self.understood(first.text, first.lang)
        return vary.vary(
            self.flow,
            parent,
            [item.seed for item in items],
            strength=first.strength,
            request=request,
            language=first.lang,
        )

    def _cross(self, rows: list[int], items: Sequence[Cross]) -> Drawn:
        first = items[0]
        pair = [self.parent(source, line=first.line) for source in first.of]
        if reason := unwanted_pairs.reason_against(*(parent.codepoints for parent in pair)):
            names = [tuple(_name(p.meta, lang) for lang in ("en", "fr")) for p in pair]
            raise Refused(
                "unwanted_pair",
                first=names[0],
                second=names[1],
                reason=(reason.en, reason.fr),
            )
        seeds, request = [item.seed for item in items], _style(first.line)
        mixed = mix.mix(self.flow, pair, seeds, strength=first.strength, request=request)
        notes = [{"likeness": [round(float(v), 3) for v in row]} for row in mixed.likeness]
        return Drawn(rows, mixed.images, notes)

    def parent(self, source: Source, *, line: bool) -> Parent:
        """Opens what variations and crosses are made from, at the size of the flow.

        Raises:
          Refused: it is no emoji or picture.
          UserError: OpenMoji does not draw it.
        """
        px = self.flow.config.data.resolution
        if source.picture is not None:
            image = uploads.unpacked(source.picture)
            return parents.of_picture(common_box.resize(image, px), "picture")
        key = emoji_names.normalise(source.codepoints or "")
        if key is None:
            raise Refused("no_such_emoji", text=source.codepoints, near="1F355")
        return parents.of_openmoji(key, px, line=line)

    def enlarged(self, pictures: np.ndarray, size_px: int) -> Iterator[np.ndarray]:
        """Yields pictures, uint8 [n h h 4], at a size, a few at a time; 0: as they are.

        Raises:
          Refused: the size is out of the restorer's range.
        """
        px = pictures.shape[1]
        most = min(MAX_RESULT_PX, px * SCALES[-1])
        if size_px and not px <= size_px <= most:
            raise Refused("no_size", size=size_px, least=px, most=most)
        if size_px in (0, px):
            yield pictures
            return
        for start in range(0, len(pictures), BATCH if size_px <= 4 * px else 1):
            part = pictures[start : start + (BATCH if size_px <= 4 * px else 1)]
            yield self.restorer.to_size(part, size_px)

    def nearest(self, pictures: np.ndarray) -> list[dict[str, Any]]:
        """Returns the training emoji nearest to each of uint8 [n h h 4].

        Raises:
          Refused: the training emoji are not on this machine.
        """
        try:
            neighbours = self._nearest(pictures)
        except (UserError, DataError) as e:
            raise Refused("no_data", reason=str(e)) from e
        return [
            {
                "emoji": n.codepoints,
                "names": {"en": n.name, "fr": n.name_fr},
                "similarity": round(n.similarity, 3),
                "is_copy": n.is_copy,
                "picture": uploads.packed(n.picture),
            }
            for n in neighbours
        ]

    # ---- provenance ------------------------------------------------------------------------------

    def provenance(self, item: Item) -> dict[str, str]:
        """Returns the text chunks of the picture of an item."""
        if isinstance(item, Point):
            request = {"text": item.text, "style": item.style}
            asked_for = {k: v for k, v in request.items() if v}
            texts = self.sampler.provenance(item.seed, item.truncation, asked_for)
            if item.text:
                texts["understood text"] = self.understood(item.text, item.lang)["phrase"]
            return texts
        sources = item.of if isinstance(item, Cross) else (item.of,)
        of = [self.parent(source, line=item.line) for source in sources]
        request = _style(item.line)
        texts = vary.provenance_of(self.flow, of, item.strength, request)
        return texts | {"seed": str(item.seed)}


def _start_of(item: Point) -> Point:
    """Returns where a point begins."""
    return dataclasses.replace(item, steps=())


def _style(line: bool) -> dict[str, str]:
    return {"style": "line"} if line else {}


def _name(meta: emoji_names.Meta, lang: str) -> str:
    return (meta.name_fr if lang == "fr" else meta.name_en) or meta.name
