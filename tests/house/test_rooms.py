"""Who may import whom, one name a module, and what a training step may bring with it."""

import ast
import collections
import subprocess
import sys

from tests.support import runs as runs_lib

# A thin door only opens a program that lives elsewhere under another name.
DOORS = {
    "benchmarks.compare",
    "benchmarks.input_pipeline",
    "benchmarks.ops",
    "benchmarks.step_time",
    "emoji_gan.aot",
    "emoji_gan.model_file",
    "emoji_gan.soak",
    "eval.conditions",
    "eval.curves",
    "eval.train_encoder",
    "input_pipeline.sources",
}
# Room -> the rooms it may import besides itself. Modules at the root of emoji_gan are `emoji_gan`,
# its two programs apart.
_LIBRARY = {"emoji_gan", "emoji_gan.runtime", "emoji_gan.ops", "input_pipeline"}
_MODELS = {
    *("emoji_gan.methods", "emoji_gan.networks", "emoji_gan.trained", "emoji_gan.encoder"),
    "emoji_gan.vector",
}
MAY_IMPORT = {
    "input_pipeline": set(),
    "emoji_gan.ops": set(),
    "emoji_gan.networks": {"emoji_gan.ops"},
    "emoji_gan.vector": {"emoji_gan.runtime"},
    "emoji_gan.media": {"emoji_gan", "emoji_gan.runtime"},
    "emoji_gan": {"emoji_gan.runtime", "input_pipeline"},
    "emoji_gan.runtime": {"emoji_gan", "emoji_gan.ops", "input_pipeline"},
    "emoji_gan.methods": {"emoji_gan", "emoji_gan.networks", "emoji_gan.ops", "emoji_gan.runtime"},
    "emoji_gan.encoder": _LIBRARY,
    "emoji_gan.trained": _LIBRARY
    | {"emoji_gan.methods", "emoji_gan.networks", "emoji_gan.encoder", "emoji_gan.vector"},
    "emoji_gan.train": _LIBRARY | _MODELS,
    "emoji_gan.sample": _LIBRARY | _MODELS,
    "emoji_gan.edit": _LIBRARY | _MODELS,
    "emoji_gan.describe": _LIBRARY | _MODELS | {"emoji_gan.edit"},
    "emoji_gan.export": _LIBRARY | _MODELS | {"eval"},
    "eval": _LIBRARY | _MODELS,
    "explore": _LIBRARY
    | {"emoji_gan.encoder", "emoji_gan.media", "emoji_gan.trained", "emoji_gan.edit", "eval"},
    "campaign": _LIBRARY
    | _MODELS
    | {f"emoji_gan.{x}" for x in ("train", "edit", "export", "media")}
    | {"eval"},
    "configs": set(),
    "main": _LIBRARY | _MODELS | {"emoji_gan.train", "eval"},
}
_TOPS = {
    "emoji_gan",
    "eval",
    "input_pipeline",
    "campaign",
    "explore",
    "benchmarks",
    "configs",
    "main",
}
_PROGRAMS = {"emoji_gan.train", "emoji_gan.sample"}


def _modules():
    for file in sorted(runs_lib.ROOT.rglob("*.py")):
        name = file.relative_to(runs_lib.ROOT).with_suffix("").as_posix().replace("/", ".")
        top = name.partition(".")[0]
        if top in _TOPS:
            yield name, file


def _room(module: str) -> str:
    parts = module.split(".")
    if parts[0] != "emoji_gan":
        return parts[0]
    if (runs_lib.ROOT / "emoji_gan" / ([*parts, ""])[1]).is_dir() and len(parts) > 1:
        return ".".join(parts[:2])
    program = ".".join(parts[:2])
    return program if program in _PROGRAMS else "emoji_gan"


def _imports(name: str, source: str, modules: set[str]):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def forbidden(sources: dict[str, str]) -> set[tuple[str, str]]:
    """Returns the imports (module, imported) that the table above does not allow."""
    bad = set()
    for name, source in sources.items():
        room = _room(name)
        if name in DOORS or room == "benchmarks":
            continue
        for imported in _imports(name, source, sources.keys()):
            other = _room(imported)
            ours = imported.split(".")[0] in _TOPS | {"tests"}
            if ours and other != room and other not in MAY_IMPORT[room]:
                bad.add((name, imported))
    return bad


def test_rooms_import_only_what_they_may():
    sources = {name: file.read_text() for name, file in _modules()}
    assert len(sources) > 100
    assert forbidden(sources) == set()
    assert sources.keys() >= DOORS
    for door in DOORS:  # thin
        assert len(sources[door].splitlines()) < 25, door


def test_a_forbidden_import_would_be_seen():
    sources = {
        "emoji_gan.networks.unet": "from emoji_gan.methods import flow",
        "emoji_gan.methods.flow": "def f():\n  from eval import judge",
        "input_pipeline.pipeline": "import emoji_gan.images",
        "emoji_gan.runtime.curves": "import numpy",
    }
    assert {name for name, _ in forbidden(sources)} == {
        "emoji_gan.networks.unet",
        "emoji_gan.methods.flow",
        "input_pipeline.pipeline",
    }


def test_no_module_name_stands_twice_or_shadows_the_standard_library():
    places = collections.defaultdict(list)
    for name, _ in _modules():
        last = name.rpartition(".")[2]
        if name not in DOORS and not last.startswith("__") and not name.startswith("configs."):
            places[last].append(name)
    assert {k: v for k, v in places.items() if len(v) > 1} == {}
    assert {k for k in places if k in sys.stdlib_module_names} == set()


def test_the_roots_stay_small():
    roots = collections.Counter(
        name.partition(".")[0] for name, _ in _modules() if name.count(".") == 1
    )
    roots.subtract({top: 1 for top in ("emoji_gan", "eval", "input_pipeline")})  # __init__
    assert roots["emoji_gan"] <= 10 and roots["eval"] <= 8 and roots["input_pipeline"] <= 7


def test_a_training_step_brings_no_tensorflow():
    """Trains and draws need jax, flax, optax, numpy and ml_collections; nothing that feeds data."""
    script = """
import importlib, pkgutil, sys
for room in ("methods", "networks", "ops", "trained", "encoder"):
    package = importlib.import_module(f"emoji_gan.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("training"):
            importlib.import_module(f"emoji_gan.{room}.{module.name}")
heavy = {"tensorflow", "tensorflow_datasets", "clu", "orbax", "tensorstore", "matplotlib"}
print(sorted(heavy & sys.modules.keys()))
"""
    assert _printed(script) == "[]"
    script = """
import importlib, pkgutil, sys
sys.modules["PIL"] = sys.modules["safetensors"] = None  # as where they are not installed
from emoji_gan import methods
for name in (*methods.METHODS, *methods.FROM_PICTURES):
    methods.load(name)
import benchmarks.gpu, tests.parity.networks_parity
print("trains")
"""
    assert _printed(script) == "trains"


def _printed(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=runs_lib.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
