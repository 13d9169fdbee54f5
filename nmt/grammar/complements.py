"""What a verb takes with it: objects, places, manner and time, in the order of each language."""

from __future__ import annotations

from nmt.grammar import determiners, lexicon, modifiers, phrases
from nmt.grammar.clauses import (
    FUTURE,
    PAST,
    PERFECT,
    PRESENT,
    PROGRESSIVE,
    Clause,
    Modal,
    Tense,
    conjugate,
    subject_for,
    times_for,
)
from nmt.grammar.lexicon import Verb
from nmt.grammar.morphology import ACC, DAT
from nmt.grammar.phrases import Draw, NounPhrase
from nmt.grammar.tokens import Target, Word

FRAMES = {
    **dict.fromkeys(lexicon.INTRANSITIVE, "intransitive"),
    **dict.fromkeys(lexicon.TRANSITIVE, "transitive"),
    **dict.fromkeys(lexicon.GIVING, "giving"),
    **dict.fromkeys(lexicon.MOTION, "motion"),
    **dict.fromkeys(lexicon.PLACING, "placing"),
    **dict.fromkeys(lexicon.POSTURE, "posture"),
    **dict.fromkeys(lexicon.LOCATED, "located"),
}
"""The frame of each verb."""

ANY = (
    lexicon.INTRANSITIVE
    + lexicon.TRANSITIVE * 2
    + lexicon.GIVING * 3
    + lexicon.MOTION * 2
    + lexicon.PLACING * 4
    + lexicon.POSTURE * 2
    + lexicon.LOCATED * 3
)
"""Verbs for main clauses, by weight."""

PERSONAL = tuple(verb for verb in ANY if verb.subjects[0] == "person")
ACTIONS = tuple(
    verb for verb in PERSONAL if not verb.stative and verb.base not in ("die", "disappear", "win")
)
"""What a person can do on purpose."""


def complete(
    draw: Draw,
    clause: Clause,
    verb: Verb,
    particle: list[Word],
    *,
    gap: bool = False,
    adjuncts: bool = True,
    heads: determiners.Choice | None = None,
) -> None:
    """Fills in objects and adverbials behind the conjugated verb.

    Args:
        draw: the choices.
        clause: the clause, with subject, verb and negation.
        verb: its verb.
        particle: the English particle, which object pronouns precede.
        gap: leave out the object, which a question word or relative pronoun has taken.
        adjuncts: whether optional places and manners may follow.
        heads: determiners for the object instead of the usual.
    """
    owner = clause.subject.owner
    negation = clause.negator
    frame = FRAMES[verb]
    definite: list[Target] = []
    indefinite: list[Target] = []
    late: list[Target] = []
    after = list(particle)
    negated = False
    if frame == "transitive" and not gap:
        item = _object(draw, clause, verb, heads)
        clause.object = item
        negated = item.negated
        if verb.preposition:
            phrase = phrases.with_preposition(*verb.preposition, item)
            after += phrase.en
            late += phrase.de
        elif item.pronoun:
            clause.pronouns = item.de
            after = [*item.en, *after] if verb.phrasal else [*after, *item.en]
        else:
            after += item.en
            (definite if item.definite else indefinite).extend(item.de)
    elif frame == "giving" and not gap:
        item, negated = _giving(draw, clause, verb, after, definite)
        (definite if item.definite else indefinite).extend(item.de)
    elif frame == "placing":
        choice = determiners.NEGATED if negation else determiners.OBJECT
        noun = draw.pick(lexicon.nouns_of(verb.objects))
        item = phrases.noun_phrase(draw, noun, ACC, choice, owner=owner, negation=negation)
        negated = item.negated
        (definite if item.definite else indefinite).extend(item.de)
        target = phrases.surface(draw, moving=True)
        after += [*item.en, *target.en]
        late += target.de
    elif frame in ("motion", "located") and not gap:
        target = _direction(draw, verb, frame == "motion")
        after += target.en
        late += target.de
    elif frame == "posture":
        target = phrases.surface(draw, moving=False, seats=verb.base == "sit")
        after += target.en
        late += target.de
    manner: list[Target] = []
    chosen = draw.random()
    free = adjuncts and not verb.stative
    if free and clause.frequency is None and clause.negator is None:
        if frame == "motion" and chosen < 0.1 and verb.base in ("drive", "travel", "come"):
            vehicle = draw.pick(modifiers.VEHICLES).phrase()
            after += vehicle.en
            late = [*vehicle.de, *late]
        elif chosen < 0.08 and frame in ("intransitive", "transitive") and verb.case == ACC:
            phrase = draw.pick(modifiers.MANNER).phrase()
            after += phrase.en
            manner = phrase.de
    placeable = frame in ("intransitive", "transitive") and not verb.preposition
    if free and placeable and chosen > 0.86:
        target = phrases.HOME.phrase() if chosen > 0.98 else phrases.place(draw, moving=False)
        after += target.en
        late += target.de
    frequency = clause.frequency.de if clause.frequency else []
    denial = [Target("nicht", negation)] if negation is not None and not negated else []
    clause.after = after
    if verb.base == "belong":
        definite, late = [], definite
    clause.middle = [*definite, *frequency, *denial, *manner, *indefinite, *late]


def _object(draw: Draw, clause: Clause, verb: Verb, heads: determiners.Choice | None) -> NounPhrase:
    if heads is None and verb.objects[0] == "person":
        found = phrases.person(draw, verb.case, clause.subject)
        if found:
            return found
    noun = draw.pick(lexicon.nouns_of(verb.objects))
    usual = determiners.DENYING if verb.base in determiners.DENIABLE else determiners.OBJECT
    choice = heads or (determiners.NEGATED if clause.negator else usual)
    if noun.cls == "person" and verb.base == "belong":
        choice = determiners.DEFINITE
    return phrases.noun_phrase(
        draw,
        noun,
        verb.case,
        choice,
        owner=clause.subject.owner,
        negation=clause.negator,
        plural=True if verb.base == "count" else None,
    )


def _giving(
    draw: Draw, clause: Clause, verb: Verb, after: list[Word], definite: list[Target]
) -> tuple[NounPhrase, bool]:
    owner, negation = clause.subject.owner, clause.negator
    receiver = phrases.person(draw, DAT, clause.subject)
    if receiver is None:
        noun = draw.pick(lexicon.NOUNS["person"])
        receiver = phrases.noun_phrase(draw, noun, DAT, determiners.DEFINITE, owner=owner)
    item = phrases.noun_phrase(
        draw,
        draw.pick(lexicon.nouns_of(verb.objects)),
        ACC,
        determiners.NEGATED if negation else determiners.OBJECT,
        owner=owner,
        negation=negation,
    )
    if verb.objects[-1] == "-" or draw.chance(0.4):
        to = Word("to")
        first = receiver.de[0]
        first.sources = (to, *first.sources)
        after += [*item.en, to, *receiver.en]
    else:
        after += [*receiver.en, *item.en]
    if receiver.pronoun:
        clause.pronouns = receiver.de
    else:
        definite += receiver.de
    return item, item.negated


def _direction(draw: Draw, verb: Verb, moving: bool) -> phrases.Phrase:
    if moving and verb.base in ("go", "come", "drive", "run") and draw.chance(0.1):
        return phrases.HOMEWARD.phrase()
    if not moving and verb.base == "stay" and draw.chance(0.3):
        return phrases.HOME.phrase()
    return phrases.place(draw, moving, verb.objects)


TENSES = (PRESENT,) * 3 + (PROGRESSIVE,) * 3 + (PAST,) * 7 + (PERFECT,) * 2 + (FUTURE,) * 2


def clause_of(
    draw: Draw,
    verb: Verb,
    tense: Tense,
    *,
    subject: NounPhrase | None = None,
    asking: bool = False,
    negated: bool | None = None,
    gap: bool = False,
    adjuncts: bool = True,
    timed: float = 0.4,
    heads: determiners.Choice | None = None,
) -> Clause:
    """A clause around a verb.

    Args:
        draw: the choices.
        verb: the verb.
        tense: a tense or a modal; a present that would look like the past in English
            ("they put") and a progressive that the verb does not have are replaced.
        subject: the subject; drawn where None.
        asking: whether the clause becomes a question.
        negated: whether it is negated; drawn where None.
        gap: leave out the object.
        adjuncts: whether optional places and manners may follow.
        timed: the probability of an adverbial of time.
        heads: determiners for the object.
    """
    if subject is None:
        subject = subject_for(draw, verb.subjects)
    if isinstance(tense, Modal) and tense.polarity:
        negated = tense.polarity < 0
    if negated is None:
        negated = draw.random() < 0.17
    if subject.de and subject.de[0].text.lower().startswith("kein"):
        negated = False
    if tense == PROGRESSIVE and verb.stative:
        tense = PRESENT
    if tense == PRESENT and verb.shifting and subject.person != 2 and not (asking or negated):
        tense = PROGRESSIVE
    # "lay" as the past of "lie" would be the present of another verb
    if tense == PAST and verb.base == "lie":
        tense = PROGRESSIVE
    clause = Clause(subject)
    particle = conjugate(clause, verb, tense, asking, negated)
    repeats = tense in (PRESENT, PERFECT) and not verb.stative and verb.base != "die"
    if repeats and not (negated or asking or gap) and draw.chance(0.3):
        clause.frequency = draw.pick(modifiers.FREQUENCY).phrase()
    complete(draw, clause, verb, particle, gap=gap, adjuncts=adjuncts, heads=heads)
    if clause.frequency is None and draw.random() < timed:
        times = times_for(tense, verb.stative)
        if times and draw.chance(0.25) and tense != PROGRESSIVE:
            times = modifiers.GENERAL_TIMES
        if times:
            clause.time = draw.pick(times).phrase()
    return clause
