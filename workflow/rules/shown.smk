# The tables of the report, as HTML, Markdown and LaTeX.


def shown(w):
    return SHOWN[w.table]


rule shown_table:
    input:
        table=table("{table}"),
    output:
        report(
            at(layout.TABLES) + "/{table}.html",
            category=lambda w: shown(w)[2],
            labels=lambda w: {"shown": shown(w)[1], "kind": "table"},
            caption="../report/table.rst" if S.kind == "clips" else "../report/image_table.rst",
        ),
        at(layout.TABLES) + "/{table}.md",
        at(layout.TABLES) + "/{table}.tex",
    params:
        schema=lambda w: shown(w)[0],
        title=lambda w: shown(w)[1],
        synthetic=SYNTHETIC,
        confidence=S.evaluation.confidence,
    wildcard_constraints:
        table="|".join(SHOWN),
    log:
        "logs/tables/{table}.log",
    script:
        "../scripts/shown_table.py"


TABLES = [table(name) for name in SHOWN] + [f"{at(layout.TABLES)}/{name}.html" for name in SHOWN]
