"""Writes report.html: the verdict first, in one sentence, then what it rests on; offline."""

from html import escape

from campaign.experiment.inference.sample_ratio import THRESHOLD
from campaign.experiment.looks import Look
from campaign.experiment.moments import Collected
from campaign.experiment.plan_file import HOLDOUT, Plan, seal
from campaign.experiment.reading.tables import Notice
from campaign.experiment.reporting import report_plots, sentences
from campaign.experiment.results import Verdict
from campaign.language import Language

_STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1f2328,#e6edf3);--soft:light-dark(#57606a,#9da7b3)}
:root{--yes:light-dark(#1a7f37,#3fb950);--no:light-dark(#b42318,#ff7b72)}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:light-dark(#fff,#0d1117)}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.3;padding:1rem 1.2rem;border-left:.5rem solid}
h1{background:light-dark(#f6f8fa,#161b22);overflow-wrap:anywhere}
h1.deploy{border-color:var(--yes)}h1.refused,h1.stop{border-color:var(--no)}
h1.continue,h1.counts{border-color:var(--soft)}
h2{font-size:1.15rem;margin-top:2rem;break-after:avoid}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid light-dark(#d0d7de,#30363d)}
th,td{text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left}th{font-weight:600}tbody th{font-weight:400}
.arms th:last-child,.arms td:last-child{text-align:left}
.wide{overflow-x:auto}li{overflow-wrap:anywhere}
svg{max-width:max(100%,34rem);height:auto;break-inside:avoid}
.again{position:absolute;clip-path:inset(50%);white-space:nowrap}
.note{color:var(--soft);font-size:.9rem}
:focus-visible{outline:3px solid light-dark(#0b57d0,#8ab4f8);outline-offset:2px}
@media print{:root{color-scheme:light}.wide{overflow:visible}svg{max-width:100%}}
@media print{table{font-size:.8rem}tr{break-inside:avoid}}
"""


def document(kind: str, headline: str, sections: list[tuple[str, str]], language: Language) -> str:
    """Joins a page from its headline and sections of (title, HTML); empty ones are left out."""
    body = "\n".join(f"<h2>{escape(title)}</h2>\n{html}" for title, html in sections if html)
    return (
        f'<!doctype html>\n<html lang="{language.code}"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(headline)}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
        f'<main><h1 class="{kind}">{escape(headline)}</h1>\n{body}\n</main></body></html>\n'
    )


def table(name: str, heads: list[str], rows: list[list[str]]) -> str:
    """Writes a table, its cells escaped, that the keyboard scrolls where it is too wide.

    Args:
      name: of the table, read aloud.
      heads: of the columns.
      rows: of cells; the first one names the row, "" as the row above.
    """
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    lines, first = [], ""
    for row in rows:
        above, first = first, row[0] or first
        named = escape(first) if row[0] else f'<span class="again">{escape(above)}</span>'
        cells = "".join(f"<td>{escape(c)}</td>" for c in row[1:])
        lines.append(f'<tr><th scope="row">{named}</th>{cells}</tr>\n')
    inside = f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(lines)}</tbody>"
    label = f'role="region" aria-label="{escape(name)}" tabindex="0"'
    return f'<div class="wide" {label}><table>{inside}</table></div>'


def bullets(items: list[str]) -> str:
    """Writes a list, its items escaped."""
    return "<ul>" + "".join(f"<li>{escape(x)}</li>" for x in items) + "</ul>" if items else ""


def notices(listed: tuple[Notice, ...]) -> str:
    """Writes what was wrong in the files."""
    return bullets([n.text for n in listed])


def html(
    v: Verdict,
    plan: Plan,
    collected: Collected,
    history: list[Look],
    p_values: dict[str, float],
    language: Language,
) -> str:
    """Writes the report of an experiment.

    Args:
      v: the verdict.
      plan: of the experiment.
      collected: what was analysed.
      history: all looks, the present one last.
      p_values: by arm, adjusted; {} without.
      language: of the page.
    """
    pick = language.pick
    guardrails = [
        f"{a.name}, {sentences.guardrail(g, language)}" for a in v.arms for g in a.guardrails
    ]
    sections = [
        (
            pick("A look was corrected", "Un bilan a été corrigé"),
            bullets(sentences.corrections(history, language)),
        ),
        (pick("Result", "Résultat"), _arms(v, plan, p_values, language)),
        (pick("Guardrails", "Garde-fous"), bullets(guardrails)),
        (pick("Looks", "Bilans"), _looks(history, v, plan, language)),
        (pick("By segment", "Par segment"), _segments(v, plan, language)),
        (
            pick("Is the split sound?", "La répartition est-elle saine ?"),
            _split(v, plan, collected, language),
        ),
        (
            pick("What was wrong in the files", "Ce qui n'allait pas dans les fichiers"),
            notices(collected.notices),
        ),
        (
            pick("What this cannot say", "Ce que ceci ne dit pas"),
            bullets(sentences.unknowns(v, plan, language)),
        ),
        (
            pick("How, for whoever checks it", "Méthode, pour qui la vérifie"),
            _how(v, plan, collected, language),
        ),
    ]
    return document(v.decision, sentences.headline(v, plan, language), sections, language)


def _arms(v: Verdict, plan: Plan, p_values: dict[str, float], language: Language) -> str:
    pick, percent = language.pick, language.percent

    def money(x: float) -> str:
        return sentences.amount(x, plan, language)

    heads = [
        pick("variant", "variante"),
        pick("customers", "clients"),
        sentences.outcome(plan.metric, language),
        pick("control", "témoin"),
        pick("difference", "écart"),
        pick("interval", "intervalle"),
        pick("relative", "relatif"),
        "p",
        pick("state", "état"),
    ]
    rows = [
        [
            a.name,
            language.number(a.effect.n_treated),
            money(a.effect.treated),
            money(a.effect.control),
            sentences.difference(a.estimate, plan, language),
            sentences.span(a.low, a.high, plan, language),
            percent(a.relative[1], 1, True),
            p_text(p_values[a.name], language) if a.name in p_values else "–",
            sentences.status(a, language),
        ]
        for a in v.arms
    ]
    level = language.rate(1 - plan.alpha)
    note = pick(
        f"The interval holds the true difference in {level} of cases; p is how often chance alone "
        "would make such a difference if the variant changed nothing. Both allow for all arms and "
        "all looks. Once a proof or the last look ended the test, the difference is corrected for "
        "the looks (as likely too high as too low), so it is not just the one rate less the other. "
        "The dotted line is the smallest effect worth knowing.",
        f"L'intervalle contient le véritable écart dans {level} des cas ; p dit combien souvent le "
        "hasard seul ferait un tel écart si la variante ne changeait rien. Les deux tiennent "
        "compte de tous les bras et de tous les bilans. Une fois le test fini, par une preuve ou "
        "au dernier bilan, l'écart est corrigé de ces bilans (aussi souvent trop haut que trop "
        "bas) : ce n'est donc pas la simple soustraction des deux taux. Le trait pointillé est "
        "le plus petit effet qui compte.",
    )
    name = pick("figures by variant", "chiffres par variante")
    out = report_plots.effects(v, plan, language) + table(name, heads, rows)
    return f'<div class="arms">{out}</div><p class="note">{escape(note)}</p>' if rows else ""


def p_text(p: float, language: Language) -> str:
    """Writes a p-value: 0.0231, or < 0.0001."""
    return "< " + language.number(0.0001, 4) if p < 1e-4 else language.number(p, 4)


def _looks(history: list[Look], v: Verdict, plan: Plan, language: Language) -> str:
    chances = [
        language.pick(
            f"{a.name}: if the planned effect is true, the last look proves it with "
            f"{language.percent(a.chance, 0)}",
            f"{a.name} : si l'effet prévu est vrai, le dernier bilan le prouve à "
            f"{language.percent(a.chance, 0)}",
        )
        for a in v.arms
        if a.status in ("undecided", "futile") and not v.final and a.chance == a.chance
    ]
    plot = report_plots.looks(history, v, plan, language)
    note = language.pick(
        "Z: the difference in units of what chance makes of it (standard errors). In the coloured "
        "parts it is proved; the border is further out at early looks, as one looks several times.",
        "Z : l'écart, en unités de ce que le hasard y met (erreurs types). Dans les parties "
        "colorées il est prouvé ; la limite est plus loin aux premiers bilans, car on regarde "
        "plusieurs fois.",
    )
    return plot + (f'<p class="note">{escape(note)}</p>' if plot else "") + bullets(chances)


def _segments(v: Verdict, plan: Plan, language: Language) -> str:
    if not v.segments:
        return ""
    lines = []
    for arm, p in v.differ_p_value.items():
        lines.append(
            language.pick(
                f"{arm}: segments differ (p = {p_text(p, language)})"
                if p < 0.05
                else f"{arm}: no proof that segments differ (p = {p_text(p, language)}); "
                "read the common effect, not the best segment",
                f"{arm} : les segments diffèrent (p = {p_text(p, language)})"
                if p < 0.05
                else f"{arm} : rien ne prouve que les segments diffèrent "
                f"(p = {p_text(p, language)}) ; lisez l'effet commun, pas le meilleur segment",
            )
        )
    note = language.pick(
        "Grey: as measured. Blue: drawn to the common effect as far as chance explains the spread.",
        "Gris : mesuré. Bleu : ramené vers l'effet commun autant que le hasard explique l'écart.",
    )
    plot = report_plots.segments(v, plan, language)
    return f'{plot}<p class="note">{escape(note)}</p>{bullets(lines)}'


def _split(v: Verdict, plan: Plan, collected: Collected, language: Language) -> str:
    pick, number = language.pick, language.number
    totals: dict[str, int] = {}
    meant: dict[str, float] = {}
    for segment, row in collected.counts.items():
        for arm, n in row.items():
            totals[arm] = totals.get(arm, 0) + n
        for arm, p in plan.shares(segment).items():
            meant[arm] = meant.get(arm, 0.0) + p * sum(row.values())
    sent = {a: sum(r.get(a, 0) for r in collected.sent.values()) for a in totals}
    heads = [pick("arm", "bras"), pick("customers", "clients"), pick("meant", "prévus")]
    heads += [pick("sent", "envoyés")] if collected.sent else []
    rows = [
        [
            _group(a, language),
            number(n),
            number(meant.get(a, 0)),
            *([number(sent[a])] if collected.sent else []),
        ]
        for a, n in totals.items()
    ]
    sound = min(v.ratio_p_value, 1 if v.sent_p_value is None else v.sent_p_value) >= THRESHOLD
    chance = f"(p {sentences.ratio_text(v, language)})"
    text = (
        pick(
            f"Sound: the sizes differ from what was meant by no more than chance allows {chance}.",
            f"Saine : les effectifs ne s'écartent pas plus du prévu que le hasard ne le permet "
            f"{chance}.",
        )
        if sound
        else pick(
            f"Broken: the sizes differ from what was meant by more than chance allows {chance}.",
            "Faussée : les effectifs s'écartent plus du prévu que le hasard ne le permet "
            f"{chance}.",
        )
    )
    name = pick("customers by arm", "clients par bras")
    if reached := sent.get(HOLDOUT, 0):
        text += " " + language.counted(
            reached,
            "But {n} [customer|customers] of the holdout [was|were] sent to: it no longer shows "
            "what the campaign brings.",
            "Mais {n} [client|clients] de la réserve [a|ont] reçu l'envoi : elle ne montre plus ce "
            "que la campagne rapporte.",
        )
    return table(name, heads, rows) + f"<p>{escape(text)}</p>"


def _group(name: str, language: Language) -> str:
    return name + language.pick("", " (réserve)") if name == HOLDOUT else name


def _how(v: Verdict, plan: Plan, collected: Collected, language: Language) -> str:
    pick = language.pick
    until = language.day(collected.until) if collected.until else "?"
    lines = [
        language.counted(
            collected.waiting,
            f"plan {seal(plan)}, look {v.look}, outcomes until {until}; "
            "{n} [customer is|customers are] still observed and not counted yet",
            f"plan {seal(plan)}, bilan {v.look}, résultats jusqu'au {until} ; "
            "{n} [client encore observé n'est pas compté|clients encore observés ne sont pas "
            "comptés]",
        ),
        pick(
            "group-sequential test, O'Brien-Fleming spending; Holm over arms; strata: segments",
            "test séquentiel groupé, dépense d'O'Brien-Fleming ; Holm entre bras ; strates : "
            "segments",
        )
        if plan.looks
        else pick(
            "interval valid at every moment (normal mixture); strata: segments",
            "intervalle valable à tout moment (mélange normal) ; strates : segments",
        ),
    ]
    saved = language.percent(v.variance_saved, 2)
    covariate = {
        "used": pick(
            f"CUPED by {plan.covariate}: variance -{saved}",
            f"CUPED par {plan.covariate} : variance -{saved}",
        ),
        "useless": pick(
            f"CUPED by {plan.covariate} saves {saved}: no use, left out",
            f"CUPED par {plan.covariate} gagne {saved} : inutile, écarté",
        ),
        "refused": pick(
            f"{plan.covariate} differs between the arms: it was measured after the start; refused",
            f"{plan.covariate} diffère entre les bras : mesuré après le départ ; refusé",
        ),
    }.get(v.covariate)
    lines += [covariate] if covariate else []
    # A holdout that did nothing got nothing to click on: that is no comparison.
    # Nor is one that got the campaign.
    is_apart = not any(row.get(HOLDOUT) for row in collected.sent.values())
    if v.total is not None and is_apart and v.total.control and v.total.se < float("inf"):
        low, high = v.total.estimate - 1.96 * v.total.se, v.total.estimate + 1.96 * v.total.se
        span = sentences.span(low, high, plan, language)
        lines.append(
            pick(
                f"the campaign as a whole against the holdout: {span} (one look)",
                f"la campagne entière contre la réserve : {span} (un bilan)",
            )
        )
    return bullets(lines)
