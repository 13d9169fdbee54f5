"""Kinds of sentences: statements, questions, commands and combinations of clauses."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.grammar import determiners, lexicon, modifiers, phrases
from nmt.grammar import morphology as m
from nmt.grammar.clauses import (
    BE,
    FUTURE,
    MODALS,
    PAST,
    PAST_MODALS,
    PRESENT,
    SEIN,
    WAR,
    WAS,
    WERDEN,
    Clause,
    Tense,
    bare_subject,
    subject_for,
)
from nmt.grammar.complements import ACTIONS, ANY, PERSONAL, TENSES, clause_of, complete
from nmt.grammar.morphology import ACC, DAT, NOM
from nmt.grammar.phrases import Draw, NounPhrase
from nmt.grammar.tokens import (
    SentencePair,
    Target,
    Word,
    render,
    words,
)


def _tense(draw: Draw) -> Tense:
    chosen = draw.random()
    if chosen < 0.14:
        return draw.pick(MODALS)
    return draw.pick(PAST_MODALS) if chosen < 0.2 else draw.pick(TENSES)


def copula(
    draw: Draw,
    tense: int,
    subject: NounPhrase | None = None,
    negated: bool | None = None,
    passing: bool = False,
    avoid: Sequence[Word] = (),
) -> Clause:
    """A clause with "be": an adjective or a comparison.

    Args:
        draw: the choices.
        tense: PRESENT, PAST or FUTURE.
        subject: the subject; drawn where None.
        negated: whether it is negated; drawn where None.
        passing: persons only in states that pass ("tired"), as after "when".
        avoid: words that already describe the subject.
    """
    if subject is None:
        chosen = draw.random()
        cls = "person" if chosen < 0.55 else draw.pick(DESCRIBED)
        subject = subject_for(draw, (cls,))
    noun, who = subject.noun, subject.person
    clause = Clause(subject)
    if negated is None:
        negated = draw.random() < 0.15 and not subject.de[0].text.startswith("kein")
    if tense == FUTURE:
        clause.aux, clause.main = [Word("will")], [Word("be")]
        clause.finite = Target(WERDEN[who], *clause.aux)
        clause.bracket = [Target("sein", *clause.main)]
    else:
        clause.aux = [Word((WAS if tense == PAST else BE)[who])]
        clause.finite = Target((WAR if tense == PAST else SEIN)[who], *clause.aux)
    if negated:
        clause.negator = Word("not")
        clause.negation = [clause.negator]
        clause.middle.append(Target("nicht", clause.negator))
    adjectives = noun.adjectives if noun and noun.adjectives else PERSON_ADJECTIVES
    if passing and (noun is None or noun.cls == "person"):
        adjectives = STATES
    adjective = draw.pick(adjectives)
    said = {word.text for word in (*subject.en, *avoid)}
    while adjective.en in said:
        adjective = draw.pick(adjectives)
    chosen = draw.random()
    if chosen < 0.2 and adjective.gradable and (noun is None or noun.cls != "place"):
        _compare(draw, clause, adjective, noun)
    else:
        if chosen > 0.8 and not negated:
            degree = draw.pick(modifiers.DEGREE).phrase()
            clause.after += degree.en
            clause.middle += degree.de
        word = Word(adjective.en)
        clause.after.append(word)
        clause.middle.append(Target(adjective.de, word))
    return clause


def _compare(
    draw: Draw, clause: Clause, adjective: lexicon.Adjective, noun: lexicon.Noun | None
) -> None:
    standard = draw.pick(lexicon.NOUNS[noun.cls if noun else "person"])
    other = phrases.noun_phrase(draw, standard, NOM, determiners.DEFINITE)
    if draw.chance(0.6):
        form, than = words(adjective.comparative_en), Word("than")
        clause.after += [*form, than, *other.en]
        compared = [Target(adjective.comparative_de, *form), Target("als", than)]
    else:
        first, form, second = Word("as"), [Word(adjective.en)], Word("as")
        clause.after += [first, *form, second, *other.en]
        compared = [Target("so", first), Target(adjective.de, *form), Target("wie", second)]
    clause.middle += compared + other.de


DESCRIBED = tuple(cls for cls, group in lexicon.NOUNS.items() if group[0].adjectives)
STATES = tuple(item for item in lexicon.ADJECTIVES if item.state and "person" in item.classes)
PERSON_ADJECTIVES = lexicon.NOUNS["person"][0].adjectives


def _clause(draw: Draw, subject: NounPhrase | None = None, timed: float = 0.4) -> Clause:
    if draw.chance(0.15):
        return copula(draw, draw.pick((PRESENT, PRESENT, PAST, FUTURE)), subject)
    verbs = ANY if subject is None else PERSONAL
    return clause_of(draw, draw.pick(verbs), _tense(draw), subject=subject, timed=timed)


def simple(draw: Draw) -> SentencePair:
    """A main clause, sometimes with the time in front."""
    clause = _clause(draw, timed=0.5)
    fronted = clause.time is not None and draw.chance(0.4)
    return render(clause.statement(fronted), clause.verb_second(fronted), ".")


def existence(draw: Draw) -> SentencePair:
    """ "There is a bank in the city." = "In der Stadt gibt es eine Bank." """
    noun = draw.pick(lexicon.nouns_of(draw.pick(EXISTING)))
    there, past = Word("there"), draw.chance(0.3)
    item = phrases.noun_phrase(draw, noun, ACC, determiners.INDEFINITE)
    verb = Word((WAS if past else BE)[item.person])
    place = phrases.place(draw, moving=False)
    exists = [Target("gab" if past else "gibt", there, verb), Target("es", there)]
    return render([there, verb, *item.en, *place.en], [*place.de, *exists, *item.de], ".")


EXISTING = (("person",), ("animal",), ("building",), ("plant",), ("furniture",))


def yes_no(draw: Draw) -> SentencePair:
    """A question for yes or no."""
    if draw.chance(0.15):
        clause = copula(draw, draw.pick((PRESENT, PAST)), negated=False)
    else:
        verb, negated = draw.pick(ANY), draw.chance(0.06)
        clause = clause_of(draw, verb, _question_tense(draw), asking=True, negated=negated)
    return render(clause.question(), clause.verb_first(), "?")


def _question_tense(draw: Draw) -> Tense:
    tense = _tense(draw)
    # "must" and "may" change their meaning between statement and question
    return PAST if not isinstance(tense, int) and tense.polarity else tense


def adverbial_question(draw: Draw) -> SentencePair:
    """Where, when and why."""
    en, de = draw.pick((("where", "wo"), ("when", "wann"), ("why", "warum")))
    where = en == "where"
    verb = draw.pick(WHEREABOUTS if where else PERSONAL)
    clause = clause_of(
        draw,
        verb,
        _question_tense(draw),
        asking=True,
        negated=False,
        gap=verb in lexicon.LOCATED and where,
        adjuncts=False,
        timed=0.2 if where else 0,
    )
    word = Word(en)
    return render([word, *clause.question()], [Target(de, word), *clause.verb_first()], "?")


# one does not count a single thing
PLAIN = tuple(
    verb for verb in lexicon.TRANSITIVE if verb.preposition is None and verb.base != "count"
)
WHEREABOUTS = tuple(
    verb
    for verb in (*PLAIN, *lexicon.LOCATED * 8)
    if not verb.stative and verb.subjects[0] == "person"
)
WHAT = tuple(
    verb
    for verb in PLAIN
    if verb.case == ACC and "person" not in verb.objects and verb.subjects[0] == "person"
)
WHOM = tuple(verb for verb in PLAIN if verb.objects[0] == "person" and verb.base != "belong")


def object_question(draw: Draw) -> SentencePair:
    """What, whom, which and how many."""
    kind = draw.pick(("what", "whom", "which", "many"))
    verb = draw.pick(WHOM if kind == "whom" else WHAT)
    clause = clause_of(
        draw, verb, _question_tense(draw), asking=True, negated=False, gap=True, adjuncts=False
    )
    en: list[Word]
    if kind in ("what", "whom"):
        en = [Word(kind)]
        de = [Target("was" if kind == "what" else "wem" if verb.case == DAT else "wen", en[0])]
    else:
        noun = draw.pick(lexicon.nouns_of(verb.objects))
        many = kind == "many" and not noun.mass
        item = phrases.noun_phrase(
            draw,
            noun,
            ACC,
            determiners.OBJECT,
            plural=many,
            determiner=determiners.MANY if many else determiners.WHICH,
        )
        how = [Word("how")] if many else []
        en = [*how, *item.en]
        de = [*([Target("wie", *how)] if many else []), *item.de]
    return render([*en, *clause.question()], [*de, *clause.verb_first()], "?")


def subject_question(draw: Draw) -> SentencePair:
    """Who did it."""
    word = Word("who")
    who = NounPhrase([word], [Target("wer", word)], 2, None, pronoun=True)
    clause = _clause(draw, who, timed=0.3)
    return render(clause.statement(), clause.verb_second(), "?")


def command(draw: Draw) -> SentencePair:
    """An imperative to one person."""
    verb = draw.pick(ACTIONS)
    clause = Clause(bare_subject())
    main, particle = Word(verb.base), [Word(text) for text in verb.particle]
    polite, front = draw.chance(0.4), [Word("please")]
    do: list[Word] = []
    if draw.chance(0.2):
        clause.negator = Word("not")
        clause.negation = [clause.negator]
        do = [Word("do")]
    complete(draw, clause, verb, particle)
    sources = [*do, main, *particle]
    if verb.prefix:
        clause.bracket = [Target(verb.prefix, *sources)]
    en = [*(front if polite else []), *do, *clause.negation, main, *clause.after]
    de = [Target(verb.imperative, *sources), *clause.rest()]
    return render(en, [Target("bitte", *front), *de] if polite else de, "." if polite else "!")


def passive(draw: Draw) -> SentencePair:
    """A passive with werden, the doer with von."""
    verb = draw.pick(PASSIVE)
    noun = draw.pick(lexicon.nouns_of(verb.objects))
    subject = phrases.noun_phrase(draw, noun, NOM, determiners.SUBJECT)
    past = draw.chance(0.75)
    who = subject.person
    clause = Clause(subject)
    clause.aux, clause.main = [Word((WAS if past else BE)[who])], [Word(verb.participle)]
    particle = words(" ".join(verb.particle))
    forms = m.preterite("wurde") if past else WERDEN
    clause.finite = Target(forms[who], *clause.aux)
    clause.bracket = [Target(verb.perfect, *clause.main, *particle)]
    doer = phrases.noun_phrase(draw, draw.pick(lexicon.NOUNS["person"]), DAT, determiners.DEFINITE)
    agent = phrases.with_preposition("by", "von", doer)
    clause.after = [*particle, *agent.en]
    clause.middle = agent.de
    if past and draw.chance(0.3):
        clause.time = draw.pick(modifiers.PAST_TIMES).phrase()
    fronted = clause.time is not None and draw.chance(0.5)
    return render(clause.statement(fronted), clause.verb_second(fronted), ".")


PASSIVE = tuple(
    verb
    for verb in WHAT + WHOM
    if verb.case == ACC
    and not verb.stative
    and verb.base != "meet"
    and verb.subjects[0] == "person"
)
