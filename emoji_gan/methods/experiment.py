"""Builds what a resolved config stands for: the method, its step, the shapes of its state."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from emoji_gan import methods
from emoji_gan.conditions import Spec
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Method, Step
from emoji_gan.runtime import mesh as mesh_lib


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Holds a resolved config and all that follows from it, without arrays.

    Attributes:
      config: resolved.
      spec: of the conditions.
      mesh: of the job.
      method: a module of `emoji_gan.methods`.
      step: the programs of a training step.
      shapes: of the state, with shardings.
    """

    config: ml_collections.FrozenConfigDict
    spec: Spec
    mesh: Mesh
    method: Method
    step: Step
    shapes: Any

    @classmethod
    def make(cls, config: ml_collections.FrozenConfigDict, spec: Spec, mesh: Mesh) -> "Experiment":
        """Builds the programs of the step and the shapes of the state; compiles nothing yet."""
        method = methods.load(config.method)
        step = method.train_step(config, spec, mesh)
        shapes = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=mesh_lib.replicated(mesh)),
            jax.eval_shape(lambda: method.init(config, spec, config.seed)),
        )
        return cls(config, spec, mesh, method, step, shapes)

    @property
    def total_steps(self) -> int:
        """Returns the number of steps of the whole run."""
        return math.ceil(self.config.total_kimg * 1000 / self.config.batch_size)

    @property
    def description(self) -> dict[str, Any]:
        """Returns config and spec as they are stored with every checkpoint."""
        return self.config.to_dict() | {"spec": self.spec.to_json()}

    @property
    def network_shapes(self) -> dict[str, Any]:
        """Returns what each network is called -> the shapes of its arrays."""
        return {name: getattr(self.shapes, field) for field, name in self.method.NETWORKS.items()}

    def kimg(self, step: int) -> float:
        """Returns how many thousands of images are seen after so many steps."""
        return step * self.config.batch_size / 1000

    def interval(self, kimg: float) -> int:
        """Returns so many thousands of images as a number of steps, at least 1."""
        return max(1, round(kimg * 1000 / self.config.batch_size))

    def compiled_programs(self) -> Iterator[tuple[str, jax.stages.Compiled]]:
        """Compiles the programs of a step without data, one by one; yields (name, program)."""
        batch = step_lib.batch_shapes(self.config, self.spec, self.mesh)
        for name, program in self.step.programs.items():
            yield name, program.run.lower(self.shapes, batch).compile()
