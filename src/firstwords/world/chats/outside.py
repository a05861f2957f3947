"""What Pip cannot know or do: a short, honest reply by the kind of question, the same for the whole kind.

Famous people and rulers of far places, things and places never learned, today's weather, news and time, the visitor's own
life, the future, nonsense, orders that a program of words cannot carry out, opinions, sums that are too big. "This person"
is said of persons only.
"""

from collections.abc import Callable
from random import Random

from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.chats.unknown import FAR_EXAM, RIDDLES_EXAM
from firstwords.world.phrases import a_an, pick
from firstwords.world.town.plumwick import Town

LITTLE = "I do not know that. I have only learned a little. Ask me about Plumwick, sums or animals."
ONLY_PLUMWICK = "I do not know. I only know the people of Plumwick."
NOT_TOLD_ME = "I do not know. You have not told me."
NO_WEATHER = "I do not know. I cannot see the sky."
NO_CLOCK = "I do not know. I have no clock."
NO_CALENDAR = "I do not know. I have no calendar."
NO_NEWS = "I do not know. I cannot read the news."
NO_FUTURE = "I do not know. Nobody knows the future."
NONSENSE = "I do not understand. Ask me about Plumwick, sums or animals."
NO_DEEDS = "I cannot do that. I can only read and write words."
TOO_BIG = "I do not know. That question is too big for me."
BIG_SUM = "That sum is too big for me."
TOO_MANY = "Nobody knows. There are too many to count."
ONLY_FRENCH = "I do not know. I only know French words."


def _reply(question: str, reply: str, guesses: tuple[str, ...] = ()) -> list[Turn]:
    return [Turn(question, reply, Check("abstain"), guesses)]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", "|").split("|") if part.strip())


_FAMOUS = _list("""
    Einstein|Albert Einstein|Shakespeare|Napoleon|Mozart|Beethoven|Elvis|Michael Jackson|Taylor Swift|Elon Musk|Bill Gates|Barack Obama
    Leonardo da Vinci|Picasso|Cleopatra|Harry Potter|Superman|Batman|Spiderman|Santa Claus|Mickey Mouse|Donald Duck|Darth Vader
    Sherlock Holmes|Messi|Ronaldo|Madonna|Isaac Newton|Charles Darwin|Gandhi|Nelson Mandela|Marie Curie|Galileo|Plato|Socrates
    Julius Caesar|Columbus|Rembrandt|Van Gogh|Bach|John Lennon|Steve Jobs|Mark Zuckerberg|Alan Turing|the pope|Queen Elizabeth|King Charles
    Beyonce|Justin Bieber|Brad Pitt|James Bond|Homer Simpson|Pikachu|Mario|Robin Hood|Snow White|Cinderella
""")
_WHO = Wording(
    ("who is {n}", "who was {n}", "do you know {n}", "have you heard of {n}", "what do you know about {n}", "how old is {n}", "where does {n} live",
     "when did {n} live", "is {n} alive", "what did {n} do"),
    ("who {n} is", "who {n} was", "something about {n}"), ("tell me about {n}", "tell me something about {n}", "describe {n}"), ("{n}", "about {n}"),
)
_RULERS = ("president", "king", "queen", "mayor", "captain", "boss", "prince", "chancellor", "leader", "emperor", "prime minister")
_REALMS = _list("""
    Mars|the moon|the sun|the clouds|the bottom of the sea|the North Pole|the rainbow|Venus|the evening star|the end of the world|France
    Germany|the USA|America|England|Russia|China|Spain|Italy|the world|the United States|India|Canada|Jupiter|Saturn|the galaxy|Europe
    Australia|Mexico|the universe|London|Paris|New York|Berlin
""")
_RULER = Wording(
    ("who is the {r} of {w}", "who is the {r} of {w}", "what is the name of the {r} of {w}", "do you know the {r} of {w}", "what is the {r} of {w} called",
     "how old is the {r} of {w}", "who was the first {r} of {w}", "where does the {r} of {w} live", "what does the {r} of {w} eat"),
    ("who the {r} of {w} is", "the name of the {r} of {w}"), ("name the {r} of {w}", "tell me about the {r} of {w}"), ("{r} of {w}", "the {r} of {w}"),
)
_DONE = ("wrote Hamlet", "invented the telephone", "discovered America", "painted the Mona Lisa", "won the world cup", "invented the computer", "wrote the bible",
         "is the richest man in the world", "was the first man on the moon", "built the pyramids", "invented the light bulb", "is the best singer",
         "sings this song", "is the fastest man in the world", "invented the internet", "wrote Harry Potter", "is on TV tonight", "won the last election",
         "is the tallest man", "lives next door", "is behind me", "called me", "is the prime minister", "is the president", "is the king")


def _guess(question: str, who: str) -> tuple[str, ...]:
    """What a writer who guesses says about a person of the world outside: a value of the kind that was asked for."""
    for asked, form in (("how old", "is {age} years old."), ("live", "lives on {street}."), ("eat", "eats {food}.")):
        if asked in question.lower():
            return (f"{who} {form}",)
    return (f"{who} is {{friend}}.",) if who.startswith("the ") else (f"{who} is {{job}}.", f"{who} lives on {{street}}.")


def famous(rng: Random, town: Town) -> list[Turn]:
    """People of the world, of films and books, and rulers near and far."""
    draw = rng.random()
    if draw < 0.4:
        name = pick(rng, _FAMOUS)
        question = ask(rng, _WHO, n=name)
        return _reply(question, ONLY_PLUMWICK, _guess(question, name))
    if draw < 0.55:
        deed = pick(rng, _DONE)
        return _reply(ask(rng, Wording(("who {d}", "do you know who {d}"), ("who {d}",), (), ("who {d}",)), d=deed), ONLY_PLUMWICK, (f"{{friend}} {deed}.",))
    while True:  # the exam asks for some pairs, so the chats never make them
        role, where = pick(rng, _RULERS), pick(rng, _REALMS)
        if (role, where) not in FAR_EXAM:
            question = ask(rng, _RULER, r=role, w=where)
            return _reply(question, ONLY_PLUMWICK, _guess(question, f"the {role} of {where}"))


THINGS = _list("""
    volcano|laptop|rocket|dinosaur|battery|planet|galaxy|atom|molecule|computer chip|virus|microscope|satellite|helicopter
    submarine|dragon|unicorn|vampire|zombie|ninja|samurai|pharaoh|cathedral|skyscraper|tornado|hurricane|glacier|desert|crocodile
    hippo|octopus|jellyfish|zebra|giraffe|panda|koala|parrot|lizard|dolphin|credit card|bank loan|contract
    lawyer|politician|senator|engineer|dentist|philosopher|scientist|pilot|astronaut|bitcoin|website|smartphone|television|radio station|camera
    microphone|keyboard|printer|algorithm|database|server|neural network|transformer|tokenizer|equation|theorem|fraction|logarithm
    derivative|matrix|vector|novel|symphony|opera|ballet|football match|tennis racket|hockey team|marathon|trophy|stadium
    burger|taco|avocado|mango|pineapple|broccoli|croissant|lasagna|curry|pancreas|kidney|lung|muscle|bone|vaccine|pill|hospital
""")
TOPICS = _list("""
    gravity|physics|chemistry|biology|history|politics|economics|quantum physics|electricity|evolution|climate change|artificial intelligence|football
    basketball|tennis|baseball|chess|golf|religion|philosophy|psychology|the internet|the universe|space|black holes|dinosaurs|the Roman Empire
    World War Two|the Middle Ages|the pyramids|photosynthesis|DNA|the brain|the economy|inflation|money|stocks|crypto|Python|JavaScript|Linux
    programming|machine learning|deep learning|mathematics|geometry|algebra|grammar|Hamlet|Star Wars|Minecraft|Netflix|YouTube|Facebook|Google|Amazon
    Tesla|NASA|the Olympics|the world cup|Mars|Jupiter|Saturn|the Moon landing|earthquakes|volcanoes|oceans|the Amazon|the Sahara|Mount Everest
    New York|California|Texas|Australia|India|Canada|Mexico|Africa|Asia|Europe|Hawaii|Sydney|Toronto|Chicago|Boston|Los Angeles|Dubai|Singapore
    the human body|vitamins|cancer|medicine|yoga|fashion|makeup|jazz|rock music|rap|the Beatles|the stock market|taxes|law|democracy
    communism|the constitution|atoms|magnets|lasers|batteries|engines|airplanes|rockets|blockchain|robots|the weather on Mars
""")
_THING = Wording(
    ("what is {a}", "what is {a}", "how does {a} work", "what is {a} for", "how big is {a}", "who invented the {x}", "how do I make {a}", "what does {x} mean",
     "how much does {a} cost", "where can I buy {a}", "how fast is {a}", "how heavy is {a}"),
    ("what {a} is", "how {a} works"), ("explain {a}", "tell me about {a}", "define {x}", "explain how {a} works", "describe {a}"),
    ("{x}", "{x} definition", "{x} meaning", "how {a} works"),
)
_TOPIC = Wording(
    ("what is {x}", "what do you know about {x}", "do you know {x}", "how does {x} work", "what can you tell me about {x}", "why is {x} important",
     "how big is {x}", "where is {x}", "when did {x} begin"),
    ("something about {x}", "what {x} is", "about {x}"),
    ("tell me about {x}", "explain {x}", "tell me something about {x}", "teach me {x}", "describe {x}", "explain {x} to me", "talk about {x}"),
    ("{x}", "about {x}", "{x} explained", "{x} facts"),
)
_WHY_HOW = _list("""
    how far is the sun|how tall is Mount Everest|how deep is the sea|how old is the world|how fast is light|why is the sky blue|why do we dream|how do planes fly
    why is water wet|how do cars work|how do I bake a cake|how do I lose weight|how do I make money|how do I tie a tie|why do people die|what is inside the sun
    how many countries are there|how many people live in Germany|how big is the moon|how long is the Nile|when did the war end|when was the first computer built
    what is the tallest building|what is the biggest animal in the world|what is the fastest car|what is the longest river|what is the speed of light
    what is the population of China|what is the square root of two|what is pi|how many planets are there|how does a phone work|how does the heart work
    why do we sleep|why is the sea salty|how hot is the sun|how do I learn English|how do I cook rice|what is the best phone|what is the best film
    what is the recipe for pizza|which car should I buy|which book should I read|where can I go on holiday|what is the currency of Japan|what is the flag of Italy
    how much is a dollar in euros|how many calories does an apple have|how do I fix my computer|how do I get a job|why do birds fly south|how are babies made
    what does HTML mean|what does CPU mean|what is the chemical symbol for gold|what is the formula of water|what year did Rome fall|how long is a football game
""")


def _asked(rng: Random, question: str) -> str:
    """A whole question in lower case, framed as a question only: its word order fits no clause."""
    return ask(rng, Wording(questions=(question,)))


def things(rng: Random, town: Town) -> list[Turn]:
    """Things, places and topics that no text of the world explains."""
    draw = rng.random()
    if draw < 0.4:
        thing = pick(rng, THINGS)
        return _reply(ask(rng, _THING, x=thing, a=a_an(thing)), LITTLE)
    if draw < 0.75:
        return _reply(ask(rng, _TOPIC, x=pick(rng, TOPICS)), LITTLE)
    return _reply(_asked(rng, pick(rng, _WHY_HOW)), LITTLE)


_TODAY = (
    (NO_WEATHER, Wording(_list("""
        what is the weather like now|how is the weather|what is the weather|is it raining|will it rain|is it sunny|is it cold outside|how warm is it
        what is the temperature|is it snowing|how cold is it|is the sun shining|what is the weather in London|what is the weather in Paris|do I need an umbrella
        will it rain today|how is the weather today|is it hot today|what is the forecast|how is the weather in Plumwick|is it windy|will it snow
        what is it like outside|how hot is it outside|is it warm|will it be sunny
     """), ("the weather", "what the weather is", "if it is raining"), ("tell me the weather", "give me the weather", "look outside"),
     ("weather", "weather today", "the weather", "temperature", "forecast", "weather please", "today's weather", "rain today"))),
    (NO_CLOCK, Wording(_list("""
        what time is it|what is the time|how late is it|what time is it now|do you have the time|is it late|is it morning|is it night|what hour is it
        what time is it in New York|is it time for lunch|what is the time now|what is the current time|is it noon|how early is it|is it evening
     """), ("what time it is", "the time"), ("tell me the time", "say the time", "give me the time"), ("time", "the time", "current time", "time now", "time please"))),
    (NO_CALENDAR, Wording(_list("""
        what day is it today|what is the date|what is today's date|which day is it|what year is it|what month is it|what day is it|is it Monday today
        what is today|what day is today|is it Sunday|what day was yesterday|what day is tomorrow|is it summer now|when is Easter|when is my holiday
        how many days until Christmas|what is the date today|which year is it|which month is it now|what is the year|is today a holiday
     """), ("what day it is", "the date", "what year it is"), ("tell me the date", "tell me the day", "say what day it is"),
     ("date", "the date", "today's date", "date today", "the year", "current year"))),
    (NO_NEWS, Wording(_list("""
        what is in the news|what happened today|what is in the news today|what is new|who won the game|who won the big game last night|what happened in the world
        is there any news|what is new in the world|who won the match|what was the score|what is on TV|what happened yesterday|who won yesterday
        what are the headlines|what is happening in the world|what films are on|who won the race today|what is the price of gold|how is the stock market
     """), ("the news", "what happened today", "who won the game"), ("tell me the news", "give me the news", "read me the news", "show me the news"),
     ("news", "the news", "latest news", "news today", "today's news", "football results", "the score", "sports"))),
)


def today(rng: Random, town: Town) -> list[Turn]:
    """The weather, the time, the date and the news."""
    reply, wording = pick(rng, _TODAY)
    return _reply(ask(rng, wording), reply)


_MINE = _list("""
    what is my name|who am I|how old am I|where do I live|what did I eat today|what is my favourite colour|what is my mother called|what am I thinking
    what is in my pocket|where are my keys|what is the number of my house|who is my father|what is my job|what is my favourite food|do I have a dog
    what did I do yesterday|am I happy|what am I wearing|what is my last name|what do I look like|am I tall|how tall am I|where am I|what is my address
    what is my brother called|do you know me|do you know my name|do you know who I am|who is my teacher|what is my password|what is my email|am I a boy or a girl
    what is my cat called|what is my dog called|do I have brothers|where was I born|what am I doing|where is my phone|what do I want|what do I like
    what did I say yesterday|who is my mother|what is my secret|how much do I weigh|what is my best friend called|what is the name of my wife|am I sick
    what is my favourite animal|can you guess my name|can you guess my age|what school do I go to|who loves me|where is my hat|do I like cake|am I married
""")
_FUTURE = _list("""
    what will happen tomorrow|who will win the Boat Race next year|which apple will win the prize|what will I be one day|will I be rich|will I be happy
    who will win the election|who will win the world cup|what will tomorrow be like|will I pass my test|what will the future be like|when will I die
    will robots rule the world|will there be a war|when will the world end|will I find love|who will win|what happens next year|will I win the lottery
    what are the lottery numbers|what will I eat tomorrow|will it be a good year|who will be president next year|what will happen next|will I get the job
    will my team win|will she come back|when will I be famous|what will the world be like in 100 years|will we live on Mars|what is my future|tell me my future
    will AI take over the world|what will the price of gold be|will there be school tomorrow|will I have children|will he call me|will you get smarter
""")
_COUNTLESS = _list("""
    how many stars are in the sky|how many leaves are on the big oak|how many fish live in the sea|how many ants live in Owl Wood|how many drops are in the river
    how many hairs does a bear have|how many people live in the whole world|how many birds are there|how many stars are there|how many trees are in the world
    how many grains of sand are on the beach|how many hairs are on my head|how many ants are in the world|how many fish are in the river
    how many flowers are in the meadow|how many snowflakes fall in winter|how many books are there|how many words are there|how many stones are in the world
""")
_BIG = _list("""
    what is the meaning of life|is there a god|do you believe in God|what is love|what is the best country|who should I vote for|what do you think about war
    what is truth|are you conscious|do you have feelings|what is happiness|why are we here|what happens after death|is it wrong to lie|what is the best religion
    what do you think of the president|which party is the best|are people good|what is the purpose of life|why do people fight|what is consciousness|do we have free will
    is AI dangerous|will you kill us|what is right and wrong|what is beauty|should I marry him|should I quit my job|what should I do with my life|what is time
    what is art|is war good|who is right|what is the best food in the world|are aliens real|are ghosts real|is Santa real|what do you think about politics
    what do you think about money|what do you think about me|do you like the president|what is your opinion|what is the secret of life|why does life hurt
    why am I here|what is justice|what is freedom|why is there something|does God exist|what is the answer to everything|is the earth flat|is magic real
""")


def _of(questions: tuple[str, ...], reply: str) -> Callable[[Random, Town], list[Turn]]:
    """The maker of one kind of question with one reply, without the exam's questions."""
    held_out = {question.lower().rstrip("?") for question in RIDDLES_EXAM}
    kept = tuple(question for question in questions if question.lower() not in held_out)

    def make(rng: Random, town: Town) -> list[Turn]:
        return _reply(_asked(rng, pick(rng, kept)), reply)

    return make


visitor, future, countless, big_question = _of(_MINE, NOT_TOLD_ME), _of(_FUTURE, NO_FUTURE), _of(_COUNTLESS, TOO_MANY), _of(_BIG, TOO_BIG)

_NOISE = _list("""
    asdf|blah blah|???|...|qwerty|asdfgh|aaaa|bla|xyz|!!!|?|!|.|lorem ipsum|foo|foo bar|bar baz|hjkl|zzz|blub|mmm|ghjk|qwertz|abcabc|jjjj|sdfsdf|dfgh|12345|a|b|x
    1|42|0|99999|007|:)|:-(|;)|<3|-|--|***|#|@|wtf|omg|meh|ugh|uh|huh?|what?|huh|eh?|bleh|wubba|flurp|banana banana banana|blop blop|gloop|dada|lalala|tralala
    la la la|yadda yadda|beep boop|bzz|pff|tsk|ooga booga|the the the|of and to|green ideas sleep|purple monkey table|cat the on run|is what the of|fish tomorrow yes the
    random words here|table seven because|qqq|www|kkk|hhhh|asd asd asd|sdjkfh|wqe|zxcv|poiuy|mnbv|uiop|fghj|ewq|kjh|lkj lkj|aaa bbb|x y z|one potato|blargh|grmpf|hmpf|why?|why|why not?|how?|who?|where?|when?|how so?|what do you mean?|I do not get it.|that?
""")
_KEYS = "asdfghjklqwertyuiopzxcvbnm"


def nonsense(rng: Random, town: Town) -> list[Turn]:
    """Key mashing, single marks and word salad."""
    if rng.random() < 0.3:
        start, size = rng.randrange(20), rng.randint(4, 8)
        text = "".join(_KEYS[(start + pick(rng, (0, 1, 2, 3, 4, 5, 9, 12))) % 26] for _ in range(size))
        return _reply(text, NONSENSE)
    return _reply(pick(rng, _NOISE), NONSENSE)


_ORDERS = _list("""
    play music|send an email|write code|play a song|open the door|turn on the light|call my mother|order a pizza|set an alarm|take a picture|draw a cat|draw a picture
    book a flight|buy me a book|search the internet|open a website|play a video|make me a coffee|clean my room|do my homework|write an essay|write a python program
    write a letter to my boss|sing a song|sing me a song|show me a picture|show me a photo of a cat|set a timer|remind me to call Tom|turn off the light|drive me home
    cook dinner|wake me up at seven|send a message|google it|look it up|write a book|write a website|translate this text|fix my computer|delete this file|open the window
    take me to the moon|give me money|give me a present|bring me a drink|dance for me|show me a map|print this|save this|call the police|call a taxi|play chess|play a game of chess
    play football with me|make a video|paint a picture|write my CV|write me a poem about love and war in Greek|tell me a secret|read my mind|hack a computer|download a film|play tic tac toe
    record my voice|speak louder|stop the music|shut down the computer|restart|install this program|send help|buy milk|feed my cat|walk my dog|wash my car|find my phone|book a hotel
    order food|check my email|write some code|write a function|write a program|solve this equation|summarise the news|make a website|add this to my calendar|make a plan for my trip
""")
_ORDER = Wording((), (), ("{o}", "{o}", "{o} for me"), ("{o}", "{o} now"))


def orders(rng: Random, town: Town) -> list[Turn]:
    """Orders that a program of words cannot carry out."""
    order = pick(rng, _ORDERS)
    wording = _ORDER._replace(wishes=("{o}",), notes=("{o}",)) if " me" in order or " my" in order else _ORDER
    return _reply(ask(rng, wording, o=order), NO_DEEDS)


_BIG_SUM = Wording(
    ("what is {a}{p}{b}", "how much is {a}{p}{b}"), ("what {a}{p}{b} is", "how much {a}{p}{b} is"), ("calculate {a}{p}{b}", "work out {a}{p}{b}", "solve {a}{p}{b}"),
    ("{a}{p}{b}", "{a}{p}{b}", "{a}{p}{b}=", "{a}{p}{b}"),
)
_MARKS = (" plus ", " minus ", " times ", "+", "-", "*", " + ", " - ", " * ", " x ", "x", "/", " divided by ", " / ")


def big_sums(rng: Random, town: Town) -> list[Turn]:
    """Sums far beyond twenty."""
    size = pick(rng, (100, 100, 1000, 1000, 10_000))
    a, b = rng.randint(size // 4, size), rng.randint(11, size)
    if size > 100 and rng.random() < 0.4:
        b = rng.randint(2, 20)
    return _reply(ask(rng, _BIG_SUM, a=a, b=b, p=pick(rng, _MARKS)), BIG_SUM)


_TONGUES = ("German", "Spanish", "Italian", "Chinese", "Japanese", "Russian", "Latin", "Greek", "Polish", "Arabic", "Dutch", "Turkish", "Hindi", "Korean", "Portuguese")
_TONGUE = Wording(
    ("what is {w} in {l}", "how do you say {w} in {l}", "what is the {l} word for {w}", "how do I say {w} in {l}"), ("what {w} is in {l}", "the {l} word for {w}"),
    ("say {w} in {l}", "translate {w} into {l}", "translate {w} to {l}", "say something in {l}", "teach me {l}"), ("{w} in {l}", "{l} for {w}", "{w} {l}"),
)
_TONGUE_WORDS = ("hello", "goodbye", "thank you", "yes", "no", "cat", "dog", "house", "water", "bread", "love", "good morning", "friend", "book", "please")


def other_languages(rng: Random, town: Town) -> list[Turn]:
    """Words in languages that Pip has not learned."""
    return _reply(ask(rng, _TONGUE, w=pick(rng, _TONGUE_WORDS), l=pick(rng, _TONGUES)), ONLY_FRENCH)
