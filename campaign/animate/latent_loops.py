"""Walks around an emoji in the latent space of the model that drew it, in a closed loop."""

import pathlib
from collections.abc import Mapping

import numpy as np

from campaign.language import Language
from campaign.proposing import candidates
from emoji_gan.conditions import Condition
from emoji_gan.edit import parents, vary
from emoji_gan.errors import UserError
from emoji_gan.trained import latent, sampler
from emoji_gan.trained.restorer import Restorer
from emoji_gan.trained.sampler import Sampler
from emoji_gan.trained.source import open_trained
from input_pipeline.art import common_box

_RADIUS = 0.3  # of the way to an independent latent
_SAME = 12.0  # levels of 255, root mean square of premultiplied RGBA: the same picture, restored
_ASKED = "asked "  # text chunks that hold the condition
_SHIPPED = (sampler.SHIPPED_MODEL, sampler.SHIPPED_FLOW, sampler.SHIPPED_LARGE_FLOW)


class Walker:
    """Makes loops; opens each model once.

    Args:
      language: of the user.
      models: more models than the shipped ones.
    """

    def __init__(self, language: Language, models: tuple[str, ...] = ()) -> None:
        self._language = language
        self._paths = (*models, *map(str, _SHIPPED))
        self._samplers: dict[str, Sampler] = {}
        self._restorer: Restorer | None = None
        self._restorers = candidates.Restorers()

    def frames(
        self, name: str, picture: np.ndarray, texts: Mapping[str, str], *, count: int, px: int
    ) -> np.ndarray:
        """Draws a loop that begins with an emoji, in steps that change it about equally.

        It is a circle through the emoji's latent; the condition stays, and so does the parent of a
        variation.

        Args:
          name: of the emoji.
          picture: uint8 [h h 4], straight alpha, the emoji.
          texts: text chunks of its PNG, which say how it was drawn.
          count: of frames.
          px: side of the result.

        Returns:
          uint8 [count px px 4], straight alpha.

        Raises:
          UserError: it was not drawn by a shipped model, from a seed and at most one emoji.
        """
        drawer, condition = self._opened(name, texts)
        seed = int(texts["seed"])
        truncation = float(texts.get("truncation", 1))
        centre = latent.points(drawer, [seed], condition, truncation=truncation)
        style = texts.get(f"{_ASKED}style", "openmoji") if candidates.TRACED in texts else ""
        first = latent.pictures(drawer, centre)
        self._same_or_refused(name, picture, self._sized(first, len(picture), style))
        at = latent.plane(drawer, centre, seed=seed)

        def path(times: np.ndarray) -> latent.Points:
            angle = 2 * np.pi * times
            return at(_RADIUS * np.stack([1 - np.cos(angle), np.sin(angle)], 1))

        times = latent.even_times(drawer, path, count, closed=True)
        return self._sized(latent.pictures(drawer, path(times)), px, style)

    def _sized(self, drawn: np.ndarray, px: int, style: str) -> np.ndarray:
        """Brings frames to a size; as proposals are traced, where a style is given."""
        if drawn.shape[1] >= px and not style:
            return np.stack([common_box.resize(frame, px) for frame in drawn])
        if not style:
            self._restorer = self._restorer or Restorer()
            return self._restorer.to_size(drawn, px)
        large = candidates.enlarged(self._restorers.of(style), drawn)
        return candidates.finished(large, [style] * len(large), px)

    def _opened(self, name: str, texts: Mapping[str, str]) -> tuple[Sampler, Condition]:
        """Returns what drew an emoji, and under which condition."""
        drawer = self._sampler(name, texts)
        request = {k.removeprefix(_ASKED): v for k, v in texts.items() if k.startswith(_ASKED)}
        codepoints = texts.get("parent", "")
        if "strength" not in texts or not parents.is_drawn(codepoints):
            return drawer, sampler.ask(drawer.spec, request, 1)
        is_line = "line" in request.get("style", "")
        parent = parents.of_openmoji(codepoints, drawer.config.data.resolution, line=is_line)
        condition = vary.condition_of(drawer, parent, 1, request)
        return drawer.varying(parent.image, float(texts["strength"])), condition

    def _sampler(self, name: str, texts: Mapping[str, str]) -> Sampler:
        wanted = texts.get("checkpoint_sha256", "")
        if wanted and wanted not in self._samplers and texts.get("seed", "").isdigit():
            for path in self._paths:
                if pathlib.Path(path).exists() and open_trained(path).digest == wanted:
                    self._samplers[wanted] = Sampler(path)
                    break
        if wanted not in self._samplers:
            raise UserError(
                self._language.pick(
                    f"{name}: latent needs an emoji that a shipped model (or --model) drew, and "
                    "its PNG names none; give --move=bounce, wave or pulse",
                    f"{name} : latent demande un émoji dessiné par un modèle livré (ou --model), "
                    "et son PNG n'en nomme aucun ; donnez --move=bounce, wave ou pulse",
                )
            )
        return self._samplers[wanted]

    def _same_or_refused(self, name: str, picture: np.ndarray, drawn: np.ndarray) -> None:
        if latent.steps(np.concatenate([picture[None], drawn]))[0] > _SAME:
            raise UserError(
                self._language.pick(
                    f"{name}: latent does not work on crosses, nor on what was recoloured or "
                    "varied under a mask: no seed alone draws them again; give --move=bounce, "
                    "wave or pulse",
                    f"{name} : latent ne marche pas sur un croisement, ni sur ce qui est recoloré "
                    "ou varié sous un masque : aucune graine seule ne le redessine ; donnez "
                    "--move=bounce, wave ou pulse",
                )
            )
