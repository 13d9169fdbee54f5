"""Places, cities and first names."""

PLACES = """
garden = der Garten, Gärten | in into in in
kitchen = die Küche, Küchen | in into in in
bathroom = das Badezimmer, Badezimmer | in into in in
bedroom = das Schlafzimmer, Schlafzimmer | in into in in
living room = das Wohnzimmer, Wohnzimmer | in into in in
cellar = der Keller, Keller | in into in in
garage = die Garage, Garagen | in into in in
forest = der Wald, Wälder | in into in in
park = der Park, Parks | in to in in
office = das Büro, Büros | in to in in
city = die Stadt, Städte | in to in in
village = das Dorf, Dörfer | in to in in
library = die Bibliothek, Bibliotheken | in to in in
museum = das Museum, Museen | in to in in
hospital = das Krankenhaus, Krankenhäuser | in to in in
church = die Kirche, Kirchen | in to in in
restaurant = das Restaurant, Restaurants | in to in in
café = das Café, Cafés | in to in in
hotel = das Hotel, Hotels | in to in in
shop = der Laden, Läden | in to in in
supermarket = der Supermarkt, Supermärkte | in to in in
factory = die Fabrik, Fabriken | in to in in
stadium = das Stadion, Stadien | in to in in
castle = das Schloss, Schlösser | in to in zu
bank = die Bank, Banken | in to in zu
bakery = die Bäckerei, Bäckereien | in to in zu
pharmacy = die Apotheke, Apotheken | in to in zu
theater = das Theater, Theater | at to in in
cinema = das Kino, Kinos | at to in in
school = die Schule, Schulen | at to in in
zoo = der Zoo, Zoos | at to in in
station = der Bahnhof, Bahnhöfe | at to an zu
airport = der Flughafen, Flughäfen | at to an zu
river = der Fluss, Flüsse | at to an zu
lake = der See, Seen | at to an an
beach = der Strand, Strände | at to an an
university = die Universität, Universitäten | at to an zu
market = der Markt, Märkte | at to auf auf
street = die Straße, Straßen | on onto auf auf
bridge = die Brücke, Brücken | on onto auf auf
farm = der Bauernhof, Bauernhöfe | on to auf auf
island = die Insel, Inseln | on to auf auf
"""
"""A place noun, then the prepositions: English at rest and of motion, German likewise."""

CITIES = """
Berlin = Berlin
Hamburg = Hamburg
Munich = München
Cologne = Köln
Vienna = Wien
Zurich = Zürich
Paris = Paris
London = London
Rome = Rom
Prague = Prag
Warsaw = Warschau
Germany = Deutschland
Austria = Österreich
France = Frankreich
Italy = Italien
Spain = Spanien
Greece = Griechenland
Poland = Polen
Sweden = Schweden
Japan = Japan
"""
"""Cities and countries without an article."""

NAMES = {
    "he": "Peter Paul Tom Martin Daniel Stefan Michael David Simon Jan",
    "she": "Anna Maria Laura Julia Sarah Lisa Emma Eva Nina Clara",
}
"""First names by the English pronoun that refers to them; they are the same in German."""
