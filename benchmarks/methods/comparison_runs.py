"""Describes the runs of a comparison, each a folder that outlives the program."""

import dataclasses
import json
import pathlib
import shutil
from typing import Any

from emoji_gan.errors import UserError
from emoji_gan.runtime import seal, workdir
from input_pipeline.unicode import emoji_names

_PEAK = "peak_mib.json"


@dataclasses.dataclass(frozen=True)
class Run:
    """Describes one training of one method with one seed.

    Attributes:
      method: its name.
      config: of main.py; '' for the official code.
      seed: of the training.
      path: folder of all that belongs to the run.
    """

    method: str
    config: str
    seed: int
    path: pathlib.Path

    def points(self) -> list[dict[str, Any]]:
        """Reads the fixed times that are trained and saved: minutes, cpu_minutes, kimg, step."""
        return self._read()["points"]

    @property
    def diverged(self) -> bool:
        """Tells whether training ended by numbers that are not finite, so no points follow."""
        return self._read().get("diverged", False)

    def check(self) -> None:
        """Refuses a folder of another config of the same name.

        Raises:
          UserError: the folder's config is not this run's.
        """
        if (was := self._read().get("config", self.config)) != self.config:
            raise UserError(f"{self.path} is of {was}, not {self.config}: give it another name")

    def judged(self) -> list[dict[str, Any]]:
        """Reads the judge's figures of each point that it has judged so far."""
        paths = [self.path / f"judged-{k}.json" for k in range(1, len(self.points()) + 1)]
        return [json.loads(path.read_bytes()) for path in paths if path.exists()]

    def record(self, points: list[dict[str, Any]], diverged: bool = False) -> None:
        """Writes points.json."""
        data = {"config": self.config, "points": points, "diverged": diverged}
        workdir.write_atomic(self.path / "points.json", json.dumps(data, indent=1).encode())

    def peak_mib(self) -> float:
        """Reads the most memory that its training has held; 0: not measured."""
        path = self.path / _PEAK
        return json.loads(path.read_bytes()) if path.exists() else 0.0

    def record_peak(self, mib: float) -> None:
        """Writes the most memory that its training has held."""
        workdir.write_atomic(self.path / _PEAK, json.dumps(mib).encode())

    def _read(self) -> dict[str, Any]:
        path = self.path / "points.json"
        return json.loads(path.read_bytes()) if path.exists() else {"points": []}


def groups() -> tuple[str, ...]:
    """Lists the groups of the Unicode list: all of OpenMoji's except for its own extras."""
    return tuple(sorted({emoji_names.lookup(key).group for key in emoji_names.every()}))


def sealed(run: Run) -> dict[int, float]:
    """Lists the steps of the run's sealed checkpoints, with their times in Unix seconds."""
    seals = (run.path / "workdir" / "checkpoints").glob(f"*/{seal.NAME}")
    return {int(p.parent.name): p.stat().st_mtime for p in seals if p.parent.name.isdecimal()}


def forget_unrecorded(run: Run) -> None:
    """Deletes checkpoints of no fixed time, which a kill or a signal between two of them leaves."""
    recorded = {point["step"] for point in run.points()}
    for step in sealed(run):
        if step not in recorded:
            shutil.rmtree(run.path / "workdir" / "checkpoints" / str(step))
