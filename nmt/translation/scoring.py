"""One pass over the finished translations: scores by length and by group, and what has changed
against the baseline."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nmt.corpus.cleaning import clean
from nmt.evaluation.baseline import Baseline, Changes
from nmt.evaluation.comparison import most_different
from nmt.evaluation.groups import Grouping
from nmt.evaluation.lengths import scores_by_length, source_length
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Sentence, chunks
from nmt.settings import DataSettings
from nmt.vocabulary import Vocabulary
from nmt.vocabulary.special import SPECIALS, UNK


class _Form:
    """One form of the texts that is scored, and the scorers of both systems."""

    def __init__(
        self, text: str, hypothesis: Callable[[str], str] = str, reference: Callable = str
    ) -> None:
        self.own, self.baseline = Scorer(text=text), Scorer(text=text)
        self._hypothesis, self._reference = hypothesis, reference

    def add(self, sentences: Sequence[Sentence], others: Sequence[str | None]) -> None:
        streams = [[self._reference(text) for text in s.complete or []] for s in sentences]
        self._score(self.own, [s.translation for s in sentences], streams)
        pairs = [(o, r) for o, r in zip(others, streams, strict=True) if o is not None]
        self._score(self.baseline, [other for other, _ in pairs], [found for _, found in pairs])

    def _score(self, scorer: Scorer, texts: list[str], references: list[list[str]]) -> None:
        streams = list(zip(*references, strict=True))
        scorer.add([self._hypothesis(text) for text in texts], streams)


class Scoring:
    """What one pass over the translated rows collects; of a sentence it keeps numbers alone.

    A vocabulary of lower-cased words cannot give raw text back, so its references are brought
    into the same form, with their own words and never with [UNK], and so are the source words
    that stand for [UNK] in hypotheses; the raw score stands beside.

    Args:
        vocabulary: the target's; None without references.
        cleaning: how the model's corpus was cleaned.
        groupings: what to group by, in the order of the sentences' ``others``.
        baseline: an earlier output, or None.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | None,
        cleaning: DataSettings,
        groupings: Sequence[Grouping] = (),
        baseline: Baseline | None = None,
    ) -> None:
        self._forms = [_Form("raw")]
        if vocabulary is not None and vocabulary.kind == "word":
            words = vocabulary
            standardised = _Form(
                "standardised",
                lambda text: _standardised(text, words),
                lambda text: words.standardise(clean(text, cleaning)),
            )
            self._forms.insert(0, standardised)
        self._groupings, self._baseline, self._changes = groupings, baseline, Changes()
        self._lengths, self._rows = array("q"), array("q")
        self._paired = array("q")  # which of the scored sentences the baseline has, too

    def read(self, sentences: Iterable[Sentence]) -> None:
        """Read the translated rows, in order."""
        for chunk in chunks(sentences):
            others: list[str | None] = [None] * len(chunk)
            if self._baseline is not None:
                others = self._baseline.translations(chunk)
                self._changes.add(chunk, others)
            for place, grouping in enumerate(self._groupings):
                grouping.add(chunk, place)
            scored = [(s, o) for s, o in zip(chunk, others, strict=True) if s.complete]
            for sentence, other in scored:
                if other is not None:
                    self._paired.append(len(self._rows))
                self._rows.append(sentence.row)
                self._lengths.append(source_length(sentence.source))
            for form in self._forms:
                form.add([sentence for sentence, _ in scored], [other for _, other in scored])

    def scores(self) -> dict[str, Any]:
        """sacrebleu scores, brevity, by source length; {} where no row has its references."""
        form = self._forms[0]
        if not len(form.own):
            return {}
        other = self._comparable
        return {
            "scores": [score for form in self._forms for score in form.own.scores()],
            "scored_sentences": len(form.own),
            "by_length": scores_by_length(
                self._lengths, form.own, other, self._lengths if other else ()
            ),
            "brevity": form.own.brevity(),
        }

    def groups(self) -> list[dict[str, Any]]:
        """For each column its name and its groups; see `Grouping.table`."""
        own, other = self._forms[0].own, self._comparable
        return [{"column": g.column, "values": g.table(own, other)} for g in self._groupings]

    @property
    def _comparable(self) -> Scorer | None:
        """The baseline's scorer, if parts of both mean the same sentences."""
        whole = len(self._paired) == len(self._rows) > 0
        return self._forms[0].baseline if whole else None

    def comparison(self) -> dict[str, Any]:
        """How many sentences both have, what share has changed, and the paired test of those
        that are scored."""
        form, here = self._forms[0], np.array(self._paired, np.int64)
        changes = self._changes
        return {
            "paired": changes.paired,
            "changed": round(changes.changed / changes.paired, 6) if changes.paired else None,
            "sentences": len(here),
            "metrics": form.own.compare(form.baseline, here, np.arange(len(here)))
            if len(here)
            else [],
        }

    def most_changed(self) -> tuple[list[int], list[tuple[float, float]]]:
        """Which sentences differ most by chrF against their references.

        Returns:
            The numbers of their rows, and chrF of both systems; ([], []) where none is scored.
        """
        if not len(self._paired):
            return [], []
        here = np.array(self._paired, np.int64)
        raw = self._forms[-1]
        own = raw.own.sentence_scores("chrF")[here]
        other = raw.baseline.sentence_scores("chrF")
        chosen = most_different(own, other).tolist()
        rows = [self._rows[here[i]] for i in chosen]
        return rows, [(float(own[i]), float(other[i])) for i in chosen]

    @property
    def scored_pairs(self) -> int:
        """Scored sentences that the baseline has, too."""
        return len(self._paired)

    @property
    def sampled_changes(self) -> list[int]:
        """Numbers of rows that are translated otherwise, drawn at random."""
        return self._changes.rows


def _standardised(hypothesis: str, vocabulary: Vocabulary) -> str:
    """A hypothesis in the vocabulary's form, its [UNK] as they are."""
    unknown = SPECIALS[UNK]
    words = hypothesis.split()
    return " ".join(word if word == unknown else vocabulary.standardise(word) for word in words)
