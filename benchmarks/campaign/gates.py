"""Measures how many real and drawn emoji pass each gate, and that deliberate faults do not.

    python -m benchmarks.campaign.gates --out=FOLDER [--n=100] [--set=noto=PATH]

The real ones are OpenMoji's coloured drawings and line art of emoji at random, at 128 px; the drawn
ones are variations of the same emoji as `campaign propose` finishes them, nothing chosen. Each
`--set`, as `data.sources` takes it, adds its own drawings of these emoji: art that no model here
drew, whose colours are its artists' choice. Faults: a copy, a blank, the wrong theme, white on
white, hues turned by 120 degrees, an insulting gesture, a licence that forbids, and a loop that
flashes. FOLDER/gates.md has the tables; the drawings are kept beside it, and a second run
measures them again.
"""

import argparse
import dataclasses
import pathlib

import numpy as np

from campaign.gates import check, flashing
from campaign.gates.gate import Subject
from campaign.picture_judge import PictureJudge
from campaign.proposing import candidates, proposal, recolouring
from campaign.proposing.proposal import Proposal
from emoji_gan import errors, images
from emoji_gan.edit import parents
from emoji_gan.runtime import host, paths, workdir
from input_pipeline.art import picture_folder, sources
from input_pipeline.unicode import emoji_names

_PX = 128


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True, type=paths.local)
    p.add_argument("--n", type=int, default=100)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--set", action="append", default=[], metavar="NAME=PATH")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    out, judge = pathlib.Path(a.out), PictureJudge()
    emoji = some_emoji(a.n, a.seed)
    real = np.stack([parents.of_openmoji(c, _PX).image for c in emoji])
    line = np.stack([parents.of_openmoji(c, _PX, line=True).image for c in emoji])
    sides = {
        "real": subjects(judge, real, emoji),
        "real line art": subjects(judge, line, emoji, style="openmoji line"),
    }
    drawn = drawn_pictures(out / f"drawn_{a.n}_{a.seed}", emoji, a.seed)
    sides["drawn"] = subjects(judge, drawn, emoji)
    for text in a.set:
        name, _, path = text.partition("=")
        sides[name] = subjects(judge, *of_set(path, name, emoji))
    lines = [*pass_table(sides), "", *fault_table(judge, real, emoji)]
    workdir.write_atomic(out / "gates.md", ("\n".join(lines) + "\n").encode())
    print("\n".join(lines))
    return errors.EXIT_OK


def some_emoji(count: int, seed: int) -> list[str]:
    """Returns code points of emoji at random: drawn by OpenMoji, without tones, no flags."""
    every = [c for c in emoji_names.every() if parents.is_drawn(c)]
    metas = [emoji_names.lookup(c) for c in every]
    usable = [m.codepoints for m in metas if not m.tones and m.group not in ("Flags", "Component")]
    chosen = np.random.default_rng(seed).choice(len(usable), count, replace=False)
    return [usable[i] for i in sorted(chosen)]


def of_set(path: str, name: str, emoji: list[str]) -> tuple[np.ndarray, list[str]]:
    """Returns the pictures of those emoji that a set has, uint8 [n h w 4], and which they are."""
    records = sources.read(path, name, _PX, only=emoji)
    return records.images, records.columns["codepoints"].tolist()


def subject_of(codepoints: str, style: str) -> Proposal:
    """Returns the record of a variation of an emoji."""
    return Proposal(
        name="x",
        file="x.png",
        parents=(codepoints,),
        theme="",
        segment="",
        recipe="vary",
        seed=0,
        style=style,
        names=proposal.names_of((codepoints,)),
        score=0.0,
        licence="CC-BY-SA-4.0",
        attribution="",
    )


def subjects(
    judge: PictureJudge, pictures: np.ndarray, emoji: list[str], *, style: str = "openmoji"
) -> list[Subject]:
    return [
        Subject(subject_of(c, style), picture, seen)
        for c, picture, seen in zip(emoji, pictures, judge(pictures), strict=True)
    ]


def drawn_pictures(folder: pathlib.Path, emoji: list[str], seed: int) -> np.ndarray:
    """Draws a variation of each emoji, at either strength by turns, as `propose` does."""
    if not (folder / "done").exists():
        drawer = candidates.Drawer(seed)
        pool = drawer.variations({"": emoji}, line=False, each=1)
        half = len(emoji)  # strengths follow one another
        mine = [pool[i + half * (i % len(candidates.STRENGTHS))] for i in range(half)]
        large = [c.picture for c in drawer.restored(mine)]
        drawn = candidates.finished(large, [c.style for c in mine], _PX)
        for c, picture in zip(emoji, drawn, strict=True):
            images.save_png(folder / f"{c}.png", picture, {"Software": "emoji_gan"})
        (folder / "done").touch()
    by_name = picture_folder.read(str(folder))
    rows = [by_name.names.index(f"{c}.png") for c in emoji]
    return by_name.images[rows]


def pass_table(sides: dict[str, list[Subject]]) -> list[str]:
    """Returns the lines of a table: how many of each side pass each gate, and quantiles."""
    head = [f"{name} of {len(s)}" for name, s in sides.items()]
    lines = [f"| gate | {' | '.join(head)} | values: 5 %, median of each |"]
    lines.append(f"|---|{'---:|' * len(head)}---|")
    results = {name: [check.gates_of(s) for s in side] for name, side in sides.items()}
    for i, module in enumerate(check.GATES):
        gates = {name: [row[i] for row in rows] for name, rows in results.items()}
        passed = [str(sum(g.passed for g in listed)) for listed in gates.values()]
        values = [np.array([g.value for g in listed]) for listed in gates.values()]
        spread = "; ".join(f"{np.quantile(v, 0.05):.2f}, {np.median(v):.2f}" for v in values)
        lines.append(f"| {module.__name__.split('.')[-1]} | {' | '.join(passed)} | {spread} |")
    every = [
        str(sum(all(gate.passed for gate in row) for row in rows)) for rows in results.values()
    ]
    return [*lines, f"| all of them | {' | '.join(every)} | |"]


def fault_table(judge: PictureJudge, real: np.ndarray, emoji: list[str]) -> list[str]:
    """Returns the lines of a table: of how many pictures with a fault its gate refuses each."""
    blank = np.zeros_like(real)
    white = real.copy()
    white[..., :3] = np.where(real[..., 3:] > 0, 255, 0)
    others = np.roll(np.arange(len(emoji)), len(emoji) // 2)
    near = {"near_copy": real, "small_size": blank, "ground_contrast": white}
    names = {"near_copy": "a copy", "small_size": "a blank", "ground_contrast": "white on white"}
    lines = ["| fault | gate | refused |", "|---|---|---:|"]
    for gate, pictures in near.items():
        count = _refused(subjects(judge, pictures, emoji), gate)
        lines.append(f"| {names[gate]} | {gate} | {count} of {len(emoji)} |")
    wrong = subjects(judge, real, [emoji[i] for i in others])
    lines.append(
        f"| the wrong theme | theme_match | {_refused(wrong, 'theme_match')} of {len(wrong)} |"
    )
    seen = subjects(judge, real[:1], emoji[:1])[0]
    bad = dataclasses.replace(seen.proposal, licence="CC-BY-NC-4.0")
    rude = dataclasses.replace(seen.proposal, parents=("1F595",))
    coloured = [i for i, p in enumerate(real) if _is_coloured(p)]
    turned = np.stack([_turned(real[i]) for i in coloured])
    count = _refused(subjects(judge, turned, [emoji[i] for i in coloured]), "parent_colours")
    lines.append(f"| hues turned by 120 degrees | parent_colours | {count} of {len(coloured)} |")
    for name, gate, record in (
        ("no commercial use", "licence_terms", bad),
        ("an insulting gesture", "offensive", rude),
    ):
        count = _refused([dataclasses.replace(seen, proposal=record)], gate)
        lines.append(f"| {name} | {gate} | {count} of 1 |")
    for hertz in (2, 5, 10):
        frames = np.stack([_lit(real[0], on=i % 2 == 0) for i in range(2)])
        gate = flashing.check(frames, 500 / hertz)
        outcome = "refused" if not gate.passed else "passed"
        lines.append(f"| a loop that flashes {hertz} times a second | flashing | {outcome} |")
    return lines


def _refused(listed: list[Subject], gate: str) -> int:
    modules = {m.__name__.split(".")[-1]: m for m in check.GATES}
    return sum(not modules[gate].check(s).passed for s in listed)


def _is_coloured(picture: np.ndarray) -> bool:
    """Returns whether a twentieth of what is drawn has a colour."""
    lab = recolouring.to_oklab(picture[picture[..., 3] >= 128][:, :3] / 255)
    return bool((np.hypot(lab[:, 1], lab[:, 2]) > 0.04).mean() >= 0.05)


def _turned(picture: np.ndarray) -> np.ndarray:
    """Turns the hues of a picture by 120 degrees in OKLab."""
    lab = recolouring.to_oklab(picture[..., :3] / 255)
    c, s = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
    lab[..., 1:] = lab[..., 1:] @ np.array([[c, s], [-s, c]])
    rgb = np.rint(255 * recolouring.to_srgb(lab)).astype(np.uint8)
    return np.concatenate([np.where(picture[..., 3:] > 0, rgb, 0), picture[..., 3:]], axis=-1)


def _lit(picture: np.ndarray, *, on: bool) -> np.ndarray:
    """Returns a picture whose square is filled with black or white."""
    frame = np.full_like(picture, 255)
    frame[..., :3] = 255 if on else 0
    return frame


if __name__ == "__main__":
    errors.run(main)
