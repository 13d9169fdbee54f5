"""Sentences of two clauses: subordinate, relative and infinitive clauses, coordination."""

from __future__ import annotations

from nmt.grammar import determiners, lexicon, phrases
from nmt.grammar.clauses import (
    FUTURE,
    MODALS,
    PAST,
    PAST_MODALS,
    PERFECT,
    PLUPERFECT,
    PRESENT,
    PROGRESSIVE,
    WANT,
    Clause,
    Tense,
    conjugate,
)
from nmt.grammar.complements import ACTIONS, ANY, PERSONAL, clause_of, complete
from nmt.grammar.lexicon import Verb
from nmt.grammar.morphology import ACC, NOM
from nmt.grammar.phrases import Draw, NounPhrase
from nmt.grammar.sentences import PLAIN, copula
from nmt.grammar.tokens import SentencePair, Target, Word, attach, render

PAST_TENSES: tuple[Tense, ...] = (*(PAST,) * 5, *PAST_MODALS)
NOW_TENSES: tuple[Tense, ...] = (PRESENT, PRESENT, PROGRESSIVE, PROGRESSIVE, FUTURE, *MODALS)
CONJUNCTIONS = (
    ("because", "weil"),
    ("because", "weil"),
    ("although", "obwohl"),
    ("before", "bevor"),
    ("after", "nachdem"),
    ("when", "als"),
    ("when", "wenn"),
    ("if", "wenn"),
    ("while", "während"),
)
WEATHER = (("rain", "regnet", "geregnet"), ("snow", "schneit", "geschneit"))


def _echo(draw: Draw, first: NounPhrase, likely: float = 0.6) -> NounPhrase | None:
    """Often a pronoun for the subject of the other clause."""
    if first.owner is None or not draw.chance(likely):
        return None
    return phrases.pronoun(first.owner, NOM)


def _weather(draw: Draw, past: bool, progressive: bool = True) -> Clause:
    """It is raining; the one "it" that needs nothing to refer to."""
    en, third, participle = draw.pick(WEATHER)
    it = Word("it")
    clause = Clause(NounPhrase([it], [Target("es", it)], 2, None, pronoun=True))
    main = Word(f"{en}ing" if progressive else f"{en}s")
    clause.main = [main]
    if progressive:
        clause.aux = [Word("was" if past else "is")]
    clause.finite = Target("hat" if past else third, *(clause.aux or [main]))
    if past:
        clause.bracket = [Target(participle, main)]
    elif progressive:
        clause.finite = Target(third, *clause.aux, main)
    return clause


def _part(
    draw: Draw,
    tenses: tuple[Tense, ...],
    subject: NounPhrase | None,
    timed: float = 0.15,
    passing: bool = False,
    negated: bool | None = None,
) -> Clause:
    tense = draw.pick(tenses)
    if draw.chance(0.2):
        simple = tense if tense in (PAST, PRESENT) else PAST if tenses is PAST_TENSES else PRESENT
        assert isinstance(simple, int)
        return copula(draw, simple, subject, negated, passing=passing)
    verbs = ANY if subject is None else PERSONAL
    return clause_of(draw, draw.pick(verbs), tense, subject=subject, timed=timed, negated=negated)


def subordinate(draw: Draw) -> SentencePair:
    """A main clause and a subordinate clause, in either order."""
    en, de = draw.pick(CONJUNCTIONS)
    past = de in ("als", "nachdem") or (de not in ("wenn",) and draw.chance(0.65))
    tenses = PAST_TENSES if past else NOW_TENSES
    main = _part(draw, tenses, None, timed=0.2)
    echo = _echo(draw, main.subject)
    if de == "nachdem":
        verb = draw.pick(ACTIONS)
        side = clause_of(draw, verb, PLUPERFECT, subject=echo, negated=False, timed=0)
    elif echo is None and de in ("weil", "obwohl", "wenn") and draw.chance(0.4):
        side = _weather(draw, past, de != "wenn" or draw.chance(0.5))
    else:
        spans: tuple[Tense, ...] = (PAST,) if past else (PRESENT,)
        reason = de in ("weil", "obwohl")
        if reason:
            spans = tenses
        elif not past and de != "bevor":
            spans = (PRESENT, PROGRESSIVE)
        passing = de in ("als", "wenn", "während")
        side = _part(
            draw,
            spans,
            echo,
            timed=0.1 if reason else 0,
            passing=passing,
            negated=None if reason or de == "wenn" else False,
        )
    conjunction = Word(en)
    side_en = [conjunction, *side.statement()]
    side_de = [Target(de, conjunction), *side.verb_final()]
    if draw.chance(0.4):
        english = [*attach(side_en, ","), *main.statement()]
        return render(english, [*attach(side_de, ","), *main.verb_first()], ".")
    german = [*attach(main.verb_second(), ","), *side_de]
    return render([*main.statement(), *side_en], german, ".")


def reported(draw: Draw) -> SentencePair:
    """What somebody thinks or says: a that-clause, or a question with whether."""
    verb = draw.pick(lexicon.SAYING)
    past = draw.chance(0.5)
    asks = draw.chance(0.25)
    subject = phrases.person(draw, NOM) or phrases.noun_phrase(
        draw, draw.pick(lexicon.NOUNS["person"]), NOM, determiners.DEFINITE
    )
    clause = Clause(subject)
    if asks:
        verb = KNOW
        conjugate(clause, verb, PAST if past else PRESENT, negated=True)
        assert clause.negator
        clause.middle = [Target("nicht", clause.negator)]
    else:
        conjugate(clause, verb, PAST if past else PRESENT)
    side = _part(draw, PAST_TENSES if past else (PAST, PERFECT, *NOW_TENSES), _echo(draw, subject))
    link = Word("whether" if asks else "that")
    english = [*clause.statement(), link, *side.statement()]
    german = [*attach(clause.verb_second(), ","), Target("ob" if asks else "dass", link)]
    return render(english, [*german, *side.verb_final()], ".")


KNOW = next(verb for verb in lexicon.SAYING if verb.base == "know")


def coordinated(draw: Draw) -> SentencePair:
    """Two main clauses: and, but, so."""
    en, de = draw.pick((("and", "und"), ("but", "aber"), ("so", "deshalb")))
    tenses = PAST_TENSES if draw.chance(0.6) else NOW_TENSES
    first = _part(draw, tenses, None)
    second = _part(draw, tenses, _echo(draw, first.subject, 0.5))
    link = Word(en)
    english = [*attach(first.statement(), ","), link, *second.statement()]
    german = first.verb_second()
    if de != "und":
        attach(german, ",")
    german.append(Target(de, link))
    german += second.verb_first() if de == "deshalb" else second.verb_second()
    return render(english, german, ".")


def _infinitive(
    draw: Draw, verb: Verb, subject: NounPhrase, to: Word
) -> tuple[list[Word], list[Target]]:
    clause = Clause(NounPhrase([], [], subject.person, subject.owner, pronoun=subject.pronoun))
    main, particle = Word(verb.base), [Word(text) for text in verb.particle]
    complete(draw, clause, verb, particle)
    sources = [main, *particle]
    if len(verb.zu) == 1:
        last = [Target(verb.zu[0], to, *sources)]
    else:
        last = [Target(verb.zu[0], to), Target(verb.zu[1], *sources)]
    return [main, *clause.after], [*clause.rest(), *last]


def intention(draw: Draw) -> SentencePair:
    """Trying to do something: an infinitive with zu."""
    verb = draw.pick(lexicon.INTENDING)
    past = draw.chance(0.7)
    subject = phrases.person(draw, NOM) or phrases.noun_phrase(
        draw, draw.pick(lexicon.NOUNS["person"]), NOM, determiners.SUBJECT
    )
    clause = Clause(subject)
    tense = PAST if past else PRESENT if verb.stative else PROGRESSIVE
    conjugate(clause, verb, tense)
    to = Word("to")
    english, german = _infinitive(draw, draw.pick(ACTIONS), subject, to)
    german = [*attach(clause.verb_second(), ","), *german]
    return render([*clause.statement(), to, *english], german, ".")


def purpose(draw: Draw) -> SentencePair:
    """In order to do something: um ... zu."""
    tenses: tuple[Tense, ...] = (PAST, PAST, PROGRESSIVE, FUTURE, WANT)
    tense = draw.pick(tenses)
    main = clause_of(draw, draw.pick(PURPOSEFUL), tense, negated=False, timed=0)
    in_, order, to = Word("in"), Word("order"), Word("to")
    english, german = _infinitive(draw, draw.pick(ACTIONS), main.subject, to)
    front = [*attach(main.verb_second(), ","), Target("um", in_, order)]
    return render([*main.statement(), in_, order, to, *english], [*front, *german], ".")


PURPOSEFUL = (*lexicon.MOTION, *(verb for verb in ACTIONS if verb in lexicon.TRANSITIVE))


def referring(draw: Draw) -> SentencePair:
    """ "She sold the lamp because it was old": it takes the gender of the German noun."""
    verb = draw.pick(TAKING)
    key = draw.pick(phrases.SUBJECT_KEYS)
    subject = phrases.pronoun(key, NOM)
    past = draw.chance(0.75)
    noun = draw.pick(THINGS[verb])
    main = clause_of(
        draw,
        verb,
        PAST if past else WANT,
        subject=subject,
        gap=True,
        timed=0,
        adjuncts=False,
        negated=False,
    )
    plural = draw.chance(0.25)
    item = phrases.noun_phrase(
        draw, noun, ACC, determiners.DEFINITE, determiner=determiners.THE, plural=plural
    )
    main.after += item.en
    main.middle += item.de
    word = Word("they" if plural else "it")
    gender = ("er", "sie", "es", "sie")[item.slot]
    it = NounPhrase([word], [Target(gender, word)], item.person, None, pronoun=True, noun=noun)
    side = copula(draw, PAST if past else PRESENT, it, avoid=item.en)
    en, de = draw.pick((("because", "weil"), ("although", "obwohl"), ("but", "aber")))
    link = Word(en)
    order = side.verb_second() if de == "aber" else side.verb_final()
    english = [*(attach(main.statement(), ",") if de == "aber" else main.statement()), link]
    german = [*attach(main.verb_second(), ","), Target(de, link), *order]
    return render([*english, *side.statement()], german, ".")


THINGS = {
    verb: tuple(n for n in lexicon.nouns_of(verb.objects) if n.adjectives and not n.mass)
    for verb in PLAIN
    if verb.case == ACC
    and not verb.particle
    and not verb.stative
    and verb.subjects[0] == "person"
    and not {"person", "animal", "problem", "question"} & set(verb.objects)
}
TAKING = tuple(verb for verb, things in THINGS.items() if things)
