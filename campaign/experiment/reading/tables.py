"""Loads files into DuckDB, which works beyond memory on disk, and counts what is wrong in them."""

import dataclasses
import glob
import pathlib
import tempfile

import duckdb

from campaign.experiment.reading import cells, headings, text_files
from campaign.language import Language
from emoji_gan.errors import UserError

_MEMORY = "1200MB"  # of DuckDB; the rest of 2 GiB is Python and what it reads
DATE_ORDERS = ("dmy", "mdy")


@dataclasses.dataclass(frozen=True)
class Notice:
    """Reports one kind of trouble in the input, and what was done about it.

    Attributes:
      code: name of the kind, the same in all languages.
      count: rows or customers.
      text: one line for the user.
    """

    code: str
    count: int
    text: str


class Tables:
    """Holds the tables of one command in a database that is deleted with it.

    Attributes:
      language: of notices and errors.
      notices: what was wrong so far.
    """

    def __init__(self, language: Language, threads: int = 2) -> None:
        self.language = language
        self.notices: list[Notice] = []
        self._folder = tempfile.TemporaryDirectory(prefix="campaign_")
        self.scratch = pathlib.Path(self._folder.name)
        self._connection = duckdb.connect(
            str(self.scratch / "tables.duckdb"),
            config={
                "memory_limit": _MEMORY,
                "threads": threads,
                "temp_directory": str(self.scratch / "spilled"),
                "autoinstall_known_extensions": False,  # nothing is fetched
                "preserve_insertion_order": False,
            },
        )

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def rows(self, sql: str, *parameters: object) -> list[tuple]:
        """Runs SQL and returns its rows."""
        return self._connection.execute(sql, parameters or None).fetchall()

    def row(self, sql: str, *parameters: object) -> tuple:
        """Runs SQL and returns its one row."""
        return self.rows(sql, *parameters)[0]

    def notice(self, code: str, count: int, english: str, french: str) -> None:
        """Records a kind of trouble where there is any; texts as `Language.counted` takes them."""
        if count:
            text = self.language.counted(count, english, french)
            self.notices.append(Notice(code, int(count), text))

    def load(
        self,
        table: str,
        pattern: str,
        columns: tuple[str, ...],
        *,
        required: tuple[str, ...],
        given: dict[str, str],
    ) -> list[str]:
        """Makes a table of text columns from a file, or from the files of a pattern.

        Args:
          table: its name.
          pattern: CSV (also gzip) or Parquet; with * for several files of one layout.
          columns: names to look for; those that are missing are left out.
          required: names that must be there.
          given: headings by name, from --columns.

        Returns:
          The names that are there.

        Raises:
          UserError: no such file, unreadable, or a required column is missing.
        """
        paths = self._paths(pattern)
        there: list[str] = []
        for i, path in enumerate(paths):
            try:
                select, names = self._select(path, columns, required, given)
                verb = f"CREATE TABLE {table} AS" if i == 0 else f"INSERT INTO {table} BY NAME"
                self.rows(f"{verb} {select}")
            except (duckdb.Error, OSError, EOFError) as e:
                line = str(e).strip().splitlines()[0][:200].replace(f"{self.scratch}/", "")
                line = line.replace(f"{path.name}{text_files.COPY}", path.name)
                raise UserError(
                    self.language.pick(
                        f"{path.name} cannot be read: {line}",
                        f"{path.name} est illisible : {line}",
                    )
                ) from None
            if i and set(names) != set(there):
                raise UserError(
                    self.language.pick(
                        f"{path.name} has other columns than {paths[0].name}",
                        f"{path.name} n'a pas les mêmes colonnes que {paths[0].name}",
                    )
                )
            there = names
            self._count_rejects(path)
        if not self.row(f"SELECT count(*) FROM {table}")[0]:
            raise UserError(
                self.language.pick(f"{pattern} has no rows", f"{pattern} n'a aucune ligne")
            )
        return there

    def _select(
        self,
        path: pathlib.Path,
        columns: tuple[str, ...],
        required: tuple[str, ...],
        given: dict[str, str],
    ) -> tuple[str, list[str]]:
        if self._is_parquet(path):
            source = f"read_parquet({cells.quoted(str(path))})"
            heads = [r[0] for r in self.rows(f"DESCRIBE SELECT * FROM {source}")]
            names = heads
        else:
            wanted = headings.folded(columns) | {text_files.fold(h) for h in given.values()}
            layout = text_files.layout(path, wanted, self.scratch, self.language)
            if layout.encoding != "utf-8":
                self.notice(
                    "encoding",
                    1,
                    f"{path.name} was read as {layout.encoding}",
                    f"{path.name} a été lu en {layout.encoding}",
                )
            heads = layout.headings
            names = [f"c{i}" for i in range(len(heads))]
            fields = ", ".join(f"'{n}': 'VARCHAR'" for n in names)
            source = (
                f"read_csv({cells.quoted(str(layout.path))}, columns={{{fields}}}, header=false, "
                f"delim={cells.quoted(layout.separator)}, skip={layout.skipped}, quote='\"', "
                "escape='\"', auto_detect=false, ignore_errors=true, store_rejects=true, "
                f"compression={self._compression(layout.path)}, "
                "rejects_table='rejects', rejects_scan='reject_scans', rejects_limit=0)"
            )
        matched = headings.match(
            heads, columns, given, file=path.name, required=required, language=self.language
        )
        where = matched.where
        for column, other in matched.doubtful.items():
            self._notice_doubtful(path.name, heads[where[column]], column, other)
        chosen = ", ".join(
            f"trim(CAST({cells.name(names[i])} AS VARCHAR)) AS {cells.name(c)}"
            for c, i in where.items()
        )
        return f"SELECT {chosen} FROM {source}", list(where)

    def _notice_doubtful(self, file: str, heading: str, column: str, other: str) -> None:
        english, french = headings.NAMES[column]
        other_english, other_french = headings.NAMES[other]
        self.notice(
            "doubtful_heading",
            1,
            f"{file}: {heading!r} is taken for {english}; if it is {other_english}: "
            f"--columns={other}={heading}",
            f"{file} : {heading!r} est pris pour {french} ; si ce sont {other_french} : "
            f"--columns={headings.word(other, self.language)}={heading}",
        )

    def peek(self, pattern: str) -> list[str]:
        """Returns the headings of the first file of a pattern; [] where it is no table.

        Raises:
          UserError: no such file.
        """
        path = self._paths(pattern)[0]
        try:
            if self._is_parquet(path):
                source = f"read_parquet({cells.quoted(str(path))})"
                return [r[0] for r in self.rows(f"DESCRIBE SELECT * FROM {source}")]
            return text_files.peek(path, headings.folded(tuple(headings.SYNONYMS)))
        except (duckdb.Error, OSError, EOFError):
            return []  # whoever loads it says what is wrong

    def _paths(self, pattern: str) -> list[pathlib.Path]:
        paths = [pathlib.Path(p) for p in sorted(glob.glob(pattern))]
        paths = paths or [p for p in [pathlib.Path(pattern)] if p.exists()]  # a name with brackets
        if not paths:
            raise UserError(
                self.language.pick(
                    f"there is no file {pattern}", f"le fichier {pattern} n'existe pas"
                )
            )
        return paths

    @staticmethod
    def _is_parquet(path: pathlib.Path) -> bool:
        with path.open("rb") as stream:
            return stream.read(4) == b"PAR1"

    @staticmethod
    def _compression(path: pathlib.Path) -> str:
        with path.open("rb") as stream:
            return "'gzip'" if stream.read(2) == b"\x1f\x8b" else "'none'"

    def _count_rejects(self, path: pathlib.Path) -> None:
        has_table = self.row("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rejects'")
        if not has_table[0]:
            return
        (count,) = self.row("SELECT count(DISTINCT line) FROM rejects")
        (line,) = self.row("SELECT min(line) FROM rejects")
        self.notice(
            "broken_rows",
            count,
            f"{path.name}: {{n}} [row|rows] with too few or too many fields [was|were] "
            f"left out, the first at line {line}",
            f"{path.name} : {{n}} [ligne|lignes] ayant trop ou trop peu de champs "
            f"[a été laissée|ont été laissées] de côté, la première à la ligne {line}",
        )
        self.rows("DROP TABLE rejects")
        self.rows("DROP TABLE reject_scans")

    def decimal_sign(self, table: str, column: str, file: str) -> str:
        """Determines the decimal sign of a column from all its cells; says so where unclear."""
        cell, name = cells.name(column), headings.in_words(column, self.language)
        comma, point, unclear = self.row(
            f"SELECT count(*) FILTER ({cells.number_evidence(cell, ',')}), "
            f"count(*) FILTER ({cells.number_evidence(cell, '.')}), "
            f"count(*) FILTER ({cells.is_ambiguous(cell)}) FROM {table} "
            f"WHERE contains({cell}, ',') OR contains({cell}, '.')"
        )
        sign = "," if comma > point else "."
        if not comma and not point and unclear and self.language.code == "fr":
            sign = ","
        self.notice(
            "decimal_comma",
            comma if sign == "," and (point or self.language.code != "fr") else 0,
            f"{file}, {name}: {{n}} [number is|numbers are] written with a decimal comma",
            f"{file}, {name} : {{n}} [nombre a|nombres ont] une virgule décimale",
        )
        self.notice(
            "ambiguous_numbers",
            unclear if not comma and not point else 0,
            f"{file}, {name}: {{n}} [number|numbers] such as 1.234 could be thousands or "
            f"fractions; {sign!r} was taken as the decimal sign",
            f"{file}, {name} : {{n}} [nombre|nombres] comme 1.234 [peut|peuvent] être des "
            f"milliers ou des fractions ; {sign!r} a été pris comme signe décimal",
        )
        return sign

    def date_order(self, table: str, column: str, file: str, given: str | None) -> str:
        """Determines whether dates have the day or the month first.

        Raises:
          UserError: the column has dates of both kinds.
        """
        if given:
            return given
        cell = cells.name(column)
        day, month, neither, example = self.row(
            f"SELECT sum(n) FILTER ({cells.has_day_first(cell)}), "
            f"sum(n) FILTER ({cells.has_month_first(cell)}), "
            f"sum(n) FILTER ({cells.has_no_year_first(cell)}), "
            f"min({cell}) FILTER ({cells.has_no_year_first(cell)}) "
            f"FROM (SELECT {cell}, count(*) AS n FROM {table} GROUP BY {cell})"
        )
        number = self.language.number
        if day and month:
            raise UserError(
                self.language.pick(
                    f"{file}: dates both ways, {number(day)} with the day first and "
                    f"{number(month)} with the month first: say --dates=dmy or --dates=mdy; "
                    "the others are then counted as unreadable",
                    f"{file} : dates dans les deux sens, {number(day)} avec le jour d'abord et "
                    f"{number(month)} avec le mois d'abord : précisez --dates=dmy ou --dates=mdy ;"
                    " les autres seront comptées comme illisibles",
                )
            )
        self.notice(
            "ambiguous_dates",
            (neither or 0) if not day and not month else 0,
            f"{file}: {{n}} [date|dates] such as {example} [was|were] read with the day first; "
            "if it is the month: --dates=mdy",
            f"{file} : {{n}} [date|dates] comme {example} [a été lue|ont été lues] jour/mois ; "
            "si c'est mois/jour : --dates=mdy",
        )
        return "mdy" if month else "dmy"
