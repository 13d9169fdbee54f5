"""Adjectives, adverbs and fixed expressions of time and manner, with their word links."""

from nmt.grammar.tokens import Idiom

ADJECTIVES = """
old alt | person animal thing text upright baggage device clothing vehicle furniture building place
new neu | thing text upright baggage device clothing vehicle furniture building place
new neu | art opening
young jung | person animal
big groß | animal thing upright baggage device vehicle furniture building opening plant art place
small klein | animal thing upright baggage device vehicle furniture building plant art place
tall groß | person
long lang | text idea
short kurz | text idea
good gut | person food text idea device drink
bad schlecht | food idea text
beautiful schön | person animal plant art building place clothing
ugly hässlich | clothing art building furniture animal
expensive teuer | thing upright baggage device clothing vehicle furniture art drink food
cheap billig | thing upright device clothing vehicle furniture food drink
heavy schwer | baggage furniture upright
red rot ! | clothing vehicle baggage upright plant opening thing
blue blau ! | clothing vehicle baggage upright opening thing
green grün ! | clothing vehicle baggage upright opening
yellow gelb ! | clothing vehicle baggage upright plant
white weiß ! | clothing vehicle upright plant animal building
black schwarz ! | clothing vehicle baggage animal
brown braun ! | animal furniture baggage clothing
gray grau ! | animal building clothing
clean sauber | clothing upright vehicle
dirty schmutzig | clothing upright vehicle furniture opening
broken kaputt = | device vehicle furniture upright
empty leer = | upright baggage building
full voll = | upright baggage
dry trocken | clothing
wet nass | clothing animal
fresh frisch | food
hot heiß | food drink
cold kalt | food drink
sweet süß | food drink
delicious lecker | food
dark dunkel | building clothing place
modern modern | building device furniture art place
quiet ruhig | person place
friendly freundlich | person
nice nett | person
poor arm | person
rich reich | person
famous berühmt | person art building
intelligent intelligent | person animal
strong stark | person animal
lazy faul | person animal
brave mutig | person
shy schüchtern | person animal
polite höflich | person
curious neugierig | person animal
tired müde ~ | person animal
hungry hungrig ~ | person animal
thirsty durstig ~ | person animal
sick krank ~ | person animal
healthy gesund ~ | person animal
happy glücklich ~ | person
sad traurig ~ | person
angry wütend ~ | person
nervous nervös ~ | person
satisfied zufrieden ~ | person
interesting interessant | text idea art place
boring langweilig | text idea art
important wichtig | text idea
difficult schwierig | idea text
funny lustig | idea text
strange seltsam | idea person
dangerous gefährlich | animal
"""
"""English, German | noun classes. Marks: "!" colors, "~" passing states, "=" without
comparative (as the colors)."""

COMPARATIVES = {
    "alt": "älter",
    "jung": "jünger",
    "groß": "größer",
    "lang": "länger",
    "kurz": "kürzer",
    "gut": "besser",
    "teuer": "teurer",
    "dunkel": "dunkler",
    "arm": "ärmer",
    "stark": "stärker",
    "kalt": "kälter",
    "krank": "kränker",
    "gesund": "gesünder",
    "müde": "müder",
}
"""German comparatives that are not the positive plus -er."""

ENGLISH_COMPARATIVES = {
    "good": "better",
    "bad": "worse",
    "big": "bigger",
    "sad": "sadder",
    "wet": "wetter",
    "hot": "hotter",
    "dry": "drier",
}


def _adverbs(table: str) -> list[Idiom]:
    """Adverbs of one word each: "often oft, never nie"."""
    pairs = [pair.split() for pair in table.split(", ")]
    return [Idiom(english, f"{german}:0") for english, german in pairs]


FREQUENCY = _adverbs(
    "often oft, always immer, never nie, sometimes manchmal, usually meistens, rarely selten"
)
MANNER = _adverbs(
    "quickly schnell, slowly langsam, carefully vorsichtig, quietly leise, alone allein, "
    "secretly heimlich, immediately sofort"
)
DEGREE = _adverbs("very sehr, too zu, quite ziemlich, really wirklich")

VEHICLES = [
    Idiom("by car", "mit:0 dem:1 Auto:1"),
    Idiom("by train", "mit:0 dem:1 Zug:1"),
    Idiom("by bus", "mit:0 dem:1 Bus:1"),
    Idiom("by bicycle", "mit:0 dem:1 Fahrrad:1"),
]

DAYS = {
    "Monday": "Montag",
    "Tuesday": "Dienstag",
    "Wednesday": "Mittwoch",
    "Thursday": "Donnerstag",
    "Friday": "Freitag",
    "Saturday": "Samstag",
    "Sunday": "Sonntag",
}

MONTHS = {
    "January": "Januar",
    "February": "Februar",
    "March": "März",
    "April": "April",
    "May": "Mai",
    "June": "Juni",
    "July": "Juli",
    "August": "August",
    "September": "September",
    "October": "Oktober",
    "November": "November",
    "December": "Dezember",
}

SEASONS = {"spring": "Frühling", "summer": "Sommer", "fall": "Herbst", "winter": "Winter"}

NUMBERS = {
    "two": "zwei",
    "three": "drei",
    "four": "vier",
    "five": "fünf",
    "six": "sechs",
    "seven": "sieben",
    "eight": "acht",
    "nine": "neun",
    "ten": "zehn",
    "eleven": "elf",
    "twelve": "zwölf",
}

UNITS = {"days": "Tagen", "weeks": "Wochen", "months": "Monaten", "years": "Jahren"}
"""Units of time in the dative plural."""

GENERAL_TIMES = [
    Idiom("in the morning", "am:01 Morgen:2"),
    Idiom("in the afternoon", "am:01 Nachmittag:2"),
    Idiom("in the evening", "am:01 Abend:2"),
    Idiom("at night", "in:0 der:1 Nacht:1"),
    Idiom("at noon", "am:0 Mittag:1"),
    Idiom("on the weekend", "am:01 Wochenende:2"),
    *[Idiom(f"on {en}", f"am:0 {de}:1") for en, de in DAYS.items()],
    *[Idiom(f"in {en}", f"im:0 {de}:1") for en, de in MONTHS.items()],
    *[Idiom(f"in the {en}", f"im:01 {de}:2") for en, de in SEASONS.items()],
    *[Idiom(f"at {en} o'clock", f"um:0 {de}:1 Uhr:2") for en, de in NUMBERS.items()],
]

PAST_TIMES = [
    Idiom("yesterday", "gestern:0"),
    Idiom("yesterday morning", "gestern:0 Morgen:1"),
    Idiom("yesterday evening", "gestern:0 Abend:1"),
    Idiom("this morning", "heute:0 Morgen:1"),
    Idiom("last night", "letzte:0 Nacht:1"),
    Idiom("last week", "letzte:0 Woche:1"),
    Idiom("last month", "letzten:0 Monat:1"),
    Idiom("last year", "letztes:0 Jahr:1"),
    *[Idiom(f"last {en}", f"letzten:0 {de}:1") for en, de in DAYS.items()],
    *[
        Idiom(f"{number} {unit} ago", f"vor:2 {zahl}:0 {einheit}:1")
        for number, zahl in NUMBERS.items()
        for unit, einheit in UNITS.items()
    ],
]

PRESENT_TIMES = [
    Idiom("today", "heute:0"),
    Idiom("now", "jetzt:0"),
    Idiom("this week", "diese:0 Woche:1"),
    Idiom("this afternoon", "heute:0 Nachmittag:1"),
]

HABITUAL_TIMES = [
    Idiom("every day", "jeden:0 Tag:1"),
    Idiom("every morning", "jeden:0 Morgen:1"),
    Idiom("every evening", "jeden:0 Abend:1"),
    Idiom("every week", "jede:0 Woche:1"),
    Idiom("every year", "jedes:0 Jahr:1"),
    *[Idiom(f"every {en}", f"jeden:0 {de}:1") for en, de in DAYS.items()],
]

FUTURE_TIMES = [
    Idiom("tomorrow", "morgen:0"),
    Idiom("tomorrow morning", "morgen:0 früh:1"),
    Idiom("tomorrow evening", "morgen:0 Abend:1"),
    Idiom("tonight", "heute:0 Abend:0"),
    Idiom("soon", "bald:0"),
    Idiom("next week", "nächste:0 Woche:1"),
    Idiom("next month", "nächsten:0 Monat:1"),
    Idiom("next year", "nächstes:0 Jahr:1"),
    *[Idiom(f"next {en}", f"nächsten:0 {de}:1") for en, de in DAYS.items()],
    *[
        Idiom(f"in {number} {unit}", f"in:0 {zahl}:1 {einheit}:2")
        for number, zahl in NUMBERS.items()
        for unit, einheit in UNITS.items()
    ],
]
