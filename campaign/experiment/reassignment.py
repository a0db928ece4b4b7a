"""Keeps customers who were assigned: refuses to write others over them unasked."""

import dataclasses
import pathlib

from campaign.experiment.reading.tables import Tables
from campaign.language import Language
from emoji_gan.errors import UserError

_COLUMNS = ("customer", "segment", "arm")


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """Compares the assignments that are there with those that would be written.

    Attributes:
      there: customers in the file; 0 where it holds no assignments.
      gone: of these, customers who would not be in it any more, or in another arm or segment.
      new: customers who would come in.
    """

    there: int
    gone: int
    new: int


def refuse_others(
    tables: Tables, out: pathlib.Path, customers: str, *, looks: int, replace: bool
) -> None:
    """Refuses to write the table `assigned` over a file of other customers.

    The same customers in the same arms pass. Where looks were taken, customers who were assigned
    are not dropped, whatever was asked.

    Args:
      tables: a database of this command, with the table `assigned`.
      out: the file to write.
      customers: file that the customers came from, for the error.
      looks: taken by the plan so far.
      replace: whether to write over other customers, from --replace.

    Raises:
      UserError: says in one line what is there, and the way out.
    """
    if not out.exists() or (replace and not looks):
        return
    c = _compared(tables, out)
    if c.there and not (c.gone or c.new):
        return
    if replace and c.there and not c.gone:  # only further customers
        return
    raise UserError(_text(c, out, pathlib.Path(customers).name, looks, tables.language))


def _compared(tables: Tables, out: pathlib.Path) -> _Comparison:
    with Tables(tables.language) as other:  # its notices are not those of this command
        try:
            there = other.load("t", str(out), _COLUMNS, required=("customer", "arm"), given={})
        except UserError:
            return _Comparison(0, 0, 0)
        segment = "coalesce(nullif(segment, ''), '-')" if "segment" in there else "'-'"
        aside = tables.scratch / "there.parquet"
        # A segment that only changed its capitals is the same one.
        other.rows(
            f"COPY (SELECT DISTINCT customer, arm, lower({segment}) AS segment FROM t) "
            f"TO '{aside}' (FORMAT parquet)"
        )
    before = f"(SELECT customer, arm, segment FROM read_parquet('{aside}'))"
    now = "(SELECT customer, arm, lower(segment) AS segment FROM assigned)"
    (there_count,) = tables.row(f"SELECT count(DISTINCT customer) FROM {before}")
    by_all = "USING (customer, arm, segment)"
    (gone,) = tables.row(
        f"SELECT count(DISTINCT customer) FROM {before} b ANTI JOIN {now} {by_all}"
    )
    (new,) = tables.row(f"SELECT count(*) FROM {now} n ANTI JOIN {before} USING (customer)")
    return _Comparison(there_count, gone, new)


def _text(c: _Comparison, out: pathlib.Path, file: str, looks: int, language: Language) -> str:
    if not c.there:
        return language.pick(
            f"{out} is there already and holds no assignments: name another file by --out, or add "
            "--replace to write over it",
            f"{out} existe déjà et ne contient pas d'affectations : nommez un autre fichier par "
            "--out, ou ajoutez --replace pour l'écraser",
        )
    gone, new = language.number(c.gone), language.number(c.new)
    what = language.counted(
        c.there,
        f"{out} holds {{n}} [customer|customers] who were assigned; by {file} {gone} of them would "
        f"go or change, and {new} come in. ",
        f"{out} contient {{n}} [client affecté|clients affectés] ; avec {file}, {gone} d'entre eux "
        f"disparaîtraient ou changeraient, et {new} s'ajouteraient. ",
    )
    if looks and c.gone:
        return what + language.counted(
            looks,
            "{n} [look was|looks were] taken by them, so they stay, --replace or not: for another "
            "test name another folder by --dir",
            "{n} [bilan s'appuie|bilans s'appuient] sur eux, ils restent donc, même avec "
            "--replace : pour un autre test, nommez un autre dossier par --dir",
        )
    return what + language.pick(
        "Nothing was written: add --replace to write over them (if nothing was sent by them), or "
        "name another file by --out",
        "Rien n'a été écrit : ajoutez --replace pour les écraser (si rien ne leur a été envoyé), "
        "ou nommez un autre fichier par --out",
    )
