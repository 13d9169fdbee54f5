"""Noun phrases, pronouns, places and times: agreement in case, number and gender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nmt.grammar import determiners, lexicon, modifiers
from nmt.grammar import morphology as m
from nmt.grammar.lexicon import Noun
from nmt.grammar.morphology import ACC, DAT, GEN, NOM, PLURAL
from nmt.grammar.tokens import Idiom, Phrase, Target, Word, words

T = TypeVar("T")


class Draw:
    """The random choices of one sentence.

    Args:
        random: a source of numbers in [0, 1).
    """

    __slots__ = ("random",)

    def __init__(self, random: Callable[[], float]) -> None:
        self.random = random

    def pick(self, items: Sequence[T]) -> T:
        """One item, each as likely as the others."""
        return items[int(self.random() * len(items))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability


@dataclass(slots=True)
class NounPhrase:
    """A noun phrase or pronoun, inflected for its case.

    person: 0 I, 1 you, 2 third singular, 3 plural; picks the form of the verb.
    owner: the English pronoun for whose "my", "his" ... it stands, or None.
    slot: gender or plural, for relative pronouns.
    negated: whether it has taken up the negation of its clause (kein).
    """

    en: list[Word]
    de: list[Target]
    person: int
    owner: str | None = None
    pronoun: bool = False
    definite: bool = True
    slot: int = 0
    noun: Noun | None = None
    negated: bool = False


PRONOUNS = {
    "I": ("me", 0, ("ich", "mich", "mir")),
    "you": ("you", 1, ("du", "dich", "dir")),
    "he": ("him", 2, ("er", "ihn", "ihm")),
    "she": ("her", 2, ("sie", "sie", "ihr")),
    "we": ("us", 3, ("wir", "uns", "uns")),
    "they": ("them", 3, ("sie", "sie", "ihnen")),
}
"""Subject form: object form, person, German nominative, accusative and dative."""

SUBJECT_KEYS = ("I", "you", "he", "he", "she", "she", "we", "they")
CLASHES = {"I": ("I", "we"), "we": ("I", "we")}


def pronoun(key: str, case: int) -> NounPhrase:
    """A personal pronoun."""
    objective, person, forms = PRONOUNS[key]
    word = Word(key if case == NOM else objective)
    return NounPhrase([word], [Target(forms[case], word)], person, key, pronoun=True)


def name(draw: Draw) -> NounPhrase:
    """A first name."""
    text, key = draw.pick(lexicon.NAMES)
    word = Word(text)
    return NounPhrase([word], [Target(text, word)], 2, key)


def person(draw: Draw, case: int, subject: NounPhrase | None = None) -> NounPhrase | None:
    """A pronoun or a name; None where the phrase should have a noun.

    Args:
        draw: the choices.
        case: the German case.
        subject: the subject of the clause, which an object pronoun must not repeat.
    """
    chosen = draw.random()
    if chosen < 0.3:
        key = draw.pick(SUBJECT_KEYS)
        clash: tuple[str | None, ...] = ()
        if subject is not None and subject.pronoun:
            clash = CLASHES.get(subject.owner or "", (subject.owner,))
        if key not in clash:
            return pronoun(key, case)
    return name(draw) if chosen < 0.45 else None


def adjective_phrase(draw: Draw, noun: Noun, declension: str, slot: int, case: int) -> Phrase:
    """No, one or two attributive adjectives, sometimes with an adverb of degree."""
    en: list[Word] = []
    de: list[Target] = []
    chosen = draw.random()
    if chosen > 0.4:
        return Phrase(en, de)
    chain = []
    if noun.adjectives:
        chain.append(draw.pick(noun.adjectives))
        if chosen < 0.05:
            en, de = draw.pick(modifiers.DEGREE[:1]).phrase() if chosen < 0.01 else (en, de)
    if noun.colors and (chosen > 0.3 or not chain):
        chain.append(draw.pick(noun.colors))
    for adjective in chain:
        word = Word(adjective.en)
        en.append(word)
        de.append(Target(getattr(adjective, declension)[slot][case], word))
    return Phrase(en, de)


def noun_phrase(
    draw: Draw,
    noun: Noun,
    case: int,
    choice: determiners.Choice,
    *,
    owner: str | None = None,
    negation: Word | None = None,
    plural: bool | None = None,
    determiner: determiners.Determiner | None = None,
) -> NounPhrase:
    """A noun with determiner and adjectives.

    Args:
        draw: the choices.
        noun: the head.
        case: the German case.
        choice: which determiners may stand.
        owner: whose "my", "his" ... is likely, by the subject's pronoun.
        negation: the clause's "not", which an indefinite phrase takes up.
        plural: the number; drawn where None.
        determiner: a fixed one instead of a drawn one.
    """
    if plural is None:
        plural = not noun.mass and draw.random() < 0.28
    kind = determiner or draw.pick(choice[2 if noun.mass else plural])
    slot = PLURAL if plural else noun.gender
    head = words(noun.en_plural if plural else noun.en)
    en: list[Word] = []
    de: list[Target] = []
    taken = False
    if kind is determiners.OWN:
        kind = determiners.POSSESSIVES[
            owner if owner and draw.chance(0.7) else draw.pick(determiners.OWNERS)
        ]
    elif kind is determiners.NUMBER:
        kind = draw.pick(determiners.NUMBERS)
    if kind is determiners.GENITIVE:
        return _possessed(draw, noun, case, slot, head)
    if kind.en:
        en = words(kind.en)
    if negation is not None and kind in (determiners.A, determiners.BARE):
        taken = True
        en = en or [Word("any")]
        kind = determiners.NO
        de = [Target(_form(determiners.NO, slot, case), negation, *en)]
    elif kind.forms is not None:
        de = [Target(kind.forms[slot][case], *en)]
    adjectives = adjective_phrase(draw, noun, kind.declension, slot, case)
    german = Target(noun.forms[plural][case], *head)
    if en and en[0].text == "a":
        en[0].text = m.article((adjectives.en or head)[0].text)
    return NounPhrase(
        [*en, *adjectives.en, *head],
        [*de, *adjectives.de, german],
        3 if plural else 2,
        "they" if plural else _owner(noun),
        definite=kind.definite,
        slot=slot,
        noun=noun,
        negated=taken,
    )


def _form(determiner: determiners.Determiner, slot: int, case: int) -> str:
    assert determiner.forms is not None
    return determiner.forms[slot][case]


def _owner(noun: Noun) -> str | None:
    return ("he", "she", None)[noun.gender] if noun.cls == "person" else None


def _possessed(draw: Draw, noun: Noun, case: int, slot: int, head: list[Word]) -> NounPhrase:
    """ "the man's car" = "das Auto des Mannes", "Anna's car" = "Annas Auto"."""
    plural = slot == PLURAL
    number = 3 if plural else 2
    owner = "they" if plural else _owner(noun)
    german = Target(noun.forms[plural][case], *head)
    if draw.chance(0.5):
        named = name(draw)
        named.en[0].text += "'s"
        named.de[0].text += "s"
        adjectives = adjective_phrase(draw, noun, "strong", slot, case)
        en = [*named.en, *adjectives.en, *head]
        de = [*named.de, *adjectives.de, german]
        return NounPhrase(en, de, number, owner, slot=slot, noun=noun)
    possessor = draw.pick(lexicon.NOUNS["person"])
    mark = noun_phrase(draw, possessor, GEN, determiners.HEAD, determiner=determiners.THE)
    last = mark.en[-1]
    last.text += "'" if last.text.endswith("s") and mark.person == 3 else "'s"
    adjectives = adjective_phrase(draw, noun, "weak", slot, case)
    article = Target(m.DEFINITE[slot][case], *head)
    return NounPhrase(
        [*mark.en, *adjectives.en, *head],
        [article, *adjectives.de, german, *mark.de],
        number,
        owner,
        slot=slot,
        noun=noun,
    )


def with_preposition(en: str, de: str, phrase: NounPhrase) -> Phrase:
    """A prepositional phrase; German contracts preposition and article (im, zum)."""
    front = words(en)
    first = phrase.de[0]
    merged = lexicon.CONTRACTIONS.get(f"{de} {first.text}")
    if merged is not None:
        german = [Target(merged, *front, *first.sources), *phrase.de[1:]]
    else:
        german = [Target(de, *front), *phrase.de]
    return Phrase([*front, *phrase.en], german)


def place(draw: Draw, moving: bool, kinds: tuple[str, ...] = ("place", "city")) -> Phrase:
    """Where something is ("in the garden") or where it goes ("into the garden")."""
    kind = draw.pick(kinds)
    if kind == "city":
        en, de = draw.pick(lexicon.CITIES)
        front, word = Word("to" if moving else "in"), Word(en)
        return Phrase([front, word], [Target("nach" if moving else "in", front), Target(de, word)])
    spot = draw.pick(lexicon.PLACES)
    preposition = spot.to_de if moving else spot.at_de
    case = ACC if moving and preposition != "zu" else DAT
    noun = noun_phrase(
        draw, spot.noun, case, determiners.HEAD, determiner=determiners.THE, plural=False
    )
    return with_preposition(spot.to_en if moving else spot.at_en, preposition, noun)


SURFACES = (
    ("on", "auf"),
    ("on", "auf"),
    ("under", "unter"),
    ("behind", "hinter"),
    ("next to", "neben"),
    ("in front of", "vor"),
)
HOME = Idiom("at home", "zu:0 Hause:1")
HOMEWARD = Idiom("home", "nach:0 Hause:0")


def surface(draw: Draw, moving: bool, seats: bool = False) -> Phrase:
    """A place at a piece of furniture: dative at rest, accusative of motion."""
    en, de = ("on", "auf") if seats else draw.pick(SURFACES)
    nouns = lexicon.NOUNS["furniture"]
    choice = draw.pick([noun for noun in nouns if not seats or noun.en in SEATS])
    determiner = (
        determiners.THE
        if draw.chance(0.7)
        else determiners.POSSESSIVES[draw.pick(determiners.OWNERS)]
    )
    case = ACC if moving else DAT
    phrase = noun_phrase(draw, choice, case, determiners.HEAD, determiner=determiner, plural=False)
    return with_preposition(en, de, phrase)


SEATS = ("chair", "sofa", "bench", "bed")
