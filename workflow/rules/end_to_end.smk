# The networks on the frames themselves (C3D, ConvLSTM), fold by fold and finally, beside the temporal heads.
END_TO_END = list(S.end_to_end.run)


def end_to_end_memory(network, chosen):
    """MiB that a training step of a batch takes: measured, 3.7 GB a clip for ConvLSTM at full size."""
    voxels = S.end_to_end.batch * chosen.frames * chosen.size**2
    per_voxel = sum(chosen.filters) * (6 if network == "c3d" else 90)  # bytes
    return 2500 + S.end_to_end.memory + voxels * per_voxel // 2**20


if END_TO_END:

    rule end_to_end_fold:
        input:
            faces=expand(at(layout.FACES), subject=SUBJECTS),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            history=at(layout.END_TO_END_FOLD) + "/history.csv",
            predictions=at(layout.END_TO_END_FOLD) + "/predictions.csv",
            early_history=at(layout.END_TO_END_FOLD) + "/early.csv",
            early=at(layout.END_TO_END_FOLD) + "/early.json",
            tested=at(layout.END_TO_END_FOLD) + "/tested.csv" if TESTED else [],
        params:
            tested=TESTED,
            of=lambda w: w.network,
            network=lambda w: plain(S.end_to_end.of(w.network)),
            plan=plain(S.end_to_end.plan()),
            finalize=plain(S.finalize),
            augment=plain(S.augment),
            emotions=S.emotions,
            seed=S.seed,
        wildcard_constraints:
            network="|".join(END_TO_END),
        log:
            "logs/end_to_end/{network}-{fold}.log",
        benchmark:
            "benchmarks/end_to_end/{network}-{fold}.tsv"
        threads: S.end_to_end.threads
        resources:
            mem_mb=more(lambda w: end_to_end_memory(w.network, S.end_to_end.of(w.network))),
            runtime=more(1440),
        priority: 5  # the longest jobs of a study
        script:
            "../scripts/end_to_end_fold.py"

    rule end_to_end_final:
        input:
            faces=expand(at(layout.FACES), subject=SUBJECTS),
            early=expand(at(layout.END_TO_END_FOLD) + "/early.json", fold=FOLDS, allow_missing=True),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            model=at(layout.END_TO_END_FINAL) + "/model.pt",
            history=at(layout.END_TO_END_FINAL) + "/history.csv",
            predictions=at(layout.END_TO_END_FINAL) + "/predictions.csv",
        params:
            of=lambda w: w.network,
            network=lambda w: plain(S.end_to_end.of(w.network)),
            plan=plain(S.end_to_end.plan()),
            finalize=plain(S.finalize),
            augment=plain(S.augment),
            emotions=S.emotions,
            seed=S.seed,
            prepared={name: plain(getattr(S, name)) for name in ("faces", "aus", "trim")},
        wildcard_constraints:
            network="|".join(END_TO_END),
        log:
            "logs/end_to_end/{network}-final.log",
        benchmark:
            "benchmarks/end_to_end/{network}-final.tsv"
        threads: S.end_to_end.threads
        resources:
            mem_mb=more(lambda w: end_to_end_memory(w.network, S.end_to_end.of(w.network))),
            runtime=more(720),
        script:
            "../scripts/end_to_end_final.py"
