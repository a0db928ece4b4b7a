"""Judges generated emoji.

    python -m eval --workdir=runs/demo                    a run's newest checkpoint against its training data
    python -m eval --workdir=runs/demo --data=validation  against emoji it never saw
    python -m eval --workdir=runs/demo --watch            every checkpoint as it appears; keeps the best
    python -m eval --workdir=FILE.safetensors             a model file; the report lies in ./eval_report
    python -m eval --real=DIR --fake=DIR                  any two folders of PNGs
    python -m eval --compare runs/a runs/b runs/c         one table and one plot over finished reports

docs/eval.md says what the figures mean, docs/report_schema.md what report.json holds.
"""

import argparse
import math
import pathlib
import sys
import time

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m eval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--workdir", type=paths.local, help="of the run to judge, or a model file")
    p.add_argument("--model", type=paths.local, help="the same")
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
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
    p.add_argument("--extractor", default="emoji-encoder", help="emoji-encoder or inception-2015")
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


def main() -> int:
    """The command line."""
    a = _parser().parse_args()
    if a.workdir and a.model:
        raise UserError("--workdir and --model both name what to judge: give one")
    a.workdir = a.workdir or a.model
    chosen = [n for n in ("workdir", "compare") if getattr(a, n)] + ["real"] * bool(
        a.real or a.fake
    )
    if len(chosen) != 1 or bool(a.real) != bool(a.fake):
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
    from eval import judge
    from eval.extractors import features  # after the devices are set up

    extractor = features.Extractor(
        a.extractor,
        pipeline=a.pipeline,
        background=a.background,
        weights=a.weights,
        download=a.download_weights,
        batch_size=a.batch_size,
    )
    if a.fake:
        print(
            judge.folders(
                a.real, a.fake, a.train, extractor, a.seed, a.out or "eval_report", a.html
            )
        )
    elif a.watch:
        _watch(a, extractor)
    else:
        print(judge.run(a.workdir, extractor, _settings(a), step=a.step, out=a.out))
    return errors.EXIT_OK


def _settings(a: argparse.Namespace):
    from eval import judge

    return judge.Settings(
        n=a.n, truncation=a.truncation, data=a.data, seed=a.seed, html=a.html, paths=a.paths
    )


def _watch(a: argparse.Namespace, extractor) -> None:
    """Judges each checkpoint as it appears, until interrupted; keeps the one of the lowest distance."""
    from emoji_gan.runtime import checkpoint
    from eval import judge

    if not pathlib.Path(a.workdir).is_dir():
        raise UserError(f"{a.workdir}: no such workdir")
    started, settings = time.monotonic(), _settings(a)
    best, seen = judge.best_so_far(a.workdir, extractor, settings)
    try:
        while time.monotonic() - started < a.watch_minutes * 60:
            new = [step for step in checkpoint.sealed_steps(a.workdir) if step not in seen]
            for step in new:
                checkpoint.pin(a.workdir, step)  # the trainer may want to delete it meanwhile
                try:
                    found = judge.run(a.workdir, extractor, settings, step=step)
                except UserError as e:  # gone before it was pinned, or damaged
                    print(f"{e}; passed over", file=sys.stderr)
                    checkpoint.unpin(a.workdir, step)
                    seen.add(step)
                    continue
                seen.add(step)
                print(found, flush=True)
                distance = (
                    found.report.metrics["fd"].value if "fd" in found.report.metrics else math.inf
                )
                if best is None or distance < best[0]:
                    if best is not None:
                        checkpoint.unpin(a.workdir, best[1])
                    best = (distance, step)
                    print(f"step {step} is the best so far: kept", flush=True)
                else:
                    checkpoint.unpin(a.workdir, step)
            if not new:
                time.sleep(min(10.0, max(0.0, a.watch_minutes * 60 - (time.monotonic() - started))))
    except KeyboardInterrupt:
        print("watch ended", file=sys.stderr)


if __name__ == "__main__":
    errors.run(main)
