"""What Pip cannot know or do: a short, honest reply by the kind of question, the same for the whole kind.

Famous people and rulers of far places, things and places never learned, today's weather, news and time, the visitor's own
life, the future, nonsense, orders that a program of words cannot carry out, opinions, sums that are too big. "This person"
is said of persons only.
"""

from collections.abc import Callable
from random import Random
from string import ascii_uppercase

from firstwords.world.chats.asking import Wording, ask, varied
from firstwords.world.chats.basics import CAPITAL
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.chats.unknown import FAR_EXAM, RIDDLES_EXAM
from firstwords.world.phrases import a_an, pick
from firstwords.world.town.knowledge import DAYS
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
NO_SPELLING = "I do not know how to spell. I read whole words."


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
    Mars|the moon|the sun|the clouds|the bottom of the sea|the North Pole|the North Pole|the rainbow|Venus|the evening star|the end of the world|France
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
    (what/which) is the (biggest/largest/smallest/fastest/slowest/tallest/oldest/strongest) (animal/bird/fish/dog/tree/car/building/ship/man) (in the world/on earth/)
    (what/which) is the (biggest/largest/smallest/richest/oldest/coldest/hottest/most beautiful) (country/city/land/island/desert/planet/town/place) (in the world/on earth/in Europe/)
    (what/which) is the (longest/deepest/highest/biggest) (river/sea/ocean/mountain/lake/bridge) (in the world/on earth/in Europe/)
    what is the speed of light
    what is the population of China|what is the square root of two|what is pi|how many planets are there|how does a phone work|how does the heart work
    why do we sleep|why is the sea salty|how hot is the sun|how do I learn English|how do I cook rice|what is the best phone|what is the best film
    what is the recipe for pizza|which car should I buy|which book should I read|where can I go on holiday|what is the currency of Japan|what is the flag of Italy
    how much is a dollar in euros|how many calories does an apple have|how do I fix my computer|how do I get a job|why do birds fly south|how are babies made
    what does HTML mean|what does CPU mean|what is the chemical symbol for gold|what is the formula of water|what year did Rome fall|how long is a football game
""")


_NO_CAPITAL = _list("""
    Mars|Mars|the moon|the sun|Venus|Jupiter|Saturn|Pluto|Narnia|Wonderland|Atlantis|the sea|the sky|the world|Europe|Africa|Asia|London|Paris|Rome|New York
    Berlin|Plumwick|Zubrowka|Fantasia|Hogwarts|Legoland|the North Pole|the universe|Iceland|Chile|Nepal|Ghana|Mali|Vietnam|Texas|California|Bavaria
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
    if draw < 0.64:
        return _reply(ask(rng, _TOPIC, x=pick(rng, TOPICS)), LITTLE)
    if draw < 0.72:
        return _reply(ask(rng, CAPITAL, c=pick(rng, _NO_CAPITAL)), LITTLE)
    return _reply(_asked(rng, _core(rng, _WHY_HOW)), LITTLE)


_DAYS = "/".join(DAYS)
_HELD_OUT = {question.lower().rstrip("?") for question in RIDDLES_EXAM}


def _core(rng: Random, patterns: tuple[str, ...]) -> str:
    """A question or order from a list of patterns, none of the exam's. A pattern with more choices comes up more often."""
    while True:
        core = varied(rng, rng.choices(patterns, [1 + pattern.count("/") for pattern in patterns])[0])
        if core.lower() not in _HELD_OUT:
            return core


_TODAY = (
    (NO_WEATHER, _list("""
        is it (cold/warm/hot/sunny/windy/cloudy/foggy/wet/dry/icy/stormy/freezing/nice) (out/outside/out there/today/now/in Paris/in Plumwick/this morning/)
        is it (raining/snowing/pouring/raining hard) (outside/today/now/at the moment/in London/there/)
        (is it going to/will it) (rain/snow/storm/freeze/be sunny/be warm/be cold/be hot/be windy/stop raining) (today/tomorrow/tonight/this week/on Sunday/later/soon/)
        (is it going to/will it) (rain/snow/be sunny/be cold) (tomorrow/today/at the weekend/next week)
        what is the weather (like/) (today/tomorrow/tonight/now/outside/in London/in Paris/in Plumwick/this week/)
        what is the (temperature/forecast) (today/tomorrow/outside/for tomorrow/in Rome/)|how is the weather (today/tomorrow/outside/in Plumwick/over there/)
        how (cold/warm/hot/windy) is it (outside/today/now/in Paris/)|how (cold/warm/hot) will it be (tomorrow/tonight/on Sunday/)
        what will the weather be (like/) (tomorrow/tonight/on Monday/this week)|will the sun (shine/come out) (today/tomorrow/)
        do I need (an umbrella/a coat/boots/a hat/a jacket/a scarf) (today/tomorrow/outside/)|should I (take an umbrella/wear a coat/bring a jacket) (today/tomorrow/)
        is the sun (shining/out/up) (today/now/)|is there (snow/rain/fog/a storm/ice) (outside/today/tomorrow/)|did it (rain/snow) (today/yesterday/last night)
        what is it like outside (today/now/)|what does the sky look like (today/now/)
     """), Wording((), ("the weather", "what the weather is", "if it is raining", "if it will (rain/snow/be sunny) (tomorrow/today/)", "how cold it is outside"),
     ("tell me the weather", "give me the (weather/forecast)", "look outside", "check the weather"),
     ("weather", "weather (today/tomorrow/now/please)", "the weather", "temperature", "forecast", "today's weather", "rain (today/tomorrow)", "umbrella today"))),
    (NO_CLOCK, _list("""
        what time is it (now/right now/there/in New York/in London/exactly/)|what is the (time/time now/current time/hour)|how (late/early) is it (now/)|what hour is it
        do you (have/know) the time|is it (late/early/noon/midnight/morning/evening/night/time for lunch/time for bed/time to go/bedtime) (now/yet/already/)
        how long (is it/) until (noon/dinner/midnight/lunch/bedtime)|when is (lunch/dinner/bedtime)
     """), Wording((), ("what time it is", "the time", "how late it is"), ("tell me the time", "say the time", "give me the time"),
     ("time", "the time", "current time", "time (now/please)"))),
    (NO_CALENDAR, _list(f"""
        what day is it (today/now/)|what is (the date/today's date/the date today/the day today/today/the year/the month)|(what/which) (day/month/year) is it (now/)
        what day (is today/is tomorrow/was yesterday/will it be tomorrow)|is it ({_DAYS}/summer/winter/spring/March/May) (now/already/today/)
        is today (a holiday/my birthday/{_DAYS}/Christmas)|when is (Easter/Christmas/my birthday/my holiday/the next holiday/Halloween)
        how (many days/long) until (Christmas/summer/Easter/my birthday/Sunday)|what season is it (now/)|what week is it|is it (the weekend/a holiday) (today/now/yet/)
     """), Wording((), ("what day it is", "the date", "what year it is", "what (month/day) we have"), ("tell me the date", "tell me the day", "say what day it is"),
     ("date", "the date", "today's date", "date today", "the year", "current year", "what day"))),
    (NO_NEWS, _list("""
        what is (in the news/new/new in the world/happening in the world/on TV/on the radio) (today/now/)|is there any news (today/from France/)
        what happened (today/yesterday/last night/this week/in the world/in France/on the news)|what are the (headlines/top stories) (today/)
        who won (the game/the match/the race/the cup/the big game/the final/) (today/yesterday/last night)|did (my team/France/our team/the red team) win (today/yesterday/last night/)
        what was the (score/result) (of the game/of the match/last night/yesterday/)|what films are (on/new) (today/this week/)|how is the (stock market/economy) (today/)
        what is the price of (gold/oil/milk/a house) (today/now/)
     """), Wording((), ("the news", "what happened today", "who won the game"), ("tell me the news", "give me the news", "read me the news", "show me the news"),
     ("news", "the news", "latest news", "news today", "today's news", "football results", "the score", "sports"))),
)


def today(rng: Random, town: Town) -> list[Turn]:
    """The weather, the time, the date and the news."""
    reply, questions, wording = pick(rng, _TODAY)
    return _reply(ask(rng, wording._replace(questions=(_core(rng, questions),))), reply)


_MINE = _list("""
    what is my (name/first name/last name/age/job/address/password/email/secret/hobby/number/height/dream/plan)
    what is my favourite (colour/food/animal/book/song/game/film/number/day/drink/place)|who is my (father/mother/teacher/brother/sister/boss/best friend/doctor/neighbour/wife/husband)
    what is my (mother/brother/sister/cat/dog/best friend/father/teacher/son) called|what is the name of my (wife/dog/cat/school/street/brother/mother/town)
    who am I|where am I (now/from/)|where do I (live/work/sleep/go to school)|how (old/tall/heavy/rich/happy) am I|how much do I weigh|where was I (born/yesterday)
    am I (happy/tall/sick/married/a boy or a girl/old/young/rich/tired/late/hungry/pretty/a good person)|do I (like cake/have a dog/have brothers/like you/look tired/have a cat/work/snore)
    where (is my phone/are my keys/is my hat/is my cat/is my bag/are my shoes/is my mother/is my friend)|what is in my (pocket/bag/hand/room/house/cup/fridge)
    what am I (thinking/wearing/doing/eating/holding/looking at/drinking)|what do I (want/like/look like/need/do/have/eat for breakfast)
    what did I (eat/do/say/buy/read/dream/see/wear) (today/yesterday/last night/last week)|do you know (me/my name/who I am/my mother/where I live/how old I am)
    can you guess my (name/age/job/number)|what school do I go to|who loves me|what number am I thinking of|when is my birthday|when was I born|do you remember me
""")
_FUTURE = _list("""
    what will (happen/happen next/happen to me/happen tomorrow/happen next year/I be one day/I eat tomorrow/we do tomorrow)|what happens next (year/week/)
    who will (win/win the election/win the world cup/win the Boat Race next year/win the game/be president next year/be king/win tomorrow)|which (apple/horse/team) will win (the prize/the race/)
    will I (be rich/be happy/pass my test/find love/win the lottery/get the job/have children/get well/be famous/marry/get a dog/be old/sleep well)
    will (my team/our team/France/the red team/Tom/my brother) (win/lose) (tomorrow/next year/)|will (she/he) (come back/call me/love me/say yes)
    will (robots/computers/AI/machines) (rule the world/take over the world/take my job/replace us)|will (there be a war/the world end/we live on Mars/there be school tomorrow/we win)
    when will (I die/the world end/I be famous/I be rich/the war end/it be over/he come/I find love)|what are the (lottery numbers/winning numbers)|will it be a good (year/day)
    what will (tomorrow/the future/next year/the world in 100 years) be like|what is my future|tell me my future|will you get (smarter/better/bigger)|what will the price of (gold/bread) be
""")
_COUNTLESS = _list("""
    how many (stars/birds/trees/books/words/stones/ants/fish/flowers/people/cars/animals/bees/drops/leaves) are there (in the world/)
    how many (stars/clouds/birds) are (in the sky/out there/up there)|how many leaves are on (the big oak/a tree/all trees/the trees)|how many (fish/drops/stones) are in the (sea/river/lake/ocean)
    how many (fish/ants/bees/birds/people/animals) live (in the sea/in Owl Wood/in the whole world/on the earth/in the wood)|how many hairs (does a bear have/are on my head/does a cat have/do I have)
    how many grains of (sand are on the beach/sand are there/rice are in a bag)|how many (flowers are in the meadow/snowflakes fall in winter/raindrops fall/words are in all books)
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


def _of(patterns: tuple[str, ...], reply: str) -> Callable[[Random, Town], list[Turn]]:
    """The maker of one kind of question with one reply."""

    def make(rng: Random, town: Town) -> list[Turn]:
        return _reply(_asked(rng, _core(rng, patterns)), reply)

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
    play (music/a song/a video/a film/some jazz/the radio/a game/chess/football with me/a game of chess/tic tac toe)|(sing/play) me a song|dance for me
    (send/write) an (email/e-mail) (to my boss/to Tom/)|send (a message/a letter/help/a text) (to my mother/)|write a letter to my (boss/mother/friend)
    write (code/some code/a program/a python program/a website/an essay/a function/a book/my CV)|(open/close) the (door/window/garage/box)|turn (on/off) the (light/tv/radio/heating/oven)
    call (my mother/the police/a taxi/Tom/a doctor/me back)|order (a pizza/food/a taxi/flowers)|book a (flight/hotel/table/train)|buy (me a book/milk/me a car/bread/me flowers)
    set (an alarm/a timer/a clock) (for seven/for ten minutes/)|remind me to (call Tom/buy milk/go home)|wake me (up/) at (seven/six)|(draw/paint) (a cat/a picture/a house/me a dog/a tree)
    show me (a picture/a photo of a cat/a map/a video/my photos)|take (a picture/a photo/me home/me to the moon/out the rubbish)|(make/bring/give) me (a coffee/a drink/some tea/a sandwich)
    give me (money/a present/a hug/your phone number)|(clean/tidy) my (room/house/desk)|do my (homework/taxes/work)|(wash/fix/park/sell) my car|fix my (computer/phone/bike)
    cook (dinner/lunch/rice for me/me an egg)|drive me (home/to school/to Paris)|(feed/walk/wash/find) my (cat/dog)|find my (phone/keys/hat)|check my (email/phone)|(google it/look it up)
    search the (internet/web)|open a (website/file/new page)|(print/save/delete/copy) this (file/text/)|(stop the music/shut down the computer/restart/install this program)
    read my mind|tell me a secret|hack a computer|download a (film/song/file)|record my voice|speak louder|(solve this equation/summarise the news/translate this text)
    add this to my calendar|make (a video/a website/a plan for my trip/a phone call/my bed)|write me a poem about love and war in Greek|say it out loud
""")
_ORDER = Wording((), (), ("{o}", "{o}", "{o} for me"), ("{o}", "{o} now"))


def orders(rng: Random, town: Town) -> list[Turn]:
    """Orders that a program of words cannot carry out."""
    order = _core(rng, _ORDERS)
    wording = _ORDER._replace(wishes=("{o}",), notes=("{o}",)) if " me" in order or " my" in order else _ORDER
    return _reply(ask(rng, wording, o=order), NO_DEEDS)


_BIG_SUM = Wording(
    ("what is {a}{p}{b}", "how much is {a}{p}{b}"), ("what {a}{p}{b} is", "how much {a}{p}{b} is"), ("calculate {a}{p}{b}", "work out {a}{p}{b}", "solve {a}{p}{b}"),
    ("{a}{p}{b}", "{a}{p}{b}", "{a}{p}{b}=", "{a}{p}{b}"),
)
_MARKS = (" plus ", " minus ", " times ", "+", "-", "*", " + ", " - ", " * ", " x ", "x", "/", " divided by ", " / ")


_TIMES = tuple(mark for mark in _MARKS if mark.strip() in ("times", "*", "x"))


def big_sums(rng: Random, town: Town) -> list[Turn]:
    """Sums far beyond twenty."""
    size = pick(rng, (25, 100, 100, 1000, 1000, 10_000))
    if size == 25:
        return _reply(ask(rng, _BIG_SUM, a=rng.randint(11, size), b=rng.randint(11, size), p=pick(rng, _TIMES)), BIG_SUM)
    a, b = rng.randint(size // 4, size), rng.randint(11, size)
    if size > 100 and rng.random() < 0.4:
        b = rng.randint(2, 20)
    return _reply(ask(rng, _BIG_SUM, a=a, b=b, p=pick(rng, _MARKS)), BIG_SUM)


_SPELL = Wording(
    ("how do you spell {w}", 'how do you spell "{w}"', "how is {w} spelled", "how do I spell {w}", "how do you write {w}", "what are the letters of {w}",
     "how many letters are in {w}", "how many letters does {w} have"),
    ("how to spell {w}", "how {w} is spelled"), ("spell {w}", 'spell "{w}"', "spell the word {w}", "spell out {w}", "count the letters of {w}"),
    ("spell {w}", "spelling of {w}", "letters of {w}"),
)
_NEXT_LETTER = Wording(
    ("(what/which) letter (comes/is/stands) (after/before) {l}", "what comes (after/before) the letter {l}", "what is the letter (after/before) {l}"),
    ("which letter comes (after/before) {l}",), ("tell me the letter (after/before) {l}",), ("letter (after/before) {l}",),
)
_SPELLED = _list("""
    cat|dog|apple|house|elephant|hello|tree|banana|friend|water|school|beautiful|mouse|horse|giraffe|bread|book|car|sun|moon|table|flower|bird|fish|yellow|green
    orange|mother|father|Plumwick|Pip|my name|strawberry|Mississippi|because|tomorrow|language|computer|chair|window|garden|love|happy|ball|cake|king|queen
    night|light|snow|rain|winter|summer|Monday|Wednesday|February|eight|twelve|rhythm|necessary|lion|tiger|pig|cow|bee|bear
""")


def spelling(rng: Random, town: Town) -> list[Turn]:
    """The letters of a word, or their order. Tokens hide letters from a language model, which learns each word's alone."""
    if rng.random() < 0.15:
        return _reply(ask(rng, _NEXT_LETTER, l=pick(rng, ascii_uppercase)), NO_SPELLING)
    return _reply(ask(rng, _SPELL, w=pick(rng, _SPELLED)), NO_SPELLING)


_TONGUES = ("German", "Spanish", "Italian", "Chinese", "Japanese", "Russian", "Latin", "Greek", "Polish", "Arabic", "Dutch", "Turkish", "Hindi", "Korean", "Portuguese")
_TONGUE = Wording(
    ("what is {w} in {l}", "how do you say {w} in {l}", "what is the {l} word for {w}", "how do I say {w} in {l}"), ("what {w} is in {l}", "the {l} word for {w}"),
    ("say {w} in {l}", "translate {w} into {l}", "translate {w} to {l}", "say something in {l}", "teach me {l}"), ("{w} in {l}", "{l} for {w}", "{w} {l}"),
)
_TONGUE_WORDS = ("hello", "goodbye", "thank you", "yes", "no", "cat", "dog", "house", "water", "bread", "love", "good morning", "friend", "book", "please")


def other_languages(rng: Random, town: Town) -> list[Turn]:
    """Words in languages that Pip has not learned."""
    return _reply(ask(rng, _TONGUE, w=pick(rng, _TONGUE_WORDS), l=pick(rng, _TONGUES)), ONLY_FRENCH)
