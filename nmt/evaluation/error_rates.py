"""The alignment error rate of an output's alignments against gold ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nmt.errors import UnusableInput
from nmt.evaluation.alignment import LinkCounts, diagonal, parse_gold, parse_pharaoh
from nmt.evaluation.sentences import References
from nmt.evaluation.translations import Translations
from nmt.printable import FewLines
from nmt.records.report import ErrorRates
from nmt.segmentation import count_words, split_words

log = logging.getLogger(__name__)


def error_rates(
    output: Translations, references: References, column: str | None, gold: Sequence[str]
) -> ErrorRates:
    """AER of the output's alignments and of the plain diagonal.

    Split sentences are left out, as in a translation job: the pieces of one do not attend to each
    other. Gold alignments belong to the references. They fit a translation with the same words; in
    another one some positions mean other words. So the AER of those with the same words is
    reported, too.

    Args:
        output: a finished output with alignments.
        references: of its rows.
        column: its column of gold alignments.
        gold: the gold alignment of each row of the input, where they are in no column.

    Returns:
        The error rates. Malformed alignments are counted and left out.

    Raises:
        UnusableInput: no row has a gold alignment.
    """
    attention, plain, same = LinkCounts(), LinkCounts(), LinkCounts()
    malformed, warnings = 0, FewLines(log.warning)
    lines = output.texts(column) if column else (gold[row] for row in output.numbers.tolist())
    for text, line, sentence in zip(
        output.alignments(), lines, output.sentences(references), strict=True
    ):
        if not line or not line.strip() or "split" in sentence.flags:
            continue
        source, words = count_words(sentence.source), split_words(sentence.translation)
        targets = [split_words(reference or "") for reference in sentence.references]
        try:
            # Gold links are to words of the references.
            drawn = parse_gold(line, (source, max(map(len, [words, *targets]))))
            own = parse_pharaoh(text or "", (source, len(words)))
        except UnusableInput as error:
            malformed += 1
            row = f"{output.location}: row {sentence.row + 1}"
            warnings.add(f"{row}: {error}; left out of the AER", "malformed alignment")
            continue
        counts = LinkCounts.of(own, drawn)
        straight = diagonal(source, len(words))
        attention, plain = attention.plus(counts), plain.plus(LinkCounts.of(straight, drawn))
        if words in targets:
            same = same.plus(counts)
    warnings.end()
    if not attention.sentences:
        raise UnusableInput(
            "no row that was translated whole has a gold alignment; check --gold-alignments"
        )
    return ErrorRates(
        of="Alignments of the translations",
        aer=round(attention.error_rate, 6),
        aer_diagonal=round(plain.error_rate, 6),
        sentences=attention.sentences,
        aer_same_words=round(same.error_rate, 6) if same.sentences else None,
        sentences_same_words=same.sentences,
        malformed=malformed,
    )
