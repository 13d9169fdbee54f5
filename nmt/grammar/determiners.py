"""Determiners: which articles, possessives and numbers may open a noun phrase."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.grammar import modifiers
from nmt.grammar import morphology as m


@dataclass(slots=True, frozen=True)
class Determiner:
    """A determiner: English words, German forms (None for none), declension of the adjective."""

    en: str
    forms: m.Table | None
    declension: str
    definite: bool = True


POSSESSIVES = {
    key: Determiner(en, m.inflect(de, m.EIN_ENDINGS), "mixed")
    for key, en, de in (
        ("I", "my", "mein"),
        ("you", "your", "dein"),
        ("he", "his", "sein"),
        ("she", "her", "ihr"),
        ("we", "our", "unser"),
        ("they", "their", "ihr"),
    )
}
OWNERS = tuple(POSSESSIVES)

THE = Determiner("the", m.DEFINITE, "weak")
THIS = Determiner("this", m.inflect("dies", m.STRONG_ENDINGS), "weak")
THESE = Determiner("these", THIS.forms, "weak")
EVERY = Determiner("every", m.inflect("jed", m.STRONG_ENDINGS), "weak")
WHICH = Determiner("which", m.inflect("welch", m.STRONG_ENDINGS), "weak")
ALL = Determiner("all the", m.inflect("all", m.STRONG_ENDINGS), "weak")
A = Determiner("a", m.inflect("ein", m.EIN_ENDINGS), "mixed", False)
NO = Determiner("no", m.inflect("kein", m.EIN_ENDINGS), "mixed", False)
BARE = Determiner("", None, "strong", False)
MANY = Determiner("many", m.inflect("viel", m.STRONG_ENDINGS), "strong", False)
SOME = Determiner("some", m.inflect("einig", m.STRONG_ENDINGS), "strong", False)
FEW = Determiner("few", m.inflect("wenig", m.STRONG_ENDINGS), "strong", False)
NUMBERS = tuple(
    Determiner(en, tuple(((de,) * 4,) * 4), "strong", False) for en, de in modifiers.NUMBERS.items()
)
OWN = Determiner("(possessive)", None, "mixed")
GENITIVE = Determiner("(genitive)", None, "weak")
NUMBER = Determiner("(number)", None, "strong", False)

Choice = tuple[tuple[Determiner, ...], tuple[Determiner, ...], tuple[Determiner, ...]]
"""Determiners of singular, plural and mass nouns, repeated by weight."""

SUBJECT: Choice = (
    (THE,) * 9 + (A,) * 3 + (OWN,) * 4 + (THIS,) * 2 + (EVERY, NO, GENITIVE),
    (THE,) * 7 + (OWN,) * 2 + (THESE, THESE, MANY, SOME, ALL, NUMBER, NUMBER, BARE, NO),
    (THE, THIS, OWN),
)
OBJECT: Choice = (
    (THE,) * 7 + (A,) * 6 + (OWN,) * 4 + (THIS, THIS, GENITIVE, GENITIVE),
    (THE,) * 5 + (OWN,) * 2 + (THESE, MANY, SOME, FEW, ALL) + (NUMBER,) * 3 + (BARE,) * 3,
    (BARE,) * 6 + (THE,) * 3 + (OWN, THIS),
)
DENYING: Choice = (
    OBJECT[0] + (NO,) * 4,
    OBJECT[1] + (NO,) * 2,
    OBJECT[2] + (NO,) * 2,
)
DENIABLE = ("have", "see", "find", "know", "buy", "drink", "understand", "recognize", "need")
"""Verbs whose object may be "no dog": English prefers "not a dog" with the others."""
NEGATED: Choice = (
    (THE,) * 5 + (A,) * 5 + (OWN,) * 3 + (THIS, GENITIVE),
    (THE,) * 3 + (BARE,) * 3 + (OWN, THESE),
    (BARE,) * 4 + (THE,) * 2 + (OWN, THIS),
)
"""Objects under "not": indefinite ones turn it into kein."""
DEFINITE: Choice = (
    (THE,) * 5 + (OWN,) * 2 + (THIS, GENITIVE),
    (THE,) * 3 + (OWN, THESE),
    (THE, OWN),
)
HEAD: Choice = ((THE,) * 3 + (A,), (THE,) * 3 + (NUMBER,), (THE,))
"""Heads of relative clauses."""
INDEFINITE: Choice = (
    (A,) * 4 + (NO,),
    (MANY, SOME, NUMBER, NUMBER, FEW, NO),
    (BARE,),
)
"""What there is."""
