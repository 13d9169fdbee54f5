"""The stages of a preparation that filter pairs, between cleaning and the vocabularies.

Each is a pure function from a unit to staged files of fixed names, as in `nmt.corpus.stages`:

    scores-…    what the rules say of each pair, and which one rejects it
    held-…, sources-…, leaks-…    training pairs whose source is in valid or test, see `leaks`
    aligner-…   word translations and lengths, learnt from the pairs that the rules leave
    judged-…    the same with what the aligner says; fingerprints of the pairs
    repeated-…  pairs of a unit that occurred in an earlier one, a file a range of fingerprints
    kept-…      what remains; filtered-… what does not

Given valid and test files are never filtered. None of it needs memory that grows with the corpus:
the aligner learns from an even sample, and repeated pairs are looked for in one range of
fingerprints after the other.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.alignment.translations import CELLS
from nmt.alignment.words import stems
from nmt.corpus.filters import RULES, SCORES, Languages, PairBatch, histogram
from nmt.corpus.filters.alignment import LARGEST, Aligner
from nmt.corpus.filters.cross_entropy import CROSS_ENTROPY, PairModels
from nmt.corpus.filters.judgement import LEARNT, LearntPairs
from nmt.corpus.journal import Journal
from nmt.corpus.leaks import find_leaks, leak_kind, read_leaks, store_sources
from nmt.corpus.plausible import filtered_problem, scored_problem
from nmt.corpus.repeated import find_repeated, ranges, read_repeated, write_pairs
from nmt.corpus.staged import CLEAN, SCORED, read_table
from nmt.corpus.stages import Plan, Unit, count_words, rejected_rows
from nmt.even_sample import EvenSample
from nmt.languages import UNDETERMINED
from nmt.records.dataset import AlignerRecord
from nmt.records.preparation import Filtered, NothingCounted, Scored
from nmt.reject_reasons import RejectReason
from nmt.shards.schema import write_part

log = logging.getLogger(__name__)

_AT_ONCE = 8192  # pairs
_QUANTILES = (5, 25, 50, 75, 90, 95, 98, 99)


class Filtering(NamedTuple):
    """What all stages counted; nothing where no corpus has filters.

    Attributes:
        units: the units that `results` are of, in their order.
        results: of each unit.
        aligner: what was learnt, if anything was.
        limits: the scores that the thresholds of each corpus stand for, by the name of the filter.
    """

    units: Sequence[Unit] = ()
    results: Sequence[Filtered] = ()
    aligner: AlignerRecord | None = None
    limits: Sequence[Mapping[str, float]] = ()


def filter_pairs(
    journal: Journal,
    languages: Languages,
    units: Sequence[Unit],
    models: PairModels | None = None,
) -> Filtering:
    """Run the stages over all units that were cleaned.

    Args:
        journal: runs them.
        languages: of both sides.
        units: all of them.
        models: what scores pairs, if any does.
    """
    plan, units = journal.plan, list(units)
    _warn_of_unknown(plan, languages)
    scored = journal.run(
        *("score", score_unit, units, languages),
        result=Scored,
        title="score by rules",
        problem=scored_problem,
    )
    training = [unit for unit in units if unit.role == "train"]
    left = Scored(pairs=sum(one.pairs for one in scored), cells=sum(one.cells for one in scored))
    aligner = None
    if any(corpus.thresholds.get(name) for corpus in plan.corpora for name in LEARNT):
        (aligner,) = journal.run(
            "aligner",
            learn_aligner,
            [left],
            training,
            result=AlignerRecord,
            title="learn to align",
        )
    title = "score by alignment" if models is None else "score by alignment and models"
    journal.run("judge", judge_unit, units, models, result=NothingCounted, title=title)
    parts = ranges(sum(one.pairs for one in scored))
    journal.run(
        "repeated",
        find_repeated,
        parts,
        units,
        len(parts),
        result=NothingCounted,
        title="find repeated pairs",
    )
    if any(leak_kind(plan, unit) for unit in units):
        journal.run("leaks", find_leaks, [units], result=NothingCounted, title="find leaks")
    results = journal.run(
        *("filter", finish_unit, units, len(parts)),
        result=Filtered,
        title="filter",
        problem=filtered_problem,
    )
    limits: list[dict[str, float]] = []
    for corpus in plan.corpora:
        names = (*(rule.name for rule in RULES), CROSS_ENTROPY.name)
        limits.append({name: float(corpus.thresholds.get(name, 0)) for name in names})
        for one in LEARNT.values() if aligner else ():
            if threshold := float(corpus.thresholds.get(one.name, 0)):
                file = plan.staging / "aligner-00000"
                limits[-1][one.name] = one.limit(Aligner.parse(file.read_bytes(LARGEST)), threshold)
    return Filtering(units, results, aligner, limits)


def score_unit(plan: Plan, languages: Languages, unit: Unit) -> Scored:
    """Let the rules judge the pairs of a unit.

    Args:
        plan: the preparation.
        languages: of both sides.
        unit: the pairs, cleaned.
    """
    table = _read_clean(plan, unit)
    thresholds = _thresholds(plan, unit)
    rules = [rule for rule in RULES if rule.name in thresholds]
    reasons = np.full(table.num_rows, None, object)
    columns: dict[str, list[np.ndarray]] = {rule.name: [] for rule in rules}
    cells = 0
    for first in range(0, table.num_rows, _AT_ONCE):
        some = table.slice(first, _AT_ONCE)
        batch = PairBatch(some["source"].to_pylist(), some["target"].to_pylist(), languages)
        own = reasons[first : first + len(batch)]
        for rule in rules:
            scores = rule.score(batch)
            columns[rule.name].append(scores)
            rejected = rule.rejects(scores, float(thresholds[rule.name]))
            own[rejected & _undecided(own)] = str(rule.reason)
        if any(thresholds.get(name) for name in LEARNT):
            words = [np.array([len(stems(text)) for text in side.texts]) for side in batch.sides]
            cells += int((words[0] * words[1])[_undecided(own)].sum())
    scored = pa.table(
        {
            "id": table["id"],
            **{name: _joined(parts) for name, parts in columns.items()},
            "reason": pa.array(reasons.tolist(), pa.string()),
        }
    )
    (plan.staging / unit.name("scores")).write_table(scored)
    store_sources(plan, unit, table, _undecided(reasons))
    return Scored(pairs=scored["reason"].null_count, cells=cells)


def learn_aligner(plan: Plan, units: Sequence[Unit], left: Scored) -> AlignerRecord:
    """Learn word translations and lengths from the pairs that the rules leave, and store them.

    Args:
        plan: the preparation.
        units: those of all corpora.
        left: what the rules leave; of more than `CELLS` an even sample is taken.
    """
    sample: EvenSample[tuple[str, str, int]] = EvenSample(left.cells, left.pairs, CELLS)
    for unit in units:
        table = _read_clean(plan, unit)
        scored = _read_scores(plan, unit, "scores", table)
        chosen = table["id"].to_numpy() % sample.step == 0
        chosen &= pc.is_null(scored["reason"]).to_numpy(zero_copy_only=False)
        some = table.filter(pa.array(chosen))
        columns = (some[name].to_pylist() for name in ("id", "source", "target"))
        for number, source, target in zip(*columns, strict=True):
            own_cells = (len(stems(source)) + 1) * len(stems(target))
            sample.add(number, own_cells, (source, target, unit.corpus))
    sources, targets, owners = map(
        list, zip(*sample.pairs, strict=True) if sample.pairs else [[]] * 3
    )
    aligner = Aligner.learn(sources, targets, sample.step, np.array(owners, np.int64))
    (plan.staging / "aligner-00000").write_bytes(aligner.serialise())
    random = aligner.random if len(aligner.random) else np.zeros(1)
    return AlignerRecord(
        pairs=len(sources),
        step=sample.step,
        ratios={
            corpus.name: aligner.length_model(place).ratio
            for place, corpus in enumerate(plan.corpora)
        },
        random={f"{n}": float(np.quantile(random, n / 100)) for n in _QUANTILES},
    )


def judge_unit(plan: Plan, models: PairModels | None, unit: Unit) -> None:
    """Let the aligner and models judge the pairs of a unit that the rules leave; take the
    fingerprints of those that are left.

    Args:
        plan: the preparation.
        models: what scores pairs, if any does.
        unit: the pairs, cleaned and scored by the rules.
    """
    table = _read_clean(plan, unit)
    scored = _read_scores(plan, unit, "scores", table)
    thresholds = _thresholds(plan, unit)
    reasons = np.array(scored["reason"].to_pylist(), object)
    sources, targets = table["source"].to_pylist(), table["target"].to_pylist()
    learnt = [one for one in LEARNT.values() if thresholds.get(one.name)]
    if learnt:
        aligner = Aligner.parse((plan.staging / "aligner-00000").read_bytes(LARGEST))
        pairs = LearntPairs(unit.corpus, sources, targets, table["id"].to_numpy())
        for one in learnt:
            scores = one.score(aligner, pairs)
            rejected = one.rejects(aligner, scores, float(thresholds[one.name]))
            reasons[rejected & _undecided(reasons)] = str(one.reason)
            scored = scored.append_column(one.name, pa.array(scores, from_pandas=True))
    if models is not None and CROSS_ENTROPY.name in thresholds:
        rows = np.flatnonzero(_undecided(reasons))  # it is the dearest score
        some = [sources[row] for row in rows], [targets[row] for row in rows]
        scores = np.full(len(reasons), np.nan, np.float32)
        scores[rows] = CROSS_ENTROPY.score(models, *some)
        rejected = CROSS_ENTROPY.rejects(scores, float(thresholds[CROSS_ENTROPY.name]))
        reasons[rejected] = str(CROSS_ENTROPY.reason)
        scored = scored.append_column(CROSS_ENTROPY.name, pa.array(scores, from_pandas=True))
    place = scored.column_names.index("reason")
    scored = scored.set_column(place, "reason", pa.array(reasons.tolist(), pa.string()))
    (plan.staging / unit.name("judged")).write_table(scored)
    rows = np.flatnonzero(_undecided(reasons)).astype(np.int32)
    sources, targets = [sources[row] for row in rows], [targets[row] for row in rows]
    kinds = (bool(thresholds.get(name)) for name in ("duplicates", "near_duplicates"))
    write_pairs(plan, unit, rows, sources, targets, *kinds)


def finish_unit(plan: Plan, count: int, unit: Unit) -> Filtered:
    """Bring together what was said of the pairs of a unit, and write what is kept.

    Args:
        plan: the preparation.
        count: into how many ranges fingerprints were divided.
        unit: the pairs.
    """
    table = _read_clean(plan, unit)
    judged = _read_scores(plan, unit, "judged", table)
    reasons = np.array(judged["reason"].to_pylist(), object)
    for kind, rows in read_repeated(plan, unit, count).items():
        reasons[rows] = str(kind)
    leaks = np.zeros(len(reasons), bool)
    leaks[read_leaks(plan, unit)] = True
    reasons[leaks & _undecided(reasons)] = str(RejectReason.LEAK)
    kept = table.filter(pa.array(_undecided(reasons)))
    (plan.staging / unit.name("kept")).write_table(kept)
    filtered = rejected_rows(plan, unit, table, reasons.tolist())
    (plan.staging / unit.name("filtered")).write_table(filtered)
    count_words(plan, unit, kept)
    scores = judged.drop_columns(["reason"])
    entry = None
    if scores.num_rows and scores.num_columns > 1:
        entry = write_part(plan.output, f"scores/part-{unit.number:05d}.parquet", scores)
    return Filtered(
        counts=dict(Counter(kept["split"].to_pylist())),
        drops=dict(Counter(filtered["reason"].to_pylist())),
        scores=entry,
        histograms={
            name: histogram(scores[name].to_numpy(), one.edges).tolist()
            for name, one in SCORES.items()
            if name in scores.column_names
        },
    )


def _read_clean(plan: Plan, unit: Unit) -> pa.Table:
    return read_table(plan.staging / unit.name("clean"), CLEAN, most=unit.count)


def _read_scores(plan: Plan, unit: Unit, kind: str, table: pa.Table) -> pa.Table:
    """The scores of the pairs of a table, row by row."""
    others = dict.fromkeys(SCORES, pa.float32())
    file = plan.staging / unit.name(kind)
    return read_table(file, SCORED, rows=table.num_rows, others=others)


def _warn_of_unknown(plan: Plan, languages: Languages) -> None:
    needed = any(
        corpus.thresholds.get(name) for corpus in plan.corpora for name in ("language", "script")
    )
    unknown = [side for side, code in languages._asdict().items() if code == UNDETERMINED]
    if needed and unknown:
        options = " and ".join(f"--{side}-language" for side in unknown)
        log.warning(
            f"filter.language and filter.script cannot judge the {' and '.join(unknown)} side, "
            f"whose language is not known; give {options}"
        )


def _undecided(reasons: np.ndarray) -> np.ndarray:
    return pc.is_null(pa.array(reasons, pa.string())).to_numpy(zero_copy_only=False)


def _thresholds(plan: Plan, unit: Unit) -> Mapping[str, float | bool]:
    return plan.corpora[unit.corpus].thresholds if unit.role == "train" else {}


def _joined(parts: Sequence[np.ndarray]) -> pa.Array:
    return pa.array(np.concatenate([np.zeros(0, np.float32), *parts]), from_pandas=True)
