"""Judges generated emoji.

    python -m eval --workdir=runs/demo                    newest checkpoint against training data
    python -m eval --workdir=runs/demo --data=validation  against emoji it never saw
    python -m eval --workdir=runs/demo --watch            each new checkpoint; keeps the best
    python -m eval --workdir=FILE.safetensors             a model file; report in ./eval_report
    python -m eval --real=DIR --fake=DIR                  any two folders of PNGs
    python -m eval ... --extractor=emoji-encoder,emoji-encoder-2   by two judges, a report each
    python -m eval --model=A,B --fit_ensemble=FILE.json   who draws what, by the second judge
    python -m eval --compare runs/a runs/b runs/c         one table and one plot over reports

docs/eval.md says what the figures mean, docs/report_schema.md what report.json holds.
"""

import argparse
import dataclasses
import math
import pathlib
import sys
import time
from typing import TYPE_CHECKING

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from eval.report import report_file

if TYPE_CHECKING:  # at run time only after the devices are set up
    from eval import judge
    from eval.extractors import features


@dataclasses.dataclass(frozen=True)
class _Best:
    """Names the best checkpoint so far.

    Attributes:
      distance: its Frechet distance.
      step: its training step.
    """

    distance: float
    step: int


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m eval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--workdir", type=paths.local, help="of the run to judge, or a model file")
    p.add_argument("--model", type=paths.local, help="the same")
    p.add_argument("--step", type=_step, help="checkpoint, or best; default: the newest good one")
    p.add_argument("--n", type=int, default=10_000, help="images to generate")
    p.add_argument("--truncation", type=float, default=1.0, help="psi; 1: the full variety")
    p.add_argument(
        "--data", choices=("train", "validation", "test"), default="train", help="real images"
    )
    p.add_argument("--watch", action="store_true", help="judge new checkpoints until interrupted")
    p.add_argument(
        "--watch_minutes", type=float, default=math.inf, help="end the watch after so long"
    )
    p.add_argument("--real", type=paths.local, help="folder of real PNGs")
    p.add_argument("--fake", type=paths.local, help="folder of PNGs to judge")
    p.add_argument(
        "--train",
        type=paths.local,
        help="folder of the PNGs that were trained on, for memorisation",
    )
    p.add_argument(
        "--compare",
        nargs="+",
        type=paths.local,
        metavar="WORKDIR",
        help="runs or reports to put side by side",
    )
    p.add_argument(
        "--extractor",
        default="emoji-encoder",
        help="emoji-encoder, emoji-encoder-2 or inception-2015; several with commas",
    )
    p.add_argument(
        "--pipeline", default="pytorch-fid", help="of inception-2015: pytorch-fid, tf1, clean-fid"
    )
    p.add_argument("--background", default="white", help="of inception-2015: white, black, checker")
    p.add_argument("--weights", type=paths.local, help="file of the 2015 network's weights")
    p.add_argument("--download_weights", action="store_true", help="fetch them if they are nowhere")
    p.add_argument("--batch_size", type=int, default=32, help="images a device while extracting")
    p.add_argument(
        "--paths", type=int, default=2000, help="pairs for the path length; 0: without it"
    )
    _add_ensemble_arguments(p)
    p.add_argument("--seed", type=int, default=0, help="of resampling")
    p.add_argument(
        "--html", action=argparse.BooleanOptionalAction, default=True, help="write the page"
    )
    p.add_argument(
        "--out",
        type=paths.local,
        help="folder of the report; default: in the workdir, else ./eval_report",
    )
    return p


def _add_ensemble_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--fit_ensemble",
        type=paths.local,
        metavar="FILE",
        help="write the weights of an ensemble of the models of --model; --n images of each",
    )
    p.add_argument("--ensemble", default="mixture", help="to fit: mixture or choice")


def _step(text: str) -> int | str:
    from emoji_gan.trained import source  # after --help

    return source.parse_step(text)


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    if a.workdir and a.model:
        raise UserError("--workdir and --model both name what to judge: give one")
    a.workdir = a.workdir or a.model
    subjects = (bool(a.workdir), bool(a.compare), bool(a.real or a.fake))
    if sum(subjects) != 1 or bool(a.real) != bool(a.fake):
        raise UserError(
            "give --workdir=RUN, or --real=DIR and --fake=DIR, or --compare RUN RUN ..."
        )
    if a.compare:
        from eval.report import side_by_side

        print(side_by_side.compare(a.compare, a.out or "eval_compare"))
        return errors.EXIT_OK
    if a.n < 1 or a.batch_size < 1 or not 0 <= a.truncation <= 2:
        raise UserError("--n and --batch_size are at least 1, --truncation from 0 to 2")
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    if a.fit_ensemble:
        from eval.report import ensemble_fit

        how = {"n": a.n, "data": a.data, "truncation": a.truncation}
        print(ensemble_fit.fit(a.workdir or "", a.ensemble, **how, out=a.fit_ensemble))
        return errors.EXIT_OK
    from eval import judge  # after the devices are set up

    extractors = _extractors(a)
    settings = judge.Settings(
        n=a.n, truncation=a.truncation, data=a.data, seed=a.seed, html=a.html, paths=a.paths
    )
    if a.fake:
        judgements = judge.folders(
            a.real,
            a.fake,
            extractors,
            train_dir=a.train,
            seed=a.seed,
            out=a.out or "eval_report",
            html=a.html,
        )
        print(*judgements, sep="\n\n")
    elif a.watch:
        _watch(a.workdir, extractors, settings, minutes=a.watch_minutes)
    else:
        print(*judge.run(a.workdir, extractors, settings, step=a.step, out=a.out), sep="\n\n")
    return errors.EXIT_OK


def _extractors(a: argparse.Namespace) -> "list[features.Extractor]":
    """Returns the extractors of --extractor."""
    from eval.extractors import features

    names = a.extractor.split(",")
    if len(set(names)) < len(names):
        raise UserError(f"--extractor={a.extractor}: each extractor at most once")
    return [
        features.Extractor(
            name,
            pipeline=a.pipeline,
            background=a.background,
            weights=a.weights,
            download=a.download_weights,
            batch_size=a.batch_size,
        )
        for name in names
    ]


def _watch(
    workdir: str,
    extractors: "list[features.Extractor]",
    settings: "judge.Settings",
    *,
    minutes: float,
) -> None:
    """Judges each checkpoint as it appears, until interrupted, and keeps the best.

    The best checkpoint is the one of the lowest Frechet distance by the first extractor.
    """
    from emoji_gan.runtime import checkpoint
    from eval import judge

    if not pathlib.Path(workdir).is_dir():
        raise UserError(f"{workdir}: no such workdir")
    end = time.monotonic() + minutes * 60
    best, seen = _best_so_far(workdir, extractors, settings)
    try:
        while time.monotonic() < end:
            new = [step for step in checkpoint.sealed_steps(workdir) if step not in seen]
            for step in new:
                seen.add(step)
                checkpoint.pin(workdir, step)  # the trainer may want to delete it meanwhile
                try:
                    judgements = judge.run(workdir, extractors, settings, step=step)
                except UserError as e:  # deleted before it was pinned, or damaged
                    print(f"{e}; passed over", file=sys.stderr)
                    checkpoint.unpin(workdir, step)
                    continue
                print(*judgements, sep="\n\n", flush=True)
                best = _keep_better(workdir, best, judgements[0])
            if not new:
                time.sleep(min(10.0, max(0.0, end - time.monotonic())))
    except KeyboardInterrupt:
        print("watch ended", file=sys.stderr)


def _best_so_far(
    workdir: str, extractors: "list[features.Extractor]", settings: "judge.Settings"
) -> tuple[_Best | None, set[int]]:
    """Reads what an earlier watch of the workdir judged, by the same extractors and settings.

    Returns:
      The checkpoint of the lowest distance by the first extractor, and the steps that have a report
      of every one.
    """
    hashes = [extractor.weights_hash for extractor in extractors]
    best, judged_by = None, {}
    for path in sorted(pathlib.Path(workdir, "eval").glob(f"kimg*/*/{report_file.NAME}")):
        try:
            old = report_file.load(path)
        except UserError as e:
            print(f"{e}; passed over", file=sys.stderr)
            continue
        same = (old.fake.n, old.fake.truncation) == (settings.n, settings.truncation)
        if not same or old.extractor.weights_hash not in hashes:
            continue
        if old.settings.get("data") != settings.data or "fd" not in old.metrics:
            continue
        judged_by.setdefault(old.fake.step, set()).add(old.extractor.weights_hash)
        distance = old.metrics["fd"].value
        if old.extractor.weights_hash != hashes[0]:
            continue
        if math.isfinite(distance) and (best is None or distance < best.distance):
            best = _Best(distance, old.fake.step)
    return best, {step for step, by in judged_by.items() if by == set(hashes)}


def _keep_better(workdir: str, best: _Best | None, judgement: "judge.Judgement") -> _Best:
    """Unpins the worse of the best checkpoint and the one just judged, and returns the better."""
    from emoji_gan.runtime import checkpoint

    metrics, step = judgement.report.metrics, judgement.report.fake.step
    if best is not None and best.step == step:  # judged again, for another extractor's report
        return best
    distance = metrics["fd"].value if "fd" in metrics else math.inf
    if best is not None and not distance < best.distance:
        checkpoint.unpin(workdir, step)
        return best
    if best is not None:
        checkpoint.unpin(workdir, best.step)
    print(f"step {step} is the best so far: kept", flush=True)
    return _Best(distance, step)


if __name__ == "__main__":
    errors.run(main)
