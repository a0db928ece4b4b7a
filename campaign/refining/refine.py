"""Fine-tunes the flow on the emoji of the themes and what was picked, and compares both models.

What is trained is the shipped flow, by the trainer of main.py. Rejected proposals are no part of
it: a flow learns from pictures that it is to draw, and a weight below zero has no meaning for it.
They are the negatives of a ranker, by which the pictures of both models are judged.
"""

import argparse
import contextlib
import hashlib
import json
import pathlib
import shlex
from typing import Any

import ml_collections
import numpy as np

from campaign.brief import brief_file
from campaign.language import Language
from campaign.picture_judge import PictureJudge, Seen
from campaign.proposing import decisions, proposal, selection, theme_emoji
from campaign.proposing.proposal import Proposal
from campaign.refining import model_comparison, pick_ranker, refine_page
from campaign.refining.model_comparison import Side
from campaign.refining.pick_ranker import Ranker
from emoji_gan import errors, images, train
from emoji_gan.edit import parents, vary
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW, Sampler
from emoji_gan.trained.source import open_trained
from input_pipeline.art import common_box

FOLDER = "refine"
_PER_THEME = 4  # emoji of a theme, as `propose` varies them
_STRENGTH = 0.6  # of the variations that are compared
_JUDGED_PX = 128
_LR, _HALF_LIFE_KIMG = 1e-4, 0.1  # few pictures: small steps, a short average


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign refine`."""
    text = language.pick
    p.add_argument(
        "--kimg",
        type=float,
        default=0.5,
        metavar="N",
        help=text(
            "length of the training, in thousands of images; default 0.5",
            "durée de l'entraînement, en milliers d'images ; par défaut 0,5",
        ),
    )
    p.add_argument(
        "--draws",
        type=int,
        default=32,
        metavar="N",
        help=text(
            "drawings that are compared before and after; default 32",
            "dessins comparés avant et après ; par défaut 32",
        ),
    )
    p.add_argument(
        "--emoji",
        action="append",
        default=[],
        metavar="🎁",
        help=text("as in propose; repeatable", "comme pour propose ; répétable"),
    )
    p.add_argument(
        "--model",
        type=paths.local,
        metavar=text("FILE", "FICHIER"),
        help=text(
            "another drawing model (a flow) to start from",
            "un autre modèle de dessin (un flow) dont partir",
        ),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs the verb: trains or goes on, draws, judges and writes the report."""
    if not 0.032 <= a.kimg <= 1000 or not 4 <= a.draws <= 1024:
        raise UserError(
            language.pick(
                "expected --kimg of 0.032 to 1000 and --draws of 4 to 1024",
                "attendu --kimg de 0,032 à 1000 et --draws de 4 à 1024",
            )
        )
    brief = brief_file.read(a.dir, language)
    themes = theme_emoji.of_folder(a.dir, brief, a.emoji, language)
    emoji = sorted({c for listed in themes.values() for c in listed[:_PER_THEME]})
    proposals = {p.name: p for p in proposal.read_all(a.dir, language)}
    picks = decisions.read(a.dir, language)
    picked = [proposals[name] for name in picks.picked if name in proposals]
    rejected = [proposals[name] for name in picks.rejected if name in proposals]
    host.setup_host_memory()
    host.setup_compilation_cache()
    root, source = a.dir / FOLDER, a.model or str(SHIPPED_LARGE_FLOW)
    sources = _picked_folders(root, a.dir, picked, language)
    config = _config(source, emoji, sources, kimg=a.kimg, language=language)
    run_folder = root / f"run_{_digest(config, root, sources)}"
    print(
        language.counted(
            len(picked),
            f"training on {len(emoji)} emoji and {{n}} [pick|picks] in {run_folder}: this takes "
            "minutes",
            f"entraînement sur {len(emoji)} emoji et {{n}} [retenu|retenus] dans {run_folder} : "
            "cela prend des minutes",
        ),
        flush=True,
    )
    code = _train(config, run_folder)
    if code != errors.EXIT_OK:
        return code
    judge = PictureJudge()
    vectors = [_vectors(judge, a.dir, side, language) for side in (picked, rejected)]
    ranker = pick_ranker.learn(*vectors)
    drawn = [_drawn(model, emoji, a.draws) for model in (source, str(run_folder))]
    of = [emoji[i % len(emoji)] for i in range(a.draws)]
    real = _real(judge, emoji)
    sides = [_side(judge, pictures, of, real, ranker) for pictures in drawn]
    c = model_comparison.compare(
        *sides,
        ranker,
        decisions=(len(picked), len(rejected)),
        trained_on=(2 * len(emoji) + len(picked), len(picked)),
        kimg=a.kimg,
    )
    speak = Language(brief.language)
    names = [proposal.names_of((codepoints,))[speak.code] for codepoints in of]
    page = refine_page.html(c, *drawn, names, speak)
    workdir.write_atomic(root / "report.html", page.encode())
    print(c.headline(language))
    print(language.pick("with pictures: ", "en images : ") + str(root / "report.html"))
    verb = "animate --move=bounce"
    if c.outcome == "helped":
        verb = f"propose --model={shlex.quote(str(run_folder))}"
    print(language.next_line(verb, a.dir))
    return errors.EXIT_OK


def _picked_folders(
    root: pathlib.Path, folder: pathlib.Path, picked: list[Proposal], language: Language
) -> list[str]:
    """Writes what was picked as sources of data, STYLE=PATH; two of one emoji go to two folders."""
    numbers: dict[str, int] = {}
    styles: dict[str, pathlib.Path] = {}
    for p in picked:
        if len(p.parents) != 1:
            continue  # a cross has no name that the trainer could condition on
        codepoints = p.parents[0]
        numbers[codepoints] = numbers.get(codepoints, 0) + 1
        path = root / "picked" / str(numbers[codepoints])
        styles[f"picked{numbers[codepoints]}"] = path
        name = f"emoji_u{codepoints.lower().replace('-', '_')}.png"
        images.save_png(path / name, proposal.picture(folder, p, language))
    return [f"{style}={path}" for style, path in styles.items()]


def _config(
    source: str, emoji: list[str], sources: list[str], *, kimg: float, language: Language
) -> ml_collections.ConfigDict:
    """Returns the config of the model itself, changed to few pictures and few kimg.

    Raises:
      UserError: the model is no flow.
    """
    trained = open_trained(source)
    if trained.config["method"] != "flow":
        method = trained.config["method"]
        raise UserError(
            language.pick(
                f"--model={source}: it is of method {method!r}; give a flow",
                f"--model={source} : c'est un modèle {method!r} ; donnez un modèle 'flow'",
            )
        )
    config = ml_collections.ConfigDict(_tuples(trained.config))
    config.init_from, config.total_kimg, config.batch_size = source, kimg, 32
    config.data.split, config.data.groups = "all", ()
    config.data.codepoints, config.data.sources = tuple(emoji), ("openmoji", *sources)
    config.optim.lr, config.optim.warmup_kimg = _LR, kimg / 10
    config.ema.half_life_kimg = min(_HALF_LIFE_KIMG, kimg / 4)
    config.log.images_kimg, config.log.grid = 1e6, 2  # the report has its own pictures
    config.log.scalars_kimg = max(kimg / 10, 0.032)
    config.checkpoint.every_minutes = 1.0
    return config


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _digest(config: ml_collections.ConfigDict, root: pathlib.Path, sources: list[str]) -> str:
    """Returns a hash of all that a run depends on: another run has another folder."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for source in sources:
        for path in sorted(pathlib.Path(source.partition("=")[2]).glob("*.png")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def _train(config: ml_collections.ConfigDict, folder: pathlib.Path) -> int:
    """Trains to the end, or goes on; what the trainer prints goes into its folder."""
    workdir.make_folder(folder)
    options = train.Options(embed=encoder.PhraseEncoder())
    with (
        (folder / "training.txt").open("a") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        return train.train(config, str(folder), options)


def _drawn(source: str, emoji: list[str], count: int) -> np.ndarray:
    """Draws variations of the emoji in turn, a seed each: uint8 [n 128 128 4]."""
    sampler = Sampler(source)
    px = sampler.config.data.resolution
    of = [parents.of_openmoji(c, px) for c in emoji]
    rows = [of[i % len(of)] for i in range(count)]
    each = [vary.condition_of(sampler, parent, 1, {}) for parent in rows]
    condition = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    drawn = sampler.vary(
        np.stack([parent.image for parent in rows]),
        list(range(count)),
        condition,
        strength=_STRENGTH,
    )
    style = finishing.traced_style(sampler.config.data.sources)
    return finishing.restorer_of(style).to_size(drawn, _JUDGED_PX)


def _real(judge: PictureJudge, emoji: list[str]) -> dict[str, float]:
    pictures = np.stack([parents.of_openmoji(c, _JUDGED_PX).image for c in emoji])
    return {c: seen.to(c) for c, seen in zip(emoji, judge(pictures), strict=True)}


def _side(
    judge: PictureJudge,
    pictures: np.ndarray,
    of: list[str],
    real: dict[str, float],
    ranker: Ranker | None,
) -> Side:
    seen: list[Seen] = judge(pictures)
    pairs = list(zip(seen, of, strict=True))
    features = np.stack([s.features for s in seen])
    return Side(
        scores=np.array([selection.score(s, (c,), real) for s, c in pairs]),
        recognised=np.array([s.rank((c,)) < selection.FIRST for s, c in pairs]),
        copies=np.array([s.nearest.is_copy for s in seen]),
        small=np.array([s.small_similarity for s in seen]),
        liked=None if ranker is None else ranker(features),
    )


def _vectors(
    judge: PictureJudge, folder: pathlib.Path, proposals: list[Proposal], language: Language
) -> np.ndarray:
    pictures = [proposal.picture(folder, p, language) for p in proposals]
    if not pictures:
        return np.zeros((0, 1), np.float32)
    return judge.features(np.stack([common_box.resize(x, _JUDGED_PX) for x in pictures]))
