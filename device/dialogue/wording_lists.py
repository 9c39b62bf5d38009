"""The words that `wording` goes by: closed classes of English, and small tables for French and German.

    TABLES["fr"].dangling

Lists by grammatical category, not by what was recorded: a category is here when a sentence of the language does not
end with it (Quirk et al., A Comprehensive Grammar of the English Language, 1985, ch. 2, 7 and 9, for the English).
"""

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- what no sentence ends with, whatever mark the recogniser put behind it --------------------------------------
ARTICLES = _words("a an the")
POSSESSIVES = _words("my your our their its")  # not 'her', 'his', 'mine': those can be the last word
CONJUNCTIONS = _words("and or but nor because cause if unless although whether whereas plus as")
CONTRACTIONS = _words(  # a contracted auxiliary cannot be stranded: "I know where he's" is no English
    "i'm you're he's she's it's we're they're i've you've we've they've i'll you'll he'll she'll it'll we'll they'll"
    " i'd you'd he'd she'd we'd they'd that's there's here's what's who's where's how's let's that'll there'll"
)
DEGREE = _words("very quite every")
FILLERS = _words("um uhm umm uh uhh er err erm ehm eh hm hmm ah")
NEVER_LAST = ARTICLES | POSSESSIVES | CONJUNCTIONS | CONTRACTIONS | DEGREE | FILLERS
#: prepositions that are not adverbs too: at the end only where what they belong to stands earlier
PREPOSITIONS = _words(
    "of with for from at into onto to than between during until till toward towards against among amongst per via upon"
    " except regarding versus despite unlike"
)

# --- what is unfinished only where no mark says otherwise --------------------------------------------------------
#: prepositions that are particles of verbs too ("turn it on", "come in")
PARTICLES = _words("on in over by about through across under")
PARTICLE_VERBS = _words(
    "turn turned turning switch switched switching put come comes came coming go goes going went log logged sign signed"
    " hold carry move moved keep get got is are was be been am 's it's that's he's they're i'm lights light leave left"
    " bring take taken start run think talk know hear stop walk look looking let start game pull hand pass fall check"
    " plug plugged fill give"
)
AUXILIARIES = _words(
    "is are was were am be been being do does did has have had will would can could shall should may might must"
)
PRONOUNS = _words("i you he she it we they this that these those there")
YES_NO = _words("yes yeah yep no nope sure course think know so guess hope believe")

# --- what stands earlier and makes a last preposition right ------------------------------------------------------
STRANDING_WH = _words("what what's whats which who who's whom whose where where's")
MEASURE_WH = _words("much many long far")  # "how much did you buy it for"
ANTECEDENTS = _words("one thing things something anything nothing someone anyone nobody somebody everything all person")
#: verbs that an infinitive belongs to: it is no relative clause there
CONTROL_VERBS = _words(
    "want wants wanted like love need needs going go went have has had got try tried trying used supposed hope hoping"
    " plan planning begin started start able forget remember me you him us them"
)
#: nouns that want a complement: "what is the weather in", "who is the author of"
RELATIONAL_NOUNS = _words(
    "weather temperature time date forecast price cost score capital name distance number population meaning author"
    " president king queen king size height age definition difference way route recipe kind sort type lot bit piece cup"
    " number amount part end rest"
)

# --- verbs that want an object -----------------------------------------------------------------------------------
WANTING = _words("want wants wanted need needs")
GIVING = _words("give get bring make buy send")  # "give me"
COMMAND_WITH_OBJECT = _words("set add put remind order create schedule brew increase decrease")  # alone: "set"

#: "set the lamp to blue": behind these is what something is set to
SET_TO = _words("to for at on off up down as in by a.m p.m am pm noon midnight tomorrow high higher low lower")

#: at the head of a clause that hangs on another
SUBORDINATORS = _words("if when whenever unless although while as")
#: a command's verb: where one is, the main clause has come
COMMAND_VERBS = _words(
    "turn switch set play stop pause tell remind wake call open close lock start show give make let put send add dim"
    " ask please let's can could will should don't"
)

# --- quantities --------------------------------------------------------------------------------------------------
DIGIT_WORDS = _words("zero oh one two three four five six seven eight nine")
TEENS = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
MAGNITUDES = _words("hundred thousand million billion")
NUMBER_WORDS = DIGIT_WORDS | TEENS | TENS | MAGNITUDES
REPEATERS = _words("double triple")
#: units that stand in the singular before a noun: "a ten minute timer", "a 12 ounce latte"
SINGULAR_UNITS = _words(
    "second minute hour day week month year ounce inch mile gallon litre liter gram pound meter metre"
)

# --- dictation ---------------------------------------------------------------------------------------------------
#: what is dictated behind these: digits, letters
DICTATED = _words(
    "number code pin order phone password passcode postcode zip account reservation confirmation reference extension"
    " serial isbn call dial flight tracking card"
)
DICTATION_OPENINGS = (  # the text ends here, and what is dictated has not begun
    "number is", "number's", "name is", "name's", "code is", "pin is", "password is", "address is", "email is",
    "order number", "phone number is", "spelled", "spelt", "it's spelled", "number", "order", "code", "pin", "dial",
)  # fmt: skip

# --- whole utterances --------------------------------------------------------------------------------------------
ONE_WORD = _words(
    "yes yeah yep yup no nope ok okay sure right stop pause play resume continue next previous back skip repeat again"
    " cancel quit exit done help hello hi hey goodbye bye thanks please louder quieter mute unmute wait enough snooze"
    " correct wrong exactly maybe never always nothing everything louder softer up down off what why who where when how"
    " restart shuffle lock unlock open close start begin finish uh-huh mm-hm mhm mmhm"
)
#: ... but said alone they are as often the beginning of more ("okay, what about ...", "what is ..."), and what a small
#: recogniser makes of a single dictated digit ("six": "Okay.", "eight": "Hey.", "five": "Bye.")
OPENERS = _words("okay ok hey right sure bye what now")
SAYINGS = frozenset({
    "thank you", "thanks a lot", "never mind", "go on", "go ahead", "go back", "come in", "come on", "shut up",
    "be quiet", "that's it", "that's all", "that's right", "of course", "of course not", "no thanks", "no thank you",
    "yes please", "volume up", "volume down", "good morning", "good night", "stop it", "hold on", "not yet", "not now",
    "try again", "one more time", "as well", "yes it is", "no it isn't", "i am", "i do", "i don't", "i am not", "it is",
    "so what",
})  # fmt: skip

SHORT_QUESTIONS = frozenset({"what's up", "what's that", "what's this", "who's that", "who's there", "how come"})


@dataclass(frozen=True, slots=True)
class Table:
    """A language of which only the words are listed that no sentence ends with."""

    dangling: frozenset[str]
    dictation_openings: tuple[str, ...] = ()


TABLES = {
    "fr": Table(
        _words(
            "le la les un une des du de au aux et ou mais donc car que quand parce puisque si comme dans avec chez mon"
            " ma mes ton ta tes son sa ses notre nos votre vos leurs ce cet cette ces très je tu euh heu hum l' d'"
            " j' qu' n' c'"
        )
        - {"si", "la"},  # "mais si", "là" that the recogniser wrote without its accent
        ("numéro est le", "numéro est", "code est", "je m'appelle", "mon nom est"),
    ),
    "de": Table(
        _words(
            "der die den dem des eine einen einem einer eines und oder aber weil dass wenn ob sondern mein meine meinen"
            " meinem meiner dein deine deinen ihre unser unsere im am zum zur vom beim ins bei von für seit gegen ohne"
            " zwischen sehr äh ähm öh hm ich wir"
        ),
        ("nummer ist", "name ist", "code ist", "ich heiße", "pin ist"),
    ),
}  # fmt: skip
