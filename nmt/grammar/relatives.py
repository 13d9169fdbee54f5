"""Relative clauses, behind the subject or at the end behind the object."""

from __future__ import annotations

from nmt.grammar import determiners, lexicon, phrases
from nmt.grammar import morphology as m
from nmt.grammar.clauses import FUTURE, MODALS, PAST, PERFECT, PRESENT, PROGRESSIVE, Tense
from nmt.grammar.complements import PERSONAL, clause_of
from nmt.grammar.morphology import NOM
from nmt.grammar.phrases import Draw, NounPhrase
from nmt.grammar.sentences import PLAIN, copula
from nmt.grammar.tokens import SentencePair, Target, Word, attach, render


def relative(draw: Draw) -> SentencePair:
    """A relative clause behind the subject or at the end behind the object."""
    if draw.chance(0.5):
        cls = draw.pick(("person", "person", "person", "animal"))
        noun = draw.pick(lexicon.NOUNS[cls])
        head = phrases.noun_phrase(draw, noun, NOM, determiners.HEAD)
        english, german = _relative_clause(draw, head)
        attach(head.de, ",")
        attach(german, ",")
        head = NounPhrase(
            [*head.en, *english], [*head.de, *german], head.person, head.owner, noun=noun
        )
        if draw.chance(0.35) or cls == "animal":
            main = copula(draw, draw.pick((PRESENT, PAST)), head)
        else:
            time = draw.pick((PAST, PAST, FUTURE, PROGRESSIVE))
            main = clause_of(draw, draw.pick(PERSONAL), time, subject=head, timed=0.2)
        return render(main.statement(), main.verb_second(), ".")
    verb = draw.pick(OBJECTED)
    tenses: tuple[Tense, ...] = (PAST, PAST, PERFECT, PRESENT, *MODALS)
    tense = draw.pick(tenses)
    main = clause_of(
        draw, verb, tense, adjuncts=False, timed=0, heads=determiners.HEAD, negated=False
    )
    item = main.object
    assert item is not None
    english, german = _relative_clause(draw, item)
    return render([*main.statement(), *english], [*attach(main.verb_second(), ","), *german], ".")


OBJECTED = tuple(verb for verb in PLAIN if not verb.particle and verb.subjects[0] == "person")


def _relative_clause(draw: Draw, head: NounPhrase) -> tuple[list[Word], list[Target]]:
    """A clause with the head as its subject or object; the tense is past or present."""
    noun = head.noun
    assert noun is not None
    tense = draw.pick((PAST, PAST, PRESENT, PERFECT))
    forms = m.RELATIVE[head.slot]
    human = noun.cls == "person"
    takers = OBJECT_VERBS.get(noun.cls) or OBJECT_VERBS.get(noun.en, ())
    if takers and draw.chance(0.4 if noun.cls in ("person", "animal") else 0.75):
        verb = draw.pick(takers)
        word = Word("whom" if human else "that")
        side = clause_of(draw, verb, tense, gap=True, adjuncts=False, timed=0.2, negated=False)
        clause_de = side.verb_final()
        return [word, *side.statement()], [Target(forms[verb.case], word), *clause_de]
    word = Word("who" if human else "that")
    pronoun = NounPhrase([word], [Target(forms[NOM], word)], head.person, head.owner, noun=noun)
    if human and draw.chance(0.8):
        side = clause_of(draw, draw.pick(PERSONAL), tense, subject=pronoun, timed=0.1)
    else:
        side = copula(draw, PAST if tense == PAST else PRESENT, pronoun, avoid=head.en)
    return side.statement(), side.verb_final()


OBJECT_VERBS = {
    cls: tuple(verb for verb in PLAIN if cls in verb.objects and verb.subjects[0] == "person")
    for cls in {cls for verb in PLAIN for cls in verb.objects}
}
