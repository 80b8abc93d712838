# Hand-made features of the crops with a support vector machine.
HANDMADE = S.sfew.handmade
HANDMADE_CELLS = list(HANDMADE.run())


def of_handmade(protocol):
    """The predictions of every hand-made feature under a protocol."""
    asked = HANDMADE_CELLS if protocol in HANDMADE.protocols else []
    return [f"{at(layout.SFEW_CELL, protocol=protocol, cell=cell)}/predictions.csv" for cell in asked]


if HANDMADE_CELLS:

    rule sfew_handmade:
        """LPQ and PHOG, classified in each fold of each protocol: one job, since all of them take seconds."""
        input:
            crops=IMAGES_OF["crops"],
            manifest=MANIFEST,
            **{
                f"folds_{protocol}": at(layout.SFEW_FOLDS, protocol=protocol)
                for protocol in HANDMADE.protocols
            },
        output:
            folds=table("sfew_handmade"),
            **{f"predictions_{protocol}": of_handmade(protocol) for protocol in HANDMADE.protocols},
        params:
            handmade=plain(HANDMADE),
            cells=HANDMADE_CELLS,
            seed=S.seed,
        log:
            "logs/sfew/handmade.log",
        benchmark:
            "benchmarks/sfew/handmade.tsv"
        resources:
            mem_mb=more(1500),
            runtime=more(30),
        script:
            "../scripts/sfew_handmade.py"

    SHOWN["sfew_handmade"] = ("sfew_folds", "Accuracy of the hand-made features in each fold", "2 Networks")
