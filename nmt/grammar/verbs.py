"""Verbs by the frame they open.

A line reads: English forms | German forms | subject classes > object classes.

English forms: base [past participle]; regular verbs give the base alone. A particle ("up") or
preposition (":for") follows after a semicolon and is translated by the verb itself.
German forms: infinitive with a bar behind a separable prefix, third person singular of the part
without the prefix, participle ("ist" before it marks the auxiliary sein), and in brackets the
first person preterite of verbs that prefer it to the perfect.
Objects may open with their case ("dat") or with the prepositions of both languages and a case
("for=auf+acc"); accusative is the default. A star marks verbs without a progressive form.
"""

INTRANSITIVE = """
sleep slept slept | schlafen schläft geschlafen | person animal
work | arbeiten arbeitet gearbeitet | person
laugh | lachen lacht gelacht | person
cry | weinen weint geweint | person
dance | tanzen tanzt getanzt | person
sing sang sung | singen singt gesungen | person
smile | lächeln lächelt gelächelt | person
get got gotten ;up | auf|stehen steht ist aufgestanden | person
wake woke woken ;up | auf|wachen wacht ist aufgewacht | person animal
fall fell fallen ;asleep | ein|schlafen schläft ist eingeschlafen | person animal
arrive | an|kommen kommt ist angekommen | person
disappear | verschwinden verschwindet ist verschwunden | person animal
whisper | flüstern flüstert geflüstert | person
shout | schreien schreit geschrien | person
snore | schnarchen schnarcht geschnarcht | person
celebrate | feiern feiert gefeiert | person
swim swam swum | schwimmen schwimmt ist geschwommen | person animal
win won won | gewinnen gewinnt gewonnen | person
die | sterben stirbt ist gestorben | person animal
pray | beten betet gebetet | person
hesitate | zögern zögert gezögert | person
come came come ;back | zurück|kommen kommt ist zurückgekommen | person animal
run ran run ;away | weg|laufen läuft ist weggelaufen | person animal
give gave given ;up | auf|geben gibt aufgegeben | person
"""

TRANSITIVE = """
see saw seen | sehen sieht gesehen | person animal > person animal vehicle building *
hear heard heard | hören hört gehört | person animal > person animal *
visit | besuchen besucht besucht | person > person
know knew known | kennen kennt gekannt (kannte) | person > person idea *
meet met met | treffen trifft getroffen | person > person
love | lieben liebt geliebt | person > person animal plant *
like | mögen mag gemocht (mochte) | person > person animal food drink plant art *
invite | ein|laden lädt eingeladen | person > person
call | an|rufen ruft angerufen | person > person
greet | grüßen grüßt gegrüßt | person > person
find found found | finden findet gefunden | person > thing baggage text animal clothing upright *
look ;:for | suchen sucht gesucht | person > person animal thing baggage text
photograph | fotografieren fotografiert fotografiert | person > person animal building plant
understand understood understood | verstehen versteht verstanden | person > person idea text *
ask | fragen fragt gefragt | person > person
hug | umarmen umarmt umarmt | person > person
kiss | küssen küsst geküsst | person > person
pick ;up | ab|holen holt abgeholt | person > person baggage
recognize | erkennen erkennt erkannt | person > person animal building *
accompany | begleiten begleitet begleitet | person > person
watch | beobachten beobachtet beobachtet | person animal > person animal
look ;:at | an|sehen sieht angesehen | person > art building plant clothing
miss | vermissen vermisst vermisst | person > person animal *
need | brauchen braucht gebraucht | person > person thing clothing vehicle baggage device *
save | retten rettet gerettet | person > person animal
help | helfen hilft geholfen | person > dat person
thank | danken dankt gedankt | person > dat person
follow | folgen folgt ist gefolgt | person animal > dat person animal
trust | vertrauen vertraut vertraut | person > dat person *
congratulate | gratulieren gratuliert gratuliert | person > dat person
listen ;:to | zu|hören hört zugehört | person > dat person
reply ;:to | antworten antwortet geantwortet | person > dat person
forgive forgave forgiven | verzeihen verzeiht verziehen | person > dat person
belong ;:to | gehören gehört gehört (gehörte) | thing vehicle baggage building device > dat person *
wait | warten wartet gewartet | person > for=auf+acc person transport
think thought thought | denken denkt gedacht (dachte) | person > of=an+acc person
laugh | lachen lacht gelacht | person > about=über+acc idea
talk | sprechen spricht gesprochen | person > to=mit+dat person
dream | träumen träumt geträumt | person > of=von+dat person building vehicle
play | spielen spielt gespielt | person animal > with=mit+dat person animal
eat ate eaten | essen isst gegessen | person > food
cook | kochen kocht gekocht | person > potato egg soup rice meat fish
order | bestellen bestellt bestellt | person > food drink
taste | probieren probiert probiert | person > food drink
cut cut cut | schneiden schneidet geschnitten | person > apple tomato potato cake bread cheese
prepare | zu|bereiten bereitet zubereitet | person > salad soup meat fish sandwich
drink drank drunk | trinken trinkt getrunken | person > drink
read read read | lesen liest gelesen | person > text
write wrote written | schreiben schreibt geschrieben | person > text
translate | übersetzen übersetzt übersetzt | person > text
sign | unterschreiben unterschreibt unterschrieben | person > text
print | aus|drucken druckt ausgedruckt | person > text
receive | bekommen bekommt bekommen | person > text thing baggage *
buy bought bought | kaufen kauft gekauft | person > food drink thing text clothing vehicle device
sell sold sold | verkaufen verkauft verkauft | person > vehicle building device furniture animal
have had had | haben hat gehabt (hatte) | person > animal vehicle device idea furniture building *
lose lost lost | verlieren verliert verloren | person > thing baggage clothing *
repair | reparieren repariert repariert | person > vehicle device furniture
clean | putzen putzt geputzt | person > furniture opening
wash | waschen wäscht gewaschen | person > clothing vehicle
break broke broken | zerbrechen zerbricht zerbrochen | person > upright
steal stole stolen | stehlen stiehlt gestohlen | person > vehicle baggage device art
paint | malen malt gemalt | person > art plant animal
draw drew drawn | zeichnen zeichnet gezeichnet | person > animal plant building
carry | tragen trägt getragen | person > baggage upright furniture
take took taken | nehmen nimmt genommen | person > thing upright transport
bring brought brought ;along | mit|bringen bringt mitgebracht | person > food drink thing text
use | benutzen benutzt benutzt | person > thing device
throw threw thrown ;away | weg|werfen wirft weggeworfen | person > clothing text thing
forget forgot forgotten | vergessen vergisst vergessen | person > thing baggage person idea *
hide hid hidden | verstecken versteckt versteckt | person > thing text baggage
count | zählen zählt gezählt | person > animal upright
build built built | bauen baut gebaut | person > building furniture
open | auf|machen macht aufgemacht | person > opening baggage
close | zu|machen macht zugemacht | person > opening baggage
lock | ab|schließen schließt abgeschlossen | person > opening
turn ;on | ein|schalten schaltet eingeschaltet | person > device
turn ;off | aus|schalten schaltet ausgeschaltet | person > device
wear wore worn | tragen trägt getragen | person > clothing
put put put ;on | an|ziehen zieht angezogen | person > clothing
take took taken ;off | aus|ziehen zieht ausgezogen | person > clothing
pack | ein|packen packt eingepackt | person > clothing thing
unpack | aus|packen packt ausgepackt | person > baggage
describe | beschreiben beschreibt beschrieben | person > person idea art
choose chose chosen | aus|wählen wählt ausgewählt | person > clothing art thing
borrow | aus|leihen leiht ausgeliehen | person > book novel newspaper vehicle
rent | mieten mietet gemietet | person > vehicle building
park | parken parkt geparkt | person > vehicle
feed fed fed | füttern füttert gefüttert | person > animal
stroke | streicheln streichelt gestreichelt | person > animal
catch caught caught | fangen fängt gefangen | person animal > animal
chase | jagen jagt gejagt | animal > animal person
bite bit bitten | beißen beißt gebissen | animal > person animal
answer | beantworten beantwortet beantwortet | person > question letter message
solve | lösen löst gelöst | person > problem
hold held held | halten hält gehalten | person > upright thing
push | schieben schiebt geschoben | person > furniture vehicle
discuss | besprechen bespricht besprochen | person > idea
admire | bewundern bewundert bewundert | person > person art building plant *
water | gießen gießt gegossen | person > plant
plant | pflanzen pflanzt gepflanzt | person > plant
examine | untersuchen untersucht untersucht | person > person animal
"""

GIVING = """
give gave given | geben gibt gegeben | person > thing text food clothing
show showed shown | zeigen zeigt gezeigt | person > art text thing vehicle building
send sent sent | schicken schickt geschickt | person > text baggage
lend lent lent | leihen leiht geliehen | person > vehicle text thing
offer | an|bieten bietet angeboten | person > food drink vehicle
tell told told | erzählen erzählt erzählt | person > story secret
explain | erklären erklärt erklärt | person > problem rule plan -
recommend | empfehlen empfiehlt empfohlen | person > text food drink -
return | zurück|geben gibt zurückgegeben | person > thing text baggage vehicle -
"""
"""A dash marks the verbs that take "to" and no indirect object."""

MOTION = """
go went gone | gehen geht ist gegangen | person > place
come came come | kommen kommt ist gekommen | person > place city
drive drove driven | fahren fährt ist gefahren | person > place city
run ran run | laufen läuft ist gelaufen | person animal > place
travel | reisen reist ist gereist | person > city
fly flew flown | fliegen fliegt ist geflogen | person > city
hike | wandern wandert ist gewandert | person > place
hurry | eilen eilt ist geeilt | person > place
move | um|ziehen zieht ist umgezogen | person > city
"""

PLACING = """
put put put | stellen stellt gestellt | person > upright
lay laid laid | legen legt gelegt | person > text thing clothing
"""

POSTURE = """
stand stood stood | stehen steht gestanden | upright device
lie lay lain | liegen liegt gelegen | text thing clothing
sit sat sat | sitzen sitzt gesessen | person animal
"""

LOCATED = """
live | wohnen wohnt gewohnt | person > place city
stay | bleiben bleibt ist geblieben | person > place city
"""

SAYING = """
think thought thought | denken denkt gedacht (dachte) | person *
believe | glauben glaubt geglaubt | person *
say said said | sagen sagt gesagt | person *
know knew known | wissen weiß gewusst (wusste) | person *
hope | hoffen hofft gehofft | person *
claim | behaupten behauptet behauptet | person *
notice | bemerken bemerkt bemerkt | person *
report | berichten berichtet berichtet | person *
"""
"""Verbs with a that-clause."""

INTENDING = """
try | versuchen versucht versucht | person
decide | beschließen beschließt beschlossen | person *
promise | versprechen verspricht versprochen | person *
forget forgot forgotten | vergessen vergisst vergessen | person *
plan | planen plant geplant | person
start | an|fangen fängt angefangen | person
hope | hoffen hofft gehofft | person *
"""
"""Verbs with an infinitive clause."""

DOUBLED = ("get", "run", "win", "swim", "hug", "put", "cut", "plan", "sit", "forget")
"""English verbs that double the last consonant before -ing and -ed."""
