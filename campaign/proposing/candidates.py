"""Draws candidates for proposals: variations, crosses, drawings from words, other styles."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from emoji_gan import conditions
from emoji_gan.edit import mix, parents, unwanted_pairs, vary
from emoji_gan.edit.parents import Parent
from emoji_gan.encoder import understanding
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.trained.restyler import Restyler
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW, SHIPPED_MODEL, Sampler, ask
from emoji_gan.vector import drawing
from input_pipeline import DataError
from input_pipeline.art import common_box, licences, rasterise

STRENGTHS = (0.45, 0.6)  # of variations: small parts change; parts are lost
_MIX_STRENGTH, _TRUNCATION = 0.75, 0.7  # as `edit mix` and `sample` have them
TRACED = "traced"  # text chunk of what `finished` has drawn
RESTORED_PX = 256  # of a candidate, before it is judged and traced
_SEEDS_A_REQUEST = 1000


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Holds a drawing that may become a proposal.

    Attributes:
      picture: uint8 [h h 4], straight alpha, as the model draws it; of 256 px once it is restored,
        or where it was restyled.
      parents: code points of the emoji that it was made from; of a drawing from words, those of
        which one is meant.
      theme: of the brief.
      recipe: vary, mix, draw or restyle.
      seed: of the drawing.
      strength: of a variation or cross, as `edit vary` has it; 0 of others.
      line: whether it is line art.
      style: name in the model.
      phrase: that it was drawn from, or "".
      work: whom to name, and the licences.
      texts: chunks of its PNG, which say how to draw it again.
    """

    picture: np.ndarray
    parents: tuple[str, ...]
    theme: str
    recipe: str
    seed: int
    strength: float
    line: bool
    style: str
    phrase: str
    work: licences.Work
    texts: dict[str, str]


class Drawer:
    """Draws candidates by models that are opened once; those of all themes share batches.

    Args:
      seed: of all drawings.
      model: a flow; None: the shipped one of 64 px.
      restyler: a model of configs/restyle.py; None: nothing is restyled.

    Raises:
      UserError: a model cannot be opened, or is of another method.
    """

    def __init__(self, seed: int, model: str | None = None, restyler: str | None = None) -> None:
        self._seed = seed
        self.flow = Sampler(model or str(SHIPPED_LARGE_FLOW))
        self._words = Sampler(str(SHIPPED_MODEL))
        self._restorers = Restorers()
        self._restyler = Restyler(restyler) if restyler else None
        self.px = self.flow.config.data.resolution
        self._parents: dict[tuple[str, bool], Parent] = {}

    def seeds(self, count: int, first: int = 0) -> list[int]:
        """Returns seeds of this drawer, from the one of number `first` on."""
        start = _SEEDS_A_REQUEST * self._seed + first
        return [(start + i) % 2**32 for i in range(count)]

    def variations(self, themes: dict[str, list[str]], *, line: bool, each: int) -> list[Candidate]:
        """Varies the emoji of every theme, `each` seeds at each strength."""
        rows = [
            (theme, self._parent(codepoints, line), seed)
            for theme, listed in themes.items()
            for codepoints in listed
            for seed in self.seeds(each)
        ]
        request = self._style(line)
        made: list[Candidate] = []
        for strength in STRENGTHS if rows else ():
            each_condition = [vary.condition_of(self.flow, p, 1, request) for _, p, _ in rows]
            condition = {
                name: np.concatenate([one[name] for one in each_condition])
                for name in each_condition[0]
            }
            drawn = self.flow.vary(
                np.stack([parent.image for _, parent, _ in rows]),
                [seed for *_, seed in rows],
                condition,
                strength=strength,
            )
            made += [
                self._of_flow(picture, theme, [parent], "vary", seed, strength, request)
                for picture, (theme, parent, seed) in zip(drawn, rows, strict=True)
            ]
        return made

    def crosses(self, themes: dict[str, list[str]], *, line: bool, count: int) -> list[Candidate]:
        """Crosses of every theme the first two emoji that may be, where two may."""
        allowed = {theme: allowed_pair(listed) for theme, listed in themes.items()}
        pairs = {
            theme: [self._parent(c, line) for c in pair] for theme, pair in allowed.items() if pair
        }
        if not pairs or count < 1:
            return []
        request, seeds = self._style(line), self.seeds(count)
        crossed = mix.mix_each(
            self.flow, list(pairs.values()), seeds, strength=_MIX_STRENGTH, request=request
        )
        return [
            self._of_flow(picture, theme, both, "mix", seed, _MIX_STRENGTH, request)
            for (theme, both), mixed in zip(pairs.items(), crossed, strict=True)
            for picture, seed in zip(mixed.images, seeds, strict=True)
        ]

    def drawings(
        self, themes: dict[str, list[str]], phrases: dict[str, str], count: int
    ) -> list[Candidate]:
        """Draws from the words of every theme by the one-step model, where it understands them."""
        requests = {
            theme: {conditions.TEXT: phrases[theme], "style": "openmoji"}
            for theme in themes
            if _is_understood(phrases[theme])
        }
        if not requests or count < 1:
            return []
        seeds = self.seeds(count)
        each = [ask(self._words.spec, request, count) for request in requests.values()]
        condition = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
        drawn = self._words(seeds * len(requests), condition, _TRUNCATION)
        rows = [(theme, request, seed) for theme, request in requests.items() for seed in seeds]
        work = licences.of_style("openmoji")
        return [
            Candidate(
                picture=picture,
                parents=tuple(themes[theme]),
                theme=theme,
                recipe="draw",
                seed=seed,
                strength=0.0,
                line=False,
                style="openmoji",
                phrase=phrases[theme],
                work=work,
                texts=self._words.provenance(seed, _TRUNCATION, request),
            )
            for picture, (theme, request, seed) in zip(drawn, rows, strict=True)
        ]

    def restyled(self, themes: dict[str, list[str]]) -> list[Candidate]:
        """Draws emoji in every other style of the restyler, where there is one.

        An emoji of several themes is drawn for the first one alone: it looks the same for all.
        """
        theme_of: dict[str, str] = {}
        for theme, of_theme in themes.items():
            theme_of = dict.fromkeys(of_theme, theme) | theme_of
        listed, made = list(theme_of), []
        styles = self._restyler.styles if self._restyler and listed else []
        for style in styles:
            if style.startswith("openmoji"):
                continue
            images = [parents.of_openmoji(c, 2 * RESTORED_PX).image for c in listed]
            small = np.stack([self._restyler.prepared(image) for image in images])
            large = np.stack([self._restyler.prepared(image, RESTORED_PX) for image in images])
            drawn = self._restyler.enlarged(self._restyler(small, style), small, large, style)
            try:
                work = licences.adapted(licences.of_style("openmoji"), self._restyler.art_of(style))
            except DataError:  # a licence that forbids it: this style is left out
                continue
            for image, codepoints in zip(drawn, listed, strict=True):
                texts = self._restyler.provenance(style) | {"parent": codepoints}
                made.append(
                    Candidate(
                        picture=image,
                        parents=(codepoints,),
                        theme=theme_of[codepoints],
                        recipe="restyle",
                        seed=0,
                        strength=0.0,
                        line=False,
                        style=style,
                        phrase="",
                        work=work,
                        texts=texts,
                    )
                )
        return made

    def real(self, codepoints: str, size_px: int, *, line: bool = False) -> np.ndarray:
        """Draws the real emoji: uint8 [size_px size_px 4]."""
        return parents.of_openmoji(codepoints, size_px, line=line).image

    def _parent(self, codepoints: str, line: bool) -> Parent:
        if (codepoints, line) not in self._parents:
            drawn = parents.of_openmoji(codepoints, self.px, line=line)
            self._parents[codepoints, line] = drawn
        return self._parents[codepoints, line]

    def finish_texts(self, size_px: int, candidate: Candidate) -> dict[str, str]:
        """Returns the text chunks that a picture gets because it was enlarged and traced."""
        if candidate.recipe == "restyle":
            texts = {"size": f"{size_px} px", "finish": finishing.GUIDED}
        else:
            texts = self._restorers.of(candidate.style).provenance(size_px)
        return texts | {TRACED: "flat colours, clean lines"}

    def _style(self, line: bool) -> dict[str, str]:
        styles = dict(self.flow.spec.classes).get("style", ())
        named = [style for style in styles if ("line" in style) == line]
        return {"style": named[0]} if named else {}

    def _of_flow(
        self,
        picture: np.ndarray,
        theme: str,
        of: list[Parent],
        recipe: str,
        seed: int,
        strength: float,
        request: dict[str, str],
    ) -> Candidate:
        style = request.get("style", "openmoji")
        texts = vary.provenance_of(self.flow, of, strength, request)
        return Candidate(
            picture=picture,
            parents=tuple(parent.codepoints for parent in of),
            theme=theme,
            recipe=recipe,
            seed=seed,
            strength=strength,
            line="line" in style,
            style=style,
            phrase="",
            work=licences.of_style("openmoji"),
            texts=texts | {"seed": str(seed)},
        )

    def restored(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Brings the pictures of candidates to 256 px; those of that size stay."""
        result = list(candidates)
        small = {(len(c.picture), c.style) for c in candidates if len(c.picture) < RESTORED_PX}
        for px, style in small:
            rows = [i for i, c in enumerate(candidates) if (len(c.picture), c.style) == (px, style)]
            drawn = [candidates[i].picture for i in rows]
            for i, picture in zip(rows, enlarged(self._restorers.of(style), drawn), strict=True):
                result[i] = dataclasses.replace(candidates[i], picture=picture)
        return result


class Restorers:
    """Opens a restorer a kind of style, when a style of it is first wanted."""

    def __init__(self) -> None:
        self._opened: dict[str, Restorer] = {}

    def of(self, style: str) -> Restorer:
        """Returns the restorer of a style, by its name."""
        kind = finishing.traced_style([style])
        if kind not in self._opened:
            self._opened[kind] = finishing.restorer_of(kind)
        return self._opened[kind]


def _is_understood(phrase: str) -> bool:
    try:
        understanding.understand(phrase)
    except understanding.NotUnderstood:
        return False
    return True


def allowed_pair(listed: Sequence[str]) -> tuple[str, str] | None:
    """Returns the first two of some emoji that may be crossed, or None."""
    for i, first in enumerate(listed):
        for second in listed[i + 1 :]:
            if not unwanted_pairs.reason_against(first, second):
                return first, second
    return None


def enlarged(restorer: Restorer, drawn: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Restores drawings of one size, uint8 [n h h 4], straight alpha, at 256 px, to be traced."""
    large = restorer(drawn, max(1, RESTORED_PX // len(drawn[0])))
    return [common_box.resize(picture, RESTORED_PX) for picture in large]


def finished(pictures: Sequence[np.ndarray], styles: Sequence[str], size_px: int) -> np.ndarray:
    """Draws restored pictures with flat colours and clean lines: uint8 [n size_px size_px 4].

    They are traced as OpenMoji draws, which takes the blotches of the model out; those of other
    styles, by their names, are traced in their own colours.
    """
    drawn = np.zeros((len(pictures), size_px, size_px, 4), np.uint8)
    with rasterise.Rasteriser(size_px) as rasteriser:
        for i, (picture, style) in enumerate(zip(pictures, styles, strict=True)):
            large = common_box.resize(picture, vectoriser.TRACED_PX)
            shapes = vectoriser.trace_one(large, finishing.traced_style([style]))
            drawn[i] = rasteriser.render(drawing.to_svg(shapes, metadata={}))
    return drawn
