"""Clauses and phrases of the built-in grammar: English, German, and their alignment."""

import pytest

from nmt.grammar import SentencePair, compounds, relatives, sentences
from nmt.grammar import morphology as m
from nmt.grammar.clauses import FUTURE, MODALS, PAST, PERFECT, PRESENT, PROGRESSIVE, WANT
from nmt.grammar.complements import FRAMES, clause_of
from nmt.grammar.phrases import Draw, pronoun
from nmt.grammar.tokens import render

VERBS = {" ".join((verb.base, *verb.particle)): verb for verb in FRAMES}


class Chosen(Draw):
    """Choices by word, each wish used once; otherwise the first item and no adjectives.

    Args:
        wishes: English words, or probabilities of the chances to take.
        value: what the random source always gives.
    """

    def __init__(self, *wishes, value=0.8):
        super().__init__(lambda: value)
        self.wishes = list(wishes)

    def chance(self, probability):
        if probability in self.wishes:
            self.wishes.remove(probability)
            return True
        return False

    def pick(self, items):
        names = [_name(item) for item in items]
        for wish in self.wishes:
            if wish in names:
                self.wishes.remove(wish)
                return items[names.index(wish)]
        return items[0]


def _name(item):
    if isinstance(item, tuple):
        return item[0]
    if hasattr(item, "particle"):
        return " ".join((item.base, *item.particle))
    if hasattr(item, "english"):
        return " ".join(item.english)
    if hasattr(item, "noun"):
        return item.noun.en
    return getattr(item, "en", item)


def say(verb, tense, *wishes, who=None, negated=False, asking=False, fronted=False, value=0.8):
    """One clause as a sentence; a wish for an adverbial of time must fit the tense."""
    clause = clause_of(
        Chosen(*wishes, value=value),
        VERBS[verb],
        tense,
        subject=pronoun(who, m.NOM) if who else None,
        negated=negated,
        asking=asking,
        timed=1 if any(wish in TIMES for wish in wishes) else 0,
    )
    if asking:
        return render(clause.question(), clause.verb_first(), "?")
    return render(clause.statement(fronted), clause.verb_second(fronted), ".")


TIMES = ("yesterday", "tomorrow", "two weeks ago", "every day")


@pytest.mark.parametrize(
    ("pair", "source", "target", "alignment"),
    [
        pytest.param(
            say("see", PAST, "man", "dog", "yesterday", fronted=True),
            "Yesterday the man saw the dog.",
            "Gestern hat der Mann den Hund gesehen.",
            "0-0 1-2 2-3 3-1 3-6 4-4 5-5",
            id="inversion",
        ),
        pytest.param(
            say("open", PRESENT, "door", who="he"),
            "He opens the door.",
            "Er macht die Tür auf.",
            "0-0 1-1 1-4 2-2 3-3",
            id="separable",
        ),
        pytest.param(
            say("open", PAST, "door", who="he"),
            "He opened the door.",
            "Er hat die Tür aufgemacht.",
            "0-0 1-1 1-4 2-2 3-3",
            id="separable-participle",
        ),
        pytest.param(
            say("open", WANT, "window", who="I", negated=True),
            "I do not want to open the window.",
            "Ich will das Fenster nicht aufmachen.",
            "0-0 1-1 2-4 3-1 4-1 5-5 6-2 7-3",
            id="modal-negated",
        ),
        pytest.param(
            say("open", MODALS[0], "door", who="you", negated=True),
            "You cannot open the door.",
            "Du kannst die Tür nicht aufmachen.",
            "0-0 1-1 1-4 2-5 3-2 4-3",
            id="cannot",
        ),
        pytest.param(
            say("see", PAST, "a", "dog", who="she", negated=True),
            "She did not see a dog.",
            "Sie hat keinen Hund gesehen.",
            "0-0 1-1 2-2 3-4 4-2 5-3",
            id="kein",
        ),
        pytest.param(
            say("help", PAST, "boy", "student", negated=True),
            "The boy did not help the student.",
            "Der Junge hat dem Studenten nicht geholfen.",
            "0-0 1-1 2-2 3-5 4-6 5-3 6-4",
            id="dative-weak-noun",
        ),
        pytest.param(
            say("wait", PROGRESSIVE, "woman", "bus"),
            "The woman is waiting for the bus.",
            "Die Frau wartet auf den Bus.",
            "0-0 1-1 2-2 3-2 4-3 5-4 6-5",
            id="prepositional-object",
        ),
        pytest.param(
            say("give", PAST, "man", "woman", "book"),
            "The man gave the woman the book.",
            "Der Mann hat der Frau das Buch gegeben.",
            "0-0 1-1 2-2 2-7 3-3 4-4 5-5 6-6",
            id="two-objects",
        ),
        pytest.param(
            say("explain", PAST, "teacher", "rule"),
            "The teacher explained the rule to the man.",
            "Der Lehrer hat dem Mann die Regel erklärt.",
            "0-0 1-1 2-2 2-7 3-5 4-6 5-3 6-3 7-4",
            id="dative-before-accusative",
        ),
        pytest.param(
            say("travel", PAST, "city", "Italy", "two weeks ago", who="we"),
            "We traveled to Italy two weeks ago.",
            "Wir sind vor zwei Wochen nach Italien gereist.",
            "0-0 1-1 1-7 2-5 3-6 4-3 5-4 6-2",
            id="time-before-place-sein",
        ),
        pytest.param(
            say("go", FUTURE, "tomorrow", "cinema", who="they"),
            "They will go to the cinema tomorrow.",
            "Sie werden morgen ins Kino gehen.",
            "0-0 1-1 2-5 3-3 4-3 5-4 6-2",
            id="future-contraction",
        ),
        pytest.param(
            say("put", PAST, "waiter", "cup", 0.7),
            "The waiter put the cup on the table.",
            "Der Kellner hat die Tasse auf den Tisch gestellt.",
            "0-0 1-1 2-2 2-8 3-3 4-4 5-5 6-6 7-7",
            id="two-way-accusative",
        ),
        pytest.param(
            say("stand", PROGRESSIVE, "cup", 0.7),
            "The cup is standing on the table.",
            "Die Tasse steht auf dem Tisch.",
            "0-0 1-1 2-2 3-2 4-3 5-4 6-5",
            id="two-way-dative",
        ),
        pytest.param(
            say("put on", PERFECT, "coat", who="she"),
            "She has put on the coat.",
            "Sie hat den Mantel angezogen.",
            "0-0 1-1 2-4 3-4 4-2 5-3",
            id="perfect",
        ),
        pytest.param(
            say("read", PAST, "newspaper", who="you", asking=True),
            "Did you read the newspaper?",
            "Hast du die Zeitung gelesen?",
            "0-0 1-1 2-4 3-2 4-3",
            id="question",
        ),
        pytest.param(
            say("sell", PAST, "a", "car", "old", "red", who="he", value=0.39),
            "He sold an old red car.",
            "Er hat ein altes rotes Auto verkauft.",
            "0-0 1-1 1-6 2-2 3-3 4-4 5-5",
            id="mixed-adjectives",
        ),
        pytest.param(
            compounds.subordinate(Chosen("because", "sleep", "child", "man", "open", "door")),
            "The child sleeps because the man opens the door.",
            "Das Kind schläft, weil der Mann die Tür aufmacht.",
            "0-0 1-1 2-2 3-3 4-4 5-5 6-8 7-6 8-7",
            id="verb-final",
        ),
        pytest.param(
            compounds.subordinate(Chosen("when", 0.4)),
            "When the man slept, the man slept.",
            "Als der Mann geschlafen hat, hat der Mann geschlafen.",
            "0-0 1-1 2-2 3-3 3-4 4-6 5-7 6-5 6-8",
            id="fronted-clause-als",
        ),
        pytest.param(
            compounds.reported(Chosen("believe", "queen", "judge", "close", "gate")),
            "The queen believes that the judge closed the gate.",
            "Die Königin glaubt, dass der Richter das Tor zugemacht hat.",
            "0-0 1-1 2-2 3-3 4-4 5-5 6-8 6-9 7-6 8-7",
            id="dass",
        ),
        pytest.param(
            compounds.intention(Chosen("open", "door")),
            "The man is trying to open the door.",
            "Der Mann versucht, die Tür aufzumachen.",
            "0-0 1-1 2-2 3-2 4-5 5-5 6-3 7-4",
            id="infinitive-separable",
        ),
        pytest.param(
            compounds.purpose(Chosen("go", "cook", "station", "meet", "judge")),
            "The cook went to the station in order to meet the judge.",
            "Der Koch ist zum Bahnhof gegangen, um den Richter zu treffen.",
            "0-0 1-1 2-2 2-5 3-3 4-3 5-4 6-6 7-6 8-9 9-10 10-7 11-8",
            id="um-zu",
        ),
        pytest.param(
            compounds.referring(Chosen("buy", "he", "hat", "expensive", 0.75)),
            "He bought the hat because it was expensive.",
            "Er hat den Hut gekauft, weil er teuer war.",
            "0-0 1-1 1-4 2-2 3-3 4-5 5-6 6-8 7-7",
            id="gender-of-it",
        ),
        pytest.param(
            compounds.coordinated(Chosen("so", 0.6, 0.5, "run away", "thief")),
            "The thief ran away, so he slept.",
            "Der Dieb ist weggelaufen, deshalb hat er geschlafen.",
            "0-0 1-1 2-2 2-3 3-2 3-3 4-4 5-6 6-5 6-7",
            id="deshalb",
        ),
        pytest.param(
            relatives.relative(Chosen(0.5, "woman", 0.4, "help")),
            "The woman whom the man helped slept.",
            "Die Frau, der der Mann geholfen hat, hat geschlafen.",
            "0-0 1-1 2-2 3-3 4-4 5-5 5-6 6-7 6-8",
            id="relative-dative",
        ),
        pytest.param(
            sentences.existence(Chosen("person", "doctor", "village")),
            "There is a doctor in the village.",
            "Im Dorf gibt es einen Arzt.",
            "0-2 0-3 1-2 2-4 3-5 4-0 5-0 6-1",
            id="existence",
        ),
        pytest.param(
            sentences.command(Chosen("turn off", "lamp", 0.4)),
            "Please turn off the lamp.",
            "Bitte schalte die Lampe aus.",
            "0-0 1-1 1-4 2-1 2-4 3-2 4-3",
            id="imperative",
        ),
        pytest.param(
            sentences.command(Chosen("take", "umbrella", 0.2)),
            "Do not take the umbrella!",
            "Nimm den Regenschirm nicht!",
            "0-0 1-3 2-0 3-1 4-2",
            id="imperative-negated",
        ),
        pytest.param(
            sentences.object_question(Chosen("whom", "help")),
            "Whom does the man help?",
            "Wem hilft der Mann?",
            "0-0 1-1 2-2 3-3 4-1",
            id="wem",
        ),
        pytest.param(
            sentences.passive(Chosen(0.75, "sign", "contract", "president")),
            "The contract was signed by the president.",
            "Der Vertrag wurde vom Präsidenten unterschrieben.",
            "0-0 1-1 2-2 3-5 4-3 5-3 6-4",
            id="passive",
        ),
    ],
)
def test_constructions(pair, source, target, alignment):
    assert pair == SentencePair(source, target, alignment)
