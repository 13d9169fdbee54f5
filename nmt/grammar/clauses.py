"""Clauses: tense, negation and complements on both sides, and the German orders of words."""

from __future__ import annotations

from dataclasses import dataclass, field

from nmt.grammar import determiners, lexicon, modifiers, phrases
from nmt.grammar import morphology as m
from nmt.grammar.lexicon import Verb
from nmt.grammar.morphology import NOM
from nmt.grammar.phrases import Draw, NounPhrase
from nmt.grammar.tokens import Idiom, Phrase, Target, Word, words

PRESENT, PROGRESSIVE, PAST, PERFECT, PLUPERFECT, FUTURE = range(6)

HABEN = m.present("haben", "hat")
HATTE = m.preterite("hatte")
SEIN = ("bin", "bist", "ist", "sind")
WAR = ("war", "warst", "war", "waren")
WERDEN = ("werde", "wirst", "wird", "werden")
BE = ("am", "are", "is", "are")
WAS = ("was", "were", "was", "were")
HAVE = ("have", "have", "has", "have")
DO = ("do", "do", "does", "do")


@dataclass(slots=True, frozen=True)
class Modal:
    """A modal and its German forms.

    aux: English auxiliary by person, or None for full verbs ("want to"), which take `forms`.
    forms: base and third person of a full verb; both the past form in the past.
    tail: what follows before the infinitive.
    past: whether it tells of the past.
    polarity: 1 only affirmative, -1 only negated, 0 both.
    """

    aux: tuple[str, ...] | None
    forms: tuple[str, str]
    tail: str
    german: tuple[str, ...]
    past: bool = False
    polarity: int = 0
    base: str = ""


DARF = ("darf", "darfst", "darf", "dürfen")
MUSS = ("muss", "musst", "muss", "müssen")
WANT = Modal(None, ("want", "wants"), "to", ("will", "willst", "will", "wollen"), base="want")
MODALS = (
    Modal(("can",) * 4, ("", ""), "", ("kann", "kannst", "kann", "können")),
    Modal(("must",) * 4, ("", ""), "", MUSS, polarity=1),
    Modal(("must",) * 4, ("", ""), "", DARF, polarity=-1),
    Modal(("should",) * 4, ("", ""), "", ("sollte", "solltest", "sollte", "sollten")),
    Modal(("may",) * 4, ("", ""), "", DARF, polarity=1),
    Modal(("would",) * 4, ("", ""), "like to", ("möchte", "möchtest", "möchte", "möchten")),
    WANT,
    Modal(None, ("have", "has"), "to", MUSS, base="have"),
)
PAST_MODALS = (
    Modal(("could",) * 4, ("", ""), "", m.preterite("konnte"), True),
    Modal(WAS, ("", ""), "allowed to", m.preterite("durfte"), True),
    Modal(None, ("wanted", "wanted"), "to", m.preterite("wollte"), True, base="want"),
    Modal(None, ("had", "had"), "to", m.preterite("musste"), True, base="have"),
)

Tense = int | Modal


@dataclass(slots=True)
class Clause:
    """The pieces of a clause, from which either language takes its own order."""

    subject: NounPhrase
    aux: list[Word] = field(default_factory=list)
    negation: list[Word] = field(default_factory=list)
    frequency: Phrase | None = None
    main: list[Word] = field(default_factory=list)
    after: list[Word] = field(default_factory=list)
    time: Phrase | None = None
    finite: Target = field(default_factory=lambda: Target(""))
    bracket: list[Target] = field(default_factory=list)
    joins: bool = False
    pronouns: list[Target] = field(default_factory=list)
    middle: list[Target] = field(default_factory=list)
    negator: Word | None = None
    object: NounPhrase | None = None

    def statement(self, fronted: bool = False) -> list[Word]:
        """English subject first, or after a fronted adverbial of time."""
        time = self.time.en if self.time else []
        words = [*time, *self.subject.en] if fronted else list(self.subject.en)
        words += self.aux[:1]
        words += self.negation
        if self.frequency:
            words += self.frequency.en
        words += self.aux[1:]
        words += self.main
        words += self.after
        return words if fronted else words + time

    def question(self) -> list[Word]:
        """English auxiliary first."""
        out = [*self.aux[:1], *self.subject.en, *self.negation]
        if self.frequency:
            out += self.frequency.en
        return out + self.aux[1:] + self.main + self.after + (self.time.en if self.time else [])

    def rest(self) -> list[Target]:
        """German: all that follows subject and finite verb in a main clause."""
        time = self.time.de if self.time else []
        return [*self.pronouns, *time, *self.middle, *self.bracket]

    def verb_second(self, fronted: bool = False) -> list[Target]:
        """German statement: the finite verb stands second, the time or the subject first."""
        if not (fronted and self.time):
            return [*self.subject.de, self.finite, *self.rest()]
        head = [*self.time.de, self.finite, *self.subject.de]
        return [*head, *self.pronouns, *self.middle, *self.bracket]

    def verb_first(self) -> list[Target]:
        """German question, or main clause behind a fronted element."""
        return [self.finite, *self.subject.de, *self.rest()]

    def verb_final(self) -> list[Target]:
        """German subordinate clause: the finite verb comes last, joined with its prefix."""
        out = [*self.subject.de, *self.rest()]
        if self.joins:
            prefix = out.pop()
            return [*out, Target(prefix.text + self.finite.text, *self.finite.sources)]
        return [*out, self.finite]


def conjugate(
    clause: Clause, verb: Verb, tense: Tense, asking: bool = False, negated: bool = False
) -> list[Word]:
    """Fills in the verb of a clause on both sides; returns the English particle.

    Args:
        clause: the clause, with its subject.
        verb: the verb.
        tense: a tense or a modal.
        asking: whether the clause needs an auxiliary that can change places with the subject.
        negated: whether "not" follows the auxiliary.
    """
    who = clause.subject.person
    particle = [Word(text) for text in verb.particle]
    if negated:
        clause.negator = Word("not")
        clause.negation = [clause.negator]
    supported = asking or negated
    if isinstance(tense, Modal):
        _modal(clause, verb, tense, particle, supported)
        if clause.aux and clause.aux[0].text == "can" and negated and not asking:
            clause.aux[0].text = "cannot"
            clause.negation, clause.negator = [], clause.aux[0]
        return particle
    perfect = tense in (PERFECT, PLUPERFECT)
    auxiliary = SEIN if verb.sein else HABEN
    if tense in (PRESENT, PAST):
        past = tense == PAST
        finite = verb.past if past else verb.third if who == 2 else verb.base
        main = Word(verb.base if supported else finite)
        if supported:
            clause.aux = [Word("did" if past else DO[who])]
        perfect = past and verb.preterite is None
    elif tense == PROGRESSIVE:
        clause.aux, main = [Word(BE[who])], Word(verb.ing)
    elif tense == FUTURE:
        clause.aux, main = [Word("will")], Word(verb.base)
    else:
        clause.aux = [Word("had" if tense == PLUPERFECT else HAVE[who])]
        main = Word(verb.participle)
    clause.main = [main]
    if tense == PLUPERFECT:
        auxiliary = WAR if verb.sein else HATTE
    if perfect:
        clause.finite = Target(auxiliary[who], *(clause.aux or [main, *particle]))
        clause.bracket = [Target(verb.perfect, main, *particle)]
    elif tense == FUTURE:
        clause.finite = Target(WERDEN[who], *clause.aux)
        clause.bracket = [Target(verb.infinitive, main, *particle)]
    else:
        sources = [*clause.aux, main, *particle]
        forms = verb.preterite if tense == PAST and verb.preterite else verb.present
        clause.finite = Target(forms[who], *sources)
        _prefix(clause, verb, sources)
    return particle


def _prefix(clause: Clause, verb: Verb, sources: list[Word]) -> None:
    if verb.prefix:
        clause.bracket, clause.joins = [Target(verb.prefix, *sources)], True


def _modal(clause: Clause, verb: Verb, modal: Modal, particle: list[Word], do: bool) -> None:
    who = clause.subject.person
    tail = words(modal.tail)
    if modal.aux is not None:
        clause.aux, full = [Word(modal.aux[who])], []
    elif do:
        clause.aux, full = [Word("did" if modal.past else DO[who])], [Word(modal.base)]
    else:
        full = [Word(modal.forms[who == 2])]
    infinitive = Word(verb.base)
    clause.main = [*full, *tail, infinitive]
    clause.finite = Target(modal.german[who], *clause.aux, *full, *tail)
    clause.bracket = [Target(verb.infinitive, infinitive, *particle)]


def times_for(tense: Tense, stative: bool) -> list[Idiom]:
    """The adverbials of time that fit a tense."""
    if isinstance(tense, Modal):
        return modifiers.PAST_TIMES if tense.past else modifiers.FUTURE_TIMES
    if tense == PAST:
        return modifiers.PAST_TIMES
    if tense == FUTURE:
        return modifiers.FUTURE_TIMES
    if tense == PROGRESSIVE:
        return modifiers.PRESENT_TIMES
    return modifiers.HABITUAL_TIMES if tense == PRESENT and not stative else []


def subject_for(draw: Draw, classes: tuple[str, ...]) -> NounPhrase:
    """A subject of one of these semantic classes."""
    if classes[0] == "person":
        found = phrases.person(draw, NOM)
        if found:
            return found
        if len(classes) == 1 or draw.chance(0.6):
            classes = ("person",)
            noun = draw.pick(lexicon.NOUNS["person"])
            return phrases.noun_phrase(draw, noun, NOM, determiners.SUBJECT)
    noun = draw.pick(lexicon.nouns_of(classes))
    return phrases.noun_phrase(draw, noun, NOM, determiners.SUBJECT)


def bare_subject() -> NounPhrase:
    """The unspoken subject of infinitives and imperatives."""
    return NounPhrase([], [], 1, "you", pronoun=True)
