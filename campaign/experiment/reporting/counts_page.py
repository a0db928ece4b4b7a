"""Writes the report of tests of which only counts are there."""

from campaign.experiment.counts import CountedTest, CountedVerdict
from campaign.experiment.reading.tables import Notice
from campaign.experiment.reporting import page
from campaign.language import Language

_MOST_ROWS = 200
_OUTCOME = {
    "refused": ("split broken: no verdict", "répartition faussée : pas de verdict"),
    "proved": ("proved best", "prouvé le meilleur"),
    "undecided": ("undecided", "indécis"),
    "too_few": ("too few clicks", "trop peu de clics"),
}


def headline(
    tests: list[CountedTest],
    verdicts: list[CountedVerdict],
    control: str | None,
    language: Language,
) -> str:
    """Says in one sentence what the counts prove."""
    tally = {k: sum(v.outcome == k for v in verdicts) for k in _OUTCOME}
    if len(tests) == 1:
        v, t = verdicts[0], tests[0]
        if v.outcome != "proved":
            text = language.pick(*_OUTCOME[v.outcome])
            return text[0].upper() + text[1:] + "."
        points = language.points
        span = f"{points(v.low)} … {points(v.high)}"
        beaten = control or language.pick("the next best", "le suivant")
        return language.pick(
            f"{t.arms[v.best]} is proved better: {points(v.difference)} against {beaten} ({span}).",
            f"{t.arms[v.best]} est prouvé meilleur : {points(v.difference)} contre "
            f"{beaten} ({span}).",
        )
    counted = language.counted
    return (
        counted(len(tests), "Of {n} tests ", "Sur {n} tests, ")
        + counted(
            tally["proved"],
            "{n} [has|have] a proved winner, ",
            "{n} [a|ont] un gagnant prouvé, ",
        )
        + counted(
            tally["undecided"] + tally["too_few"],
            "{n} [is|are] undecided and ",
            "{n} [est indécis|sont indécis] et ",
        )
        + counted(
            tally["refused"],
            "{n} [has|have] a broken split.",
            "{n} [a|ont] une répartition faussée.",
        )
    )


def html(
    tests: list[CountedTest],
    verdicts: list[CountedVerdict],
    notices: tuple[Notice, ...],
    control: str | None,
    language: Language,
) -> str:
    """Writes the report."""
    pick, number = language.pick, language.number
    heads = [
        "test",
        pick("verdict", "verdict"),
        pick("arm", "bras"),
        "impressions",
        pick("clicks", "clics"),
        pick("rate", "taux"),
        "p",
        pick("split, p", "répartition, p"),
    ]
    rows = _rows(tests, verdicts, language)
    declared = [v.declared for v in verdicts if v.declared]
    tally = ""
    if declared:
        counts = [number(declared.count(k)) for k in ("proved", "undecided", "wrong")]
        tally = language.counted(
            len(declared),
            "Of {n} declared [winner|winners] with a sound split: ",
            "Sur {n} [gagnant déclaré|gagnants déclarés] à répartition saine : ",
        ) + language.counted(
            declared.count("proved"),
            f"{{n}} proved, {counts[1]} undecided, {counts[2]} wrong.",
            f"{{n}} [prouvé|prouvés], {counts[1]} indécis, {counts[2]} faux.",
        )
    more = len(rows) - _MOST_ROWS
    cut = (
        language.counted(
            more,
            "{n} further [row is|rows are] in report.json.",
            "{n} [autre ligne est|autres lignes sont] dans report.json.",
        )
        if more > 0
        else ""
    )
    sections = [
        (pick("Declared winners", "Gagnants déclarés"), page.bullets([tally] if tally else [])),
        (
            pick("Tests", "Tests"),
            page.table(pick("clicks by arm", "clics par bras"), heads, rows[:_MOST_ROWS])
            + page.bullets([cut] * bool(cut)),
        ),
        (
            pick("What was wrong in the files", "Ce qui n'allait pas dans les fichiers"),
            page.notices(notices),
        ),
        (pick("How to read this", "Comment le lire"), page.bullets(_limits(language))),
    ]
    return page.document("counts", headline(tests, verdicts, control, language), sections, language)


def _rows(
    tests: list[CountedTest], verdicts: list[CountedVerdict], language: Language
) -> list[list[str]]:
    """Returns a row for each arm."""
    pick, number, percent = language.pick, language.number, language.percent
    rows = []
    for t, v in zip(tests, verdicts, strict=True):
        for i, arm in enumerate(t.arms):
            rate = t.clicks[i] / max(t.impressions[i], 1)
            text = pick(*_OUTCOME[v.outcome]) if i == 0 else ""
            best = pick(" (best)", " (le meilleur)") if i == v.best else ""
            rows.append(
                [
                    t.name if i == 0 else "",
                    text,
                    arm + best,
                    number(t.impressions[i]),
                    number(t.clicks[i]),
                    percent(rate, 2),
                    page.p_text(v.p_values[i], language)
                    if v.p_values[i] < 1 and v.outcome != "refused"
                    else "–",
                    page.p_text(v.ratio_p_value, language) if i == 0 else "",
                ]
            )
    return rows


def _limits(language: Language) -> list[str]:
    """Lists what counts cannot say."""
    pick = language.pick
    return [
        pick(
            "p is how often chance alone would make such a difference between two equal arms; "
            "where that of the split is below 0.001, the arms do not have the sizes of an equal "
            "split, and there is no verdict.",
            "p dit combien souvent le hasard seul ferait un tel écart entre deux bras égaux ; si "
            "celui de la répartition est sous 0,001, les bras n'ont pas les effectifs d'un partage "
            "égal, et il n'y a pas de verdict.",
        ),
        pick(
            "Counts say nothing of customers: one who saw two arms, or repeated looks, are unseen;"
            " false alarms are held at 5 % only if the counts were looked at once.",
            "Des comptes ne disent rien des clients : ni double exposition ni regards répétés ; "
            "les fausses alertes restent à 5 % seulement si l'on n'a regardé qu'une fois.",
        ),
        pick(
            "Each test has its own 5 %: of many tests without any effect, one in twenty is "
            "called proved.",
            "Chaque test a ses propres 5 % : sur beaucoup de tests sans effet, un sur vingt sera "
            "dit prouvé.",
        ),
    ]
