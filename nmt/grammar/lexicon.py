"""The lexicon: the word tables parsed into entries with all their forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nmt.grammar import modifiers, nouns, places, verbs
from nmt.grammar import morphology as m
from nmt.grammar.morphology import ACC, DAT


@dataclass(slots=True, eq=False)
class Adjective:
    """An adjective with the forms of its three declensions."""

    en: str
    de: str
    classes: tuple[str, ...]
    color: bool
    state: bool
    gradable: bool
    weak: m.Table = field(init=False)
    mixed: m.Table = field(init=False)
    strong: m.Table = field(init=False)
    comparative_en: str = field(init=False)
    comparative_de: str = field(init=False)

    def __post_init__(self) -> None:
        stem = m.ADJECTIVE_STEMS.get(self.de, self.de)
        self.weak = m.inflect(stem, m.WEAK)
        self.mixed = m.inflect(stem, m.MIXED)
        self.strong = m.inflect(stem, m.STRONG)
        self.comparative_en = _english_comparative(self.en)
        self.comparative_de = modifiers.COMPARATIVES.get(self.de, f"{self.de}er")


@dataclass(slots=True, eq=False)
class Noun:
    """A noun with its forms; `forms` holds the cases of the singular, then of the plural."""

    en: str
    en_plural: str
    gender: int
    forms: m.Table
    cls: str
    mass: bool
    adjectives: tuple[Adjective, ...] = ()
    colors: tuple[Adjective, ...] = ()


@dataclass(slots=True, eq=False)
class Place:
    """A noun for a place and its prepositions, at rest and of motion."""

    noun: Noun
    at_en: str
    to_en: str
    at_de: str
    to_de: str


@dataclass(slots=True, eq=False)
class Verb:
    """A verb with all forms and its frame.

    particle: English words behind the verb that the German verb translates with it.
    phrasal: whether a pronoun object stands before the particle ("turn it on").
    preposition: that of the object, English and German, or None.
    present, preterite: forms of ich, du, er and the plural; the preterite only where German
        prefers it to the perfect.
    zu: the infinitive with zu, one word or two.
    """

    base: str
    third: str
    past: str
    participle: str
    ing: str
    particle: tuple[str, ...]
    phrasal: bool
    prefix: str
    infinitive: str
    present: tuple[str, ...]
    perfect: str
    sein: bool
    preterite: tuple[str, ...] | None
    imperative: str
    zu: tuple[str, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    case: int
    preposition: tuple[str, str] | None
    stative: bool
    shifting: bool


CONTRACTIONS = {
    "in dem": "im",
    "in das": "ins",
    "an dem": "am",
    "an das": "ans",
    "zu dem": "zum",
    "zu der": "zur",
    "bei dem": "beim",
    "von dem": "vom",
}
PARTICLE = re.compile(r" ;(:?)")
GENDERS = {"der": m.MASC, "die": m.FEM, "das": m.NEUT}


def _english_comparative(adjective: str) -> str:
    if adjective in modifiers.ENGLISH_COMPARATIVES:
        return modifiers.ENGLISH_COMPARATIVES[adjective]
    syllables = len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", adjective)))
    if (syllables > 1 and not adjective.endswith("y")) or adjective == "tired":
        return f"more {adjective}"
    if adjective.endswith("y"):
        return f"{adjective[:-1]}ier"
    return f"{adjective}r" if adjective.endswith("e") else f"{adjective}er"


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line]


def _adjective(line: str) -> Adjective:
    forms, classes = line.split(" | ")
    english, german, *mark = forms.split()
    return Adjective(
        english, german, tuple(classes.split()), "!" in mark, "~" in mark, mark in ([], ["~"])
    )


def _noun(line: str, cls: str, adjectives: list[Adjective]) -> Noun:
    english, german = line.split(" = ")
    singular, _, plural = english.partition("/")
    gender, rest = german.split(" ", 1)
    weak = rest.endswith(" *")
    german_singular, german_plural = rest.removesuffix(" *").split(", ")
    mass = german_plural == "-"
    slot = GENDERS[gender]
    forms = m.noun_forms(german_singular, "" if mass else german_plural, slot, weak)
    fitting = [adjective for adjective in adjectives if cls in adjective.classes]
    return Noun(
        singular,
        plural or m.english_plural(singular),
        slot,
        forms,
        cls,
        mass,
        tuple(adjective for adjective in fitting if not adjective.color),
        tuple(adjective for adjective in fitting if adjective.color),
    )


def _verb(line: str) -> Verb:
    english, german, frame = line.split(" | ")
    stative = frame.endswith(" *")
    frame = frame.removesuffix(" *")
    match = PARTICLE.search(english)
    particle = tuple(english[match.end() :].split()) if match else ()
    forms = english[: match.start()].split() if match else english.split()
    base = forms[0]
    doubled = base in verbs.DOUBLED
    past, participle = forms[1:] if len(forms) > 1 else [m.english_past(base, doubled)] * 2
    german, _, preterite = german.rstrip(")").partition(" (")
    infinitive, third, *perfect = german.split()
    prefix, _, stem = infinitive.rpartition("|")
    subjects, _, objects = frame.partition(" > ")
    classes = objects.split()
    case, preposition = ACC, None
    if classes and "=" in classes[0]:
        en, de = classes.pop(0).split("=")
        de, case_name = de.split("+")
        preposition, case = (en, de), DAT if case_name == "dat" else ACC
    elif classes and classes[0] == "dat":
        case = DAT
        classes.pop(0)
    return Verb(
        base=base,
        third=m.english_third(base),
        past=past,
        participle=participle,
        ing=m.english_ing(base, doubled),
        particle=particle,
        phrasal=bool(match and not match.group(1)),
        prefix=prefix,
        infinitive=prefix + stem,
        present=m.present(stem, third),
        perfect=perfect[-1],
        sein=len(perfect) > 1,
        preterite=m.preterite(preterite) if preterite else None,
        imperative=m.imperative(stem, third),
        zu=(f"{prefix}zu{stem}",) if prefix else ("zu", stem),
        subjects=tuple(subjects.split()),
        objects=tuple(classes),
        case=case,
        preposition=preposition,
        stative=stative,
        shifting=past == base,
    )


ADJECTIVES = [_adjective(line) for line in _lines(modifiers.ADJECTIVES)]
NOUNS = {
    cls: tuple(_noun(line, cls, ADJECTIVES) for line in _lines(table))
    for cls, table in nouns.NOUNS.items()
}
PLACES = tuple(
    Place(_noun(noun, "place", ADJECTIVES), *prepositions.split())
    for noun, prepositions in (line.split(" | ") for line in _lines(places.PLACES))
)
CITIES = tuple(tuple(line.split(" = ")) for line in _lines(places.CITIES))
NAMES = tuple((name, key) for key, names in places.NAMES.items() for name in names.split())

INTRANSITIVE = tuple(map(_verb, _lines(verbs.INTRANSITIVE)))
TRANSITIVE = tuple(map(_verb, _lines(verbs.TRANSITIVE)))
GIVING = tuple(map(_verb, _lines(verbs.GIVING)))
MOTION = tuple(map(_verb, _lines(verbs.MOTION)))
PLACING = tuple(map(_verb, _lines(verbs.PLACING)))
POSTURE = tuple(map(_verb, _lines(verbs.POSTURE)))
LOCATED = tuple(map(_verb, _lines(verbs.LOCATED)))
SAYING = tuple(map(_verb, _lines(verbs.SAYING)))
INTENDING = tuple(map(_verb, _lines(verbs.INTENDING)))

_BY_LEMMA = {noun.en: noun for group in NOUNS.values() for noun in group}


def nouns_of(classes: tuple[str, ...]) -> tuple[Noun, ...]:
    """The nouns of semantic classes; a name that is no class stands for the noun itself."""
    return _MEMBERS[classes]


def _members(classes: tuple[str, ...]) -> tuple[Noun, ...]:
    found: list[Noun] = []
    for cls in classes:
        found += NOUNS[cls] if cls in NOUNS else [_BY_LEMMA[cls]] if cls in _BY_LEMMA else []
    return tuple(found)


_MEMBERS = {
    classes: _members(classes)
    for group in (INTRANSITIVE, TRANSITIVE, GIVING, MOTION, PLACING, POSTURE, LOCATED)
    for verb in group
    for classes in (verb.subjects, verb.objects)
} | {(cls,): group for cls, group in NOUNS.items()}
