"""Nouns by semantic class: English[/plural] = German article, noun, plural.

A star marks the weak masculine nouns, which end in -n or -en in every case but the nominative.
A dash instead of the plural marks mass nouns, which take no plural and no indefinite article.
"""

NOUNS: dict[str, str] = {
    "person": """
man/men = der Mann, Männer
woman/women = die Frau, Frauen
boy = der Junge, Jungen *
girl = das Mädchen, Mädchen
child/children = das Kind, Kinder
pupil = der Schüler, Schüler
teacher = der Lehrer, Lehrer
student = der Student, Studenten *
doctor = der Arzt, Ärzte
nurse = die Krankenschwester, Krankenschwestern
neighbor = der Nachbar, Nachbarn *
friend = der Freund, Freunde
colleague = der Kollege, Kollegen *
boss = der Chef, Chefs
farmer = der Bauer, Bauern *
baker = der Bäcker, Bäcker
cook = der Koch, Köche
waiter = der Kellner, Kellner
waitress = die Kellnerin, Kellnerinnen
customer = der Kunde, Kunden *
guest = der Gast, Gäste
tourist = der Tourist, Touristen *
police officer = der Polizist, Polizisten *
soldier = der Soldat, Soldaten *
thief/thieves = der Dieb, Diebe
lawyer = der Anwalt, Anwälte
judge = der Richter, Richter
engineer = der Ingenieur, Ingenieure
scientist = der Wissenschaftler, Wissenschaftler
journalist = der Journalist, Journalisten *
president = der Präsident, Präsidenten *
king = der König, Könige
queen = die Königin, Königinnen
prince = der Prinz, Prinzen *
princess = die Prinzessin, Prinzessinnen
actor = der Schauspieler, Schauspieler
actress = die Schauspielerin, Schauspielerinnen
singer = der Sänger, Sänger
writer = der Schriftsteller, Schriftsteller
painter = der Maler, Maler
patient = der Patient, Patienten *
mechanic = der Mechaniker, Mechaniker
father = der Vater, Väter
mother = die Mutter, Mütter
brother = der Bruder, Brüder
sister = die Schwester, Schwestern
son = der Sohn, Söhne
daughter = die Tochter, Töchter
uncle = der Onkel, Onkel
aunt = die Tante, Tanten
grandfather = der Großvater, Großväter
grandmother = die Großmutter, Großmütter
""",
    "animal": """
dog = der Hund, Hunde
cat = die Katze, Katzen
horse = das Pferd, Pferde
cow = die Kuh, Kühe
pig = das Schwein, Schweine
bird = der Vogel, Vögel
chicken = das Huhn, Hühner
duck = die Ente, Enten
mouse/mice = die Maus, Mäuse
rabbit = das Kaninchen, Kaninchen
goat = die Ziege, Ziegen
donkey = der Esel, Esel
bear = der Bär, Bären *
lion = der Löwe, Löwen *
elephant = der Elefant, Elefanten *
monkey = der Affe, Affen *
snake = die Schlange, Schlangen
wolf/wolves = der Wolf, Wölfe
""",
    "food": """
apple = der Apfel, Äpfel
pear = die Birne, Birnen
orange = die Orange, Orangen
banana = die Banane, Bananen
tomato/tomatoes = die Tomate, Tomaten
potato/potatoes = die Kartoffel, Kartoffeln
egg = das Ei, Eier
sausage = die Wurst, Würste
cake = der Kuchen, Kuchen
pizza = die Pizza, Pizzas
sandwich = das Sandwich, Sandwiches
soup = die Suppe, Suppen
salad = der Salat, Salate
bread = das Brot, -
cheese = der Käse, -
meat = das Fleisch, -
fish = der Fisch, -
rice = der Reis, -
chocolate = die Schokolade, -
""",
    "drink": """
water = das Wasser, -
milk = die Milch, -
coffee = der Kaffee, -
tea = der Tee, -
beer = das Bier, -
wine = der Wein, -
juice = der Saft, -
lemonade = die Limonade, -
""",
    "text": """
book = das Buch, Bücher
letter = der Brief, Briefe
newspaper = die Zeitung, Zeitungen
novel = der Roman, Romane
poem = das Gedicht, Gedichte
postcard = die Postkarte, Postkarten
contract = der Vertrag, Verträge
report = der Bericht, Berichte
recipe = das Rezept, Rezepte
message = die Nachricht, Nachrichten
""",
    "thing": """
key = der Schlüssel, Schlüssel
umbrella = der Regenschirm, Regenschirme
ball = der Ball, Bälle
knife/knives = das Messer, Messer
spoon = der Löffel, Löffel
fork = die Gabel, Gabeln
ring = der Ring, Ringe
toy = das Spielzeug, Spielzeuge
pencil = der Bleistift, Bleistifte
blanket = die Decke, Decken
pillow = das Kissen, Kissen
gift = das Geschenk, Geschenke
passport = der Pass, Pässe
ticket = die Fahrkarte, Fahrkarten
map = die Landkarte, Landkarten
""",
    "upright": """
bottle = die Flasche, Flaschen
glass = das Glas, Gläser
cup = die Tasse, Tassen
plate = der Teller, Teller
vase = die Vase, Vasen
bucket = der Eimer, Eimer
basket = der Korb, Körbe
pot = der Topf, Töpfe
candle = die Kerze, Kerzen
""",
    "baggage": """
suitcase = der Koffer, Koffer
bag = die Tasche, Taschen
backpack = der Rucksack, Rucksäcke
package = das Paket, Pakete
""",
    "device": """
radio = das Radio, Radios
television = der Fernseher, Fernseher
computer = der Computer, Computer
lamp = die Lampe, Lampen
telephone = das Telefon, Telefone
camera = die Kamera, Kameras
stove = der Herd, Herde
washing machine = die Waschmaschine, Waschmaschinen
""",
    "clothing": """
coat = der Mantel, Mäntel
jacket = die Jacke, Jacken
shirt = das Hemd, Hemden
dress = das Kleid, Kleider
skirt = der Rock, Röcke
hat = der Hut, Hüte
shoe = der Schuh, Schuhe
sweater = der Pullover, Pullover
""",
    "vehicle": """
car = das Auto, Autos
bicycle = das Fahrrad, Fahrräder
motorcycle = das Motorrad, Motorräder
boat = das Boot, Boote
truck = der Lastwagen, Lastwagen
""",
    "transport": """
bus = der Bus, Busse
train = der Zug, Züge
taxi = das Taxi, Taxis
""",
    "furniture": """
table = der Tisch, Tische
chair = der Stuhl, Stühle
bed = das Bett, Betten
sofa = das Sofa, Sofas
desk = der Schreibtisch, Schreibtische
bench = die Bank, Bänke
""",
    "opening": """
door = die Tür, Türen
window = das Fenster, Fenster
gate = das Tor, Tore
drawer = die Schublade, Schubladen
""",
    "plant": """
flower = die Blume, Blumen
rose = die Rose, Rosen
tree = der Baum, Bäume
""",
    "art": """
picture = das Bild, Bilder
portrait = das Porträt, Porträts
""",
    "building": """
house = das Haus, Häuser
apartment = die Wohnung, Wohnungen
hut = die Hütte, Hütten
barn = die Scheune, Scheunen
""",
    "idea": """
problem = das Problem, Probleme
plan = der Plan, Pläne
question = die Frage, Fragen
answer = die Antwort, Antworten
story = die Geschichte, Geschichten
idea = die Idee, Ideen
secret = das Geheimnis, Geheimnisse
rule = die Regel, Regeln
film = der Film, Filme
song = das Lied, Lieder
""",
}
