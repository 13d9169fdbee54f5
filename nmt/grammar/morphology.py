"""Inflection: endings of German articles and adjectives, forms of nouns and verbs."""

from __future__ import annotations

NOM, ACC, DAT, GEN = range(4)
"""Cases."""

MASC, FEM, NEUT, PLURAL = range(4)
"""Genders of the singular; the plural knows none. Together: the slots of agreement."""

Table = tuple[tuple[str, str, str, str], ...]
"""Forms by agreement slot, then by case."""


def _table(text: str) -> Table:
    rows = [tuple("" if cell == "-" else cell for cell in row.split()) for row in text.split("/")]
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


DEFINITE = _table("der den dem des/die die der der/das das dem des/die die den der")
RELATIVE = _table("der den dem dessen/die die der deren/das das dem dessen/die die denen deren")
EIN_ENDINGS = _table("- en em es/e e er er/- - em es/e e en er")
STRONG_ENDINGS = _table("er en em es/e e er er/es es em es/e e en er")
"""Endings of dieser, jeder, viele."""

WEAK = _table("e en en en/e e en en/e e en en/en en en en")
MIXED = _table("er en en en/e e en en/es es en en/en en en en")
STRONG = _table("er en em en/e e er er/es es em en/e e en er")
"""Endings of adjectives by declension."""

ADJECTIVE_STEMS = {"teuer": "teur", "dunkel": "dunkl", "müde": "müd"}
GENITIVES = {"Chef": "Chefs", "Koch": "Kochs"}
VOWELS = "aeiouäöüy"


def inflect(stem: str, endings: Table) -> Table:
    """All forms of an article or adjective."""
    return tuple((f"{stem}{a}", f"{stem}{b}", f"{stem}{c}", f"{stem}{d}") for a, b, c, d in endings)


def noun_forms(singular: str, plural: str, gender: int, weak: bool) -> Table:
    """Four cases of the singular and of the plural.

    Args:
        singular: the nominative singular.
        plural: the nominative plural, empty for mass nouns.
        gender: MASC, FEM or NEUT.
        weak: whether every form but the nominative singular is that of the plural.
    """
    if weak:
        first = (singular, plural, plural, plural)
    else:
        first = (singular, singular, singular, _genitive(singular, gender))
    dative = plural if plural.endswith(("n", "s")) else f"{plural}n"
    return (first, (plural, plural, dative, plural))


def _genitive(noun: str, gender: int) -> str:
    if gender == FEM:
        return noun
    if noun in GENITIVES:
        return GENITIVES[noun]
    lowered = noun.lower()
    syllables = sum(
        letter in VOWELS and (at == 0 or lowered[at - 1] not in VOWELS)
        for at, letter in enumerate(lowered)
    )
    short = syllables == 1 and lowered[-1] not in VOWELS
    return f"{noun}es" if short or lowered.endswith(("s", "ß", "x", "z")) else f"{noun}s"


def article(word: str) -> str:
    """The English indefinite article before a word, by its first sound."""
    vowel = word[0] in "aeiou" and not word.startswith(("uni", "use", "euro", "one"))
    return "an" if vowel or word.startswith(("hour", "honest")) else "a"


def english_plural(noun: str) -> str:
    """The regular plural."""
    if noun.endswith(("s", "sh", "ch", "x")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def english_third(verb: str) -> str:
    """The third person singular of the present."""
    if verb == "have":
        return "has"
    return f"{verb}es" if verb.endswith("o") else english_plural(verb)


def english_past(verb: str, doubled: bool) -> str:
    """The regular past and participle."""
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return f"{verb[:-1]}ied"
    return f"{verb}{verb[-1] if doubled else ''}ed"


def english_ing(verb: str, doubled: bool) -> str:
    """The present participle."""
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return f"{verb[:-1]}ing"
    return f"{verb}{verb[-1] if doubled else ''}ing"


IRREGULAR_PRESENT = {
    "haben": ("habe", "hast", "hat", "haben"),
    "mögen": ("mag", "magst", "mag", "mögen"),
    "wissen": ("weiß", "weißt", "weiß", "wissen"),
    "halten": ("halte", "hältst", "hält", "halten"),
    "behalten": ("behalte", "behältst", "behält", "behalten"),
}


def present(infinitive: str, third: str) -> tuple[str, str, str, str]:
    """German present forms of ich, du, er and of the plural (wir, sie)."""
    if infinitive in IRREGULAR_PRESENT:
        return IRREGULAR_PRESENT[infinitive]
    first = f"{infinitive[:-3]}le" if infinitive.endswith("eln") else infinitive[:-1]
    if infinitive.endswith("ern"):
        first = f"{infinitive[:-1]}e"
    second = third if third[-2] in "sßxz" else f"{third[:-1]}st"
    return (first, second, third, infinitive)


def preterite(first: str) -> tuple[str, str, str, str]:
    """German preterite forms of a weak verb from that of ich."""
    return (first, f"{first}st", first, f"{first}n")


def imperative(infinitive: str, third: str) -> str:
    """The German imperative of du."""
    stem = infinitive.removesuffix("n").removesuffix("e")
    raised = third[:-1]
    if raised != stem and "i" in raised and "i" not in stem and third[-1] == "t":
        return raised
    if infinitive.endswith("eln"):
        return f"{infinitive[:-3]}le"
    heavy = stem.endswith(("t", "d", "chn", "ffn", "er", "eil", "eis", "ös", "dank"))
    return f"{stem}e" if heavy else stem
