"""Says which licence a picture made of two works has, and whom it names.

Each licence is a set of terms. A picture made of two works (the picture that is restyled, the art
whose style it gets) is taken for an adaptation of both, so it is under both licences, written as an
SPDX expression with AND, and whoever passes it on keeps the terms of both. Some pairs cannot be
kept at once, or forbid passing on: these are refused.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping

from input_pipeline import DataError

CREDIT = "name the authors"  # CC BY 4.0 section 3(a)(1)(A), Apache-2.0 section 4(c)
CHANGES = "say that it was changed"  # CC BY 4.0 section 3(a)(1)(B), Apache-2.0 section 4(b)
KEEP_NOTICE = "pass on the licence's text"  # MIT; Apache-2.0 section 4(a)
NO_LOCKS = "restrict nobody further"  # CC BY 4.0 section 2(a)(5)(B), CC BY-SA 4.0 2(a)(5)(C)
SHARE_ALIKE = "share alike"  # CC BY-SA 4.0 section 3(b)
NO_SALE = "no commercial use"  # CC BY-NC 4.0 sections 1(i) and 2(a)(1)
NO_ADAPTATION = "no adaptation may be passed on"  # CC BY-ND 4.0 section 2(a)(1)(B)
PERMISSION = "only with the permission of its owner"


@dataclasses.dataclass(frozen=True)
class Licence:
    """Describes a licence.

    Attributes:
      spdx: its identifier; LicenseRef-own: that of a work whose owner has said nothing.
      name: as its text is called.
      terms: what it asks of whoever passes the work, or an adaptation, on.
    """

    spdx: str
    name: str
    terms: frozenset[str]


_BY = {CREDIT, CHANGES, NO_LOCKS}
LICENCES: Mapping[str, Licence] = {
    spdx: Licence(spdx, name, frozenset(terms))
    for spdx, name, terms in (
        ("CC0-1.0", "CC0 1.0", set()),
        ("MIT", "MIT", {KEEP_NOTICE}),
        ("Apache-2.0", "Apache-2.0", {CREDIT, CHANGES, KEEP_NOTICE}),
        ("CC-BY-4.0", "CC BY 4.0", _BY),
        ("CC-BY-SA-4.0", "CC BY-SA 4.0", _BY | {SHARE_ALIKE}),
        ("CC-BY-NC-4.0", "CC BY-NC 4.0", _BY | {NO_SALE}),
        ("CC-BY-NC-SA-4.0", "CC BY-NC-SA 4.0", _BY | {NO_SALE, SHARE_ALIKE}),
        ("CC-BY-ND-4.0", "CC BY-ND 4.0", _BY | {NO_ADAPTATION}),
        ("CC-BY-NC-ND-4.0", "CC BY-NC-ND 4.0", _BY | {NO_SALE, NO_ADAPTATION}),
        ("LicenseRef-own", "all rights of its owner", {PERMISSION}),
    )
}
OWN = LICENCES["LicenseRef-own"]


@dataclasses.dataclass(frozen=True)
class Work:
    """Names what pictures are made of.

    Attributes:
      credits: whom to name, each once, in their order.
      licences: that hold at once, sorted.
    """

    credits: tuple[str, ...]
    licences: tuple[Licence, ...]

    @property
    def terms(self) -> frozenset[str]:
        """Returns what all its licences together ask."""
        return frozenset().union(*(licence.terms for licence in self.licences))

    @property
    def expression(self) -> str:
        """Returns the licences as an SPDX expression."""
        return " AND ".join(licence.spdx for licence in self.licences)

    def texts(self) -> dict[str, str]:
        """Returns the text chunks of a PNG: whom to name, the licence and what it asks."""
        terms = "; ".join(sorted(self.terms)) or "nothing is asked"
        return {"Copyright": "; ".join(self.credits), "License": self.expression, "Terms": terms}


# The sets of emoji that the project knows, by the first word of a style's name.
SETS: Mapping[str, tuple[str, str]] = {
    "openmoji": ("OpenMoji (openmoji.org)", "CC-BY-SA-4.0"),
    "noto": ("Noto Emoji (Google)", "Apache-2.0"),
    "twemoji": ("Twemoji (Twitter, Inc. and other contributors)", "CC-BY-4.0"),
    "fluent": ("Fluent Emoji (Copyright (c) Microsoft Corporation)", "MIT"),
    "fxemoji": ("Firefox OS Emoji (Mozilla Foundation)", "CC-BY-4.0"),
    "streamline": ("Emojis - Free (Streamline, streamlinehq.com)", "CC-BY-4.0"),
}


def parse(text: str) -> Licence:
    """Returns a licence by its SPDX identifier or name, or 'own'.

    Raises:
      DataError: there is none; lists them.
    """
    wanted = _plain(text)
    for licence in LICENCES.values():
        if wanted in (_plain(licence.spdx), _plain(licence.name)):
            return licence
    if wanted == "own":
        return OWN
    choices = ", ".join([*(spdx for spdx in LICENCES if spdx != OWN.spdx), "own"])
    raise DataError(f"licence {text!r}: unknown; choose from {choices}")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def of_style(style: str, stated: Iterable[str] = ()) -> Work:
    """Returns the work that a style is learned from.

    Args:
      style: its name in a model: 'noto', 'openmoji line', one of the user's own.
      stated: 'STYLE=SPDX' of styles that are not known by their names, or are another's work.

    Raises:
      DataError: `stated` is malformed or names an unknown licence.
    """
    source = style.removesuffix(" line").removesuffix(" fill")  # a domain of the set
    licence_of = {}
    for pair in stated:
        name, equals, spdx = pair.partition("=")
        if not (name and equals):
            raise DataError(f"data.pairs.licences: {pair!r} is not STYLE=LICENCE")
        licence_of[name] = parse(spdx)
    if source in licence_of:
        return work(f"art of style {source!r}", licence_of[source])
    if (first := re.split(r"[^a-z0-9]", source.lower())[0]) in SETS:
        author, spdx = SETS[first]
        return work(author, LICENCES[spdx])
    return work(f"art of style {source!r}", OWN)


def work(author: str, licence: Licence) -> Work:
    """Returns a work of one author under one licence."""
    return Work((f"{author}, {licence.name}",), (licence,))


def of_texts(texts: Mapping[str, str], source: str) -> Work:
    """Returns the work that a picture is, by the text chunks of its file.

    What is not said, or not understood, is its owner's: silence permits nothing.

    Args:
      texts: by keyword; License, an SPDX expression, and Copyright count.
      source: what it is called where nobody is named.
    """
    stated = re.split(r"\s+AND\s+", texts.get("License", ""))
    credits = [part for part in texts.get("Copyright", "").split("; ") if part]
    if stated != [""]:
        licences = {_known(part) for part in stated}
    else:
        licences = {_mentioned(part) for part in credits} or {OWN}
    named = tuple(dict.fromkeys(credits)) or (f"picture {source}, {OWN.name}",)
    return Work(named, _sorted(licences))


def _known(spdx: str) -> Licence:
    return LICENCES.get(spdx.strip("() "), OWN)


def _mentioned(text: str) -> Licence:
    """Returns the licence that a credit ends with, or whose Creative Commons name is in it.

    Of several names it is the longest: CC BY-SA is no CC BY. A short one that is not at the end may
    be anything: MIT is also a university.
    """
    words = f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "
    names = {f" {' '.join(re.findall('[a-z0-9]+', x.name.lower()))} ": x for x in LICENCES.values()}
    matches = [
        name
        for name in names
        if (name.startswith(" cc ") and name in words) or words.endswith(name)
    ]
    return names[max(matches, key=len)] if matches else OWN


def _sorted(licences: Iterable[Licence]) -> tuple[Licence, ...]:
    return tuple(sorted(set(licences), key=lambda licence: licence.spdx))


def adapted(first: Work, second: Work) -> Work:
    """Returns the work that is made of two others.

    A licence whose terms another has all is left out only where it is CC0, which asks nothing: MIT
    and CC BY want their own notices kept, whatever stricter licence stands beside them. They may
    stand beside one: Apache-2.0 section 4 allows other terms for a derivative as a whole, MIT and
    CC BY 4.0 section 3(a)(4) any that let their own be kept.

    Raises:
      DataError: adaptations may not be passed on, or not under both licences.
    """
    licences = {licence.spdx: licence for licence in (*first.licences, *second.licences)}
    for licence in licences.values():
        if NO_ADAPTATION in licence.terms:
            raise DataError(
                f"{licence.name} forbids passing adaptations on (section 2(a)(1)); take another"
            )
    # An adaptation of share-alike work is under that licence, and nothing may be added to it that
    # restricts (sections 3(b)(1) and 3(b)(3)); NonCommercial would.
    alike = [licence for licence in licences.values() if SHARE_ALIKE in licence.terms]
    against = [
        licence
        for licence in licences.values()
        for share_alike in alike
        if NO_SALE in licence.terms and NO_SALE not in share_alike.terms
    ]
    if against:
        raise DataError(
            f"{alike[0].name} and {against[0].name} cannot both be kept: an adaptation of the "
            "first is for any use (section 3(b)), of the second for no commercial one"
        )
    if len(licences) > 1:
        licences.pop("CC0-1.0", None)
    credits = tuple(dict.fromkeys((*first.credits, *second.credits)))
    return Work(credits, _sorted(licences.values()))
