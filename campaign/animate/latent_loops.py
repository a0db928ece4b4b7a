"""Walks around an emoji in the latent space of the model that drew it, in a closed loop."""

import pathlib
from collections.abc import Mapping

import numpy as np

from campaign.language import Language
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

    def frames(
        self, name: str, picture: np.ndarray, texts: Mapping[str, str], *, count: int, px: int
    ) -> np.ndarray:
        """Draws a loop that begins with an emoji, in steps that change it about equally.

        It is a circle through the emoji's latent; the condition stays.

        Args:
          name: of the emoji.
          picture: uint8 [h h 4], straight alpha, the emoji.
          texts: text chunks of its PNG, which say how it was drawn.
          count: of frames.
          px: side of the result.

        Returns:
          uint8 [count px px 4], straight alpha.

        Raises:
          UserError: it was not drawn by a shipped model from a seed alone.
        """
        drawer = self._sampler(name, texts)
        seed = int(texts["seed"])
        request = {k.removeprefix(_ASKED): v for k, v in texts.items() if k.startswith(_ASKED)}
        condition = sampler.ask(drawer.spec, request, 1)
        truncation = float(texts.get("truncation", 1))
        centre = latent.points(drawer, [seed], condition, truncation=truncation)
        self._same_or_refused(name, picture, latent.pictures(drawer, centre))
        at = latent.plane(drawer, centre, seed=seed)

        def path(times: np.ndarray) -> latent.Points:
            angle = 2 * np.pi * times
            return at(_RADIUS * np.stack([1 - np.cos(angle), np.sin(angle)], 1))

        times = latent.even_times(drawer, path, count, closed=True)
        drawn = latent.pictures(drawer, path(times))
        if drawn.shape[1] >= px:
            return np.stack([common_box.resize(frame, px) for frame in drawn])
        self._restorer = self._restorer or Restorer()
        return self._restorer.to_size(drawn, px)

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
                    f"{name}: latent needs an emoji that a shipped model (or --model) drew from a "
                    "seed; its PNG names none",
                    f"{name} : latent demande un émoji qu'un modèle livré (ou --model) a dessiné "
                    "d'une graine ; son PNG n'en nomme aucune",
                )
            )
        return self._samplers[wanted]

    def _same_or_refused(self, name: str, picture: np.ndarray, drawn: np.ndarray) -> None:
        small = common_box.resize(picture, drawn.shape[1])
        if latent.steps(np.concatenate([small[None], drawn]))[0] > _SAME:
            raise UserError(
                self._language.pick(
                    f"{name}: its seed alone draws another picture, as it was varied, mixed or "
                    "recoloured; give it bounce, wave or pulse",
                    f"{name} : sa graine seule dessine autre chose, car il a été varié, mélangé ou "
                    "recoloré ; donnez-lui bounce, wave ou pulse",
                )
            )
