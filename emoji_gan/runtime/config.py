"""Reads an experiment and refuses what cannot work, one line a mistake.

An experiment is a Python file with `get_config(variant)`; `file.py:variant` picks the variant, and
`--config.a.b=value` overrides a field (ml_collections' config_flags do the parsing).
"""

import difflib
import importlib.util
import inspect
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import config_dict, config_flags

from emoji_gan import augment, conditions
from emoji_gan.errors import UserError
from emoji_gan.runtime import learning_rate, paths, rules

# Fields that older runs lack -> the value that these runs had in effect.
ADDED_FIELDS = {"data.split": "auto", "loss.penalty": "exact"}
ABSENT = "absent"  # stands in `diff` for a field that one side lacks


def load(path_with_variant: str, overrides: Sequence[str] = ()) -> config_dict.ConfigDict:
    """Reads an experiment file as the command line does.

    Args:
      path_with_variant: 'configs/stylegan.py' or 'configs/stylegan.py:cpu'.
      overrides: 'model.z_dim=64' or '--config.model.z_dim=64', later ones win.

    Returns:
      The locked config, auto fields unresolved.

    Raises:
      UserError: missing or broken file, unknown variant or key, ill-typed value.
    """
    argv = ["load", f"--config={path_with_variant}"]
    argv += [f"--config.{o.removeprefix('--config.')}" for o in overrides]
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    parse_flags(argv, values)
    return values.config


def parse_flags(argv: Sequence[str], flag_values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Parses a command line that has the flag `--config` of config_flags.

    To be used as `absl.app.run(main, flags_parser=parse_flags)`.

    Returns:
      What is left of `argv`: the program's name and positional arguments.

    Raises:
      UserError: what is wrong with the config or with a flag, in one line.
    """
    try:
        argv = flag_values.read_flags_from_files(list(argv), force_gnu=False)
        argv = [_local(argument) for argument in argv]
        fields = _check_config(argv)
        left = flag_values(argv)
    except flags.Error as e:
        line = str(e).strip().splitlines()[-1]
        key = re.search(r"--(?:no)?config\.([\w.]+)", line)
        expected = fields.get(key.group(1)) if key else None
        raise UserError(f"{line}{f' (expected: {expected.__name__})' if expected else ''}") from e
    except (TypeError, ValueError, AttributeError, KeyError) as e:  # config_flags lets some through
        raise UserError(f"bad --config override: {str(e).strip().splitlines()[-1]}") from e
    if len(left) > 1:
        raise UserError(
            f"unexpected argument {left[1]!r}: flags start with --, as in --config.model.z_dim=64"
        )
    return left


def _local(argument: str) -> str:
    """Expands `~` in the flag that names the experiment file."""
    flag, equals, path = argument.partition("=")
    if flag in ("--config", "-config") and path.startswith("~"):
        return f"{flag}{equals}{paths.local(path)}"
    return argument


def checked(config: config_dict.ConfigDict, methods: Sequence[str]) -> config_dict.ConfigDict:
    """Returns a copy, after checking every field that all methods have in common.

    With `init_from`, the copy has no ramp of the average: it starts from a trained one, which a
    short half-life would forget.

    Args:
      config: as `load` returns it.
      methods: names that `config.method` may have.

    Raises:
      UserError: a field that cannot work, by name, with what it must be.
    """
    c = config.copy_and_resolve_references()
    c.unlock()
    rename_fields(c)
    learning_rate.add_fields(c)
    if "eval" in c and "patience" not in c.eval:  # of a run from before it could end early
        c.eval.patience = 0
    rules.check(c, {"method": rules.one_of(*sorted(methods))} | _RULES, _AUTO)
    sources = [source.partition("=")[2] for source in c.data.sources]
    for path in (c.init_from, c.data.dir or "", *sources):
        paths.local(path)  # refuses remote ones before anything is read
    if c.augment.p_init > c.augment.p_max:
        raise UserError(
            f"augment.p_init={c.augment.p_init} is above augment.p_max={c.augment.p_max}: lower it"
        )
    learning_rate.resolve(c)
    if c.init_from:
        c.ema.rampup = 0.0
    if c.optim.get("freeze_d") and not c.init_from:
        raise UserError("optim.freeze_d: would freeze initial weights; give --init_from as well")
    return c


def rename_fields(config: dict[str, Any] | config_dict.ConfigDict) -> None:
    """Gives the fields of an older config the names of today, in place.

    WGAN-GP's `loss.penalty` was a number, which is `loss.penalty_weight` today.
    """
    loss = config.get("loss", {})
    if isinstance(weight := loss.get("penalty"), int | float):
        loss["penalty_weight"] = float(weight)
        del loss["penalty"]


def flatten(config: Mapping | config_dict.ConfigDict) -> dict[str, Any]:
    """Flattens a config: {'model': {'z_dim': 64}} becomes {'model.z_dim': 64}.

    Values are as JSON gives them back, e.g. tuples are lists.
    """
    if isinstance(config, config_dict.ConfigDict):
        config = config.to_dict()

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, child in value.items():
                walk(f"{prefix}.{name}" if prefix else name, child)
        else:
            flat[prefix] = json.loads(json.dumps(value))

    flat: dict[str, Any] = {}
    walk("", config)
    return flat


def diff(
    a: Mapping | config_dict.ConfigDict, b: Mapping | config_dict.ConfigDict
) -> dict[str, tuple[Any, Any]]:
    """Returns the fields in which two configs differ, sorted by name.

    E.g. {'model.z_dim': (value in a, value in b)}; `ABSENT` stands for no value.
    """
    flat_a, flat_b = flatten(a), flatten(b)
    pairs = {
        k: (flat_a.get(k, ABSENT), flat_b.get(k, ABSENT))
        for k in sorted(flat_a.keys() | flat_b.keys())
    }
    return {k: (x, y) for k, (x, y) in pairs.items() if x != y}


def _check_config(argv: Sequence[str]) -> dict[str, type]:
    """Runs the config file, to say clearly what config_flags would say obscurely.

    Returns:
      The name of each field -> its type.
    """
    path, overrides = None, []
    for i, arg in enumerate(argv):
        if m := re.fullmatch(r"--?config(?:=(.*))?", arg, re.DOTALL):
            path = m.group(1)
            if path is None:  # `--config FILE`
                path = argv[i + 1] if i + 1 < len(argv) else ""
        elif m := re.match(r"--?(?:no)?config\.([^=]*)", arg):
            overrides.append(m.group(1))
    if path is None:
        if overrides:
            raise UserError(f"--config.{overrides[0]} without --config: name the file first")
        return {}
    config = _run_file(path)
    fields = {}
    for key in _leaves(config):
        *section_names, name = key.split(".")
        section = config
        for section_name in section_names:
            section = section[section_name]
        fields[key] = section.get_type(name)
    for key in overrides:
        _check_key(key, fields, path)
    return fields


def _run_file(path_with_variant: str) -> config_dict.ConfigDict:
    """Returns the config of FILE.py or FILE.py:VARIANT.

    Raises:
      UserError: there is no such file or variant, or its code is wrong.
    """
    path, *variant = path_with_variant.split(":", 1)
    if not pathlib.Path(path).is_file():
        near = difflib.get_close_matches(
            pathlib.Path(path).name,
            [p.name for p in pathlib.Path(path).parent.glob("*.py")],
            n=1,
            cutoff=0.5,
        )
        hint = f"; did you mean {pathlib.Path(path).parent / near[0]}?" if near else ""
        raise UserError(f"config file {path!r} not found{hint}")
    try:
        spec = importlib.util.spec_from_file_location("checked_config", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        get_config = module.get_config
    except SyntaxError as e:
        raise UserError(f"config file {path}, line {e.lineno}: {e.msg}") from e
    except AttributeError as e:
        raise UserError(f"config file {path}: {e}") from e
    except Exception as e:  # any code may run in a config file, and any mistake in it is the user's
        raise UserError(f"config file {path}: {type(e).__name__}: {_first_line(e)}") from e
    if variant and not inspect.signature(get_config).parameters:
        raise UserError(
            f"config file {path} has no variants, so not {variant[0]!r}: give the file alone"
        )
    try:
        config = get_config(*variant)
    except UserError:
        raise
    except Exception as e:
        what = f" variant {variant[0]!r}" if variant else ""
        raise UserError(f"config file {path}{what}: {_first_line(e)}") from e
    if not isinstance(config, config_dict.ConfigDict):
        raise UserError(
            f"config file {path}: get_config must return a ConfigDict, not {type(config).__name__}"
        )
    return config


def _first_line(error: Exception) -> str:
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return (str(text).strip().splitlines() or [type(error).__name__])[0]


def _leaves(config: config_dict.ConfigDict, prefix: str = "") -> list[str]:
    keys = []
    for name in config:
        value = config[name]
        is_section = isinstance(value, config_dict.ConfigDict)
        keys += _leaves(value, f"{prefix}{name}.") if is_section else [f"{prefix}{name}"]
    return keys


def _check_key(key: str, fields: Mapping[str, type], path: str) -> None:
    if key in fields:
        return
    if inside := [f for f in fields if f.startswith(f"{key}.")]:
        raise UserError(f"--config.{key} is a section; its fields: {', '.join(inside)}")
    # A right name in the wrong section is likelier than a misspelt section.
    same_name = [f for f in fields if f.split(".")[-1] == key.split(".")[-1]]
    near = same_name or difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
    raise UserError(f"unknown config key {key!r} in {path}; the nearest is {near[0]!r}")


# ---- what a good value of each field is ----------------------------------------------------------


def _are_sources(v: Any) -> bool:
    return bool(rules.is_names(v) and v and all(s == "openmoji" or "=" in s.strip("=") for s in v))


def _are_distinct_conditions(v: Any) -> bool:
    return rules.is_names(v) and set(v) <= set(_CONDITIONS) and len(set(v)) == len(v)


_AUTO = frozenset(("batch_size", "ema.half_life_kimg"))
_DOMAINS = ("full", "line", "fill")
_CONDITIONS = (*conditions.CLASSES, conditions.TEXT)

# Field -> its rule. None passes for the auto fields.
_RULES = {
    "seed": ((lambda v: 0 <= v < 2**31), "in [0, 2^31)"),
    "total_kimg": (lambda v: 0 < v < 2**32 / 1000, "in (0, 4294967): sample numbers have 32 bits"),
    "batch_size": rules.at_least(1),
    "dtype": rules.one_of("float32", "bfloat16"),
    "data.sources": (_are_sources, "a non-empty tuple of 'openmoji' or 'STYLE=PATH'"),
    "data.resolution": (lambda v: v in (16, 32, 64, 128, 256), "a power of two from 16 to 256 px"),
    "data.max_bad_share": rules.FRACTION,
    "data.conditions": (_are_distinct_conditions, f"a tuple of names out of {_CONDITIONS}"),
    **conditions.RULES,
    "data.domains": (
        (lambda v: rules.is_names(v) and set(v) <= set(_DOMAINS)),
        f"a tuple of names out of {_DOMAINS}",
    ),
    "data.split": rules.one_of("auto", "all"),
    "data.tones": rules.one_of("none", "all", "only"),
    **{f"data.{name}": rules.NAMES for name in ("groups", "subgroups", "codepoints", "styles")},
    "optim.eps": rules.POSITIVE,
    "init_from": ((lambda v: isinstance(v, str)), "a path, or empty"),
    "optim.max_bad_steps": rules.at_least(1),
    "ema.half_life_kimg": rules.at_least(0),
    "ema.rampup": rules.at_least(0),
    "augment.target": rules.BELOW_ONE,
    "augment.kimg": rules.POSITIVE,
    "augment.every": rules.at_least(1),
    "augment.p_init": rules.FRACTION,
    "augment.p_max": rules.FRACTION,
    **{f"augment.{name}": rules.at_least(0) for name in augment.GEOMETRY + augment.COLOUR},
    "log.scalars_kimg": rules.POSITIVE,
    "log.images_kimg": rules.POSITIVE,
    "log.grid": rules.at_least(1),
    "eval.every_kimg": rules.at_least(0),
    "eval.samples": rules.at_least(100),
    "eval.patience": rules.at_least(0),
    "checkpoint.every_kimg": rules.POSITIVE,
    "checkpoint.every_minutes": rules.POSITIVE,
    "checkpoint.keep": rules.at_least(1),
}
