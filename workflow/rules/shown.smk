# Tables as people read them: in the report, and as Markdown and LaTeX. One job for all of them, since each takes
# less time than a process needs to start.

CAPTIONS = {"clips": "table", "images": "image_table", "sfew": "sfew_table", "affect": "affect_table"}
CAPTION = f"../report/{CAPTIONS[S.kind]}.rst"


rule shown_tables:
    input:
        [table(name) for name in SHOWN],
    output:
        [path for name, (_, *titled) in SHOWN.items() for path in shown_table(name, *titled, CAPTION)],
    params:
        shown={name: [schema, title] for name, (schema, title, _) in SHOWN.items()},
        synthetic=SYNTHETIC,
        confidence=S.evaluation.confidence,
    log:
        "logs/tables/shown.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/shown_tables.py"


rule record:
    """The settings as they were resolved, and the list of the tables: what `ferflow bundle` and `verify` go by."""
    output:
        settings=at(layout.SETTINGS),
        shown=at(layout.SHOWN),
    params:
        settings=plain(S),
        tables={name: list(about[:2]) for name, about in SHOWN.items()},
        synthetic=SYNTHETIC,
    log:
        "logs/record.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/record.py"


RESULTS += [at(layout.SETTINGS), at(layout.SHOWN)]
TABLES = [table(name) for name in SHOWN] + [f"{at(layout.TABLES)}/{name}.html" for name in SHOWN]
