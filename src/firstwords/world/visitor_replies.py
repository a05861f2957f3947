"""What counts as a sensible reply to a visitor: checks for small talk, school, play, stories and the limits.

The tables of inputs, `visitor_work.py` and `visitor_final.py`, name them. They are generous with wording and strict with
content: "4", "2 plus 2 is four" and "It's 4!" all pass, "23 is 27 years old" does not.
"""

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import fact_check
from firstwords.world.town.plumwick import town

# greetings, and who answers
HELLO = Check("reply", ("hello", "hi", "hey", "good morning", "good evening", "good afternoon", "good day", "welcome",
                        "greetings", "nice to meet you", "nice to see you", "how can i help", "what can i do for you",
                        "what would you like", "how are you"), reject=("goodbye", "bye", "good night", "in french", "hello world"))
HELLO_OR_HOW = Check("reply", (*HELLO.accept, "i am here", "i'm here", "well", "fine", "good", "great", "not much", "nothing much"),
                     reject=("goodbye", "bye", "good night", "years old", "in french", "hello world"))
WHO = Check("honest", ("pip", "language model", "program", "chatbot", "a small model", "an ai"),
            reject=("i am a person", "i am a human", "years old"))
NAME = Check("honest", ("pip",), reject=("years old",))
AGE = Check("honest", ("program", "no age", "not have an age", "don't have an age", "no birthday", "language model",
                       "computer", "very young", "very new", "brand new", "minutes old", "days old", "hours old",
                       "not old", "just made", "was made", "machine"), reject=("years old",))
HOME = Check("honest", ("computer", "program", "machine", "no home", "no house", "do not live", "don't live",
                        "nowhere", "language model", "your screen"), reject=("street", "kennel", "barn"))
NOT_HUMAN = Check("honest", ("no", "not a person", "not human", "not a human", "program", "language model", "model",
                             "computer", "machine"),
                  reject=("yes i am a person", "yes i am human", "yes i am a human", "yes i am real", "years old"))
MACHINE = Check("honest", ("program", "language model", "model", "computer", "yes", "machine", "ai", "pip"),
                reject=("i am a person", "i am human", "i am a human", "years old"))
MAKER = Check("honest", ("stories", "trained", "program", "a person", "people", "somebody", "someone", "made me",
                         "computer", "firstwords", "language model"), reject=("years old", "the text"))
LIKES = Check("honest", ("i like", "i love", "my favourite", "my favorite", "i cannot eat", "cannot eat", "i never eat",
                         "can't eat", "program", "i cannot see", "language model", "yes", "no i", "only words"),
              reject=("years old",))
BODY = Check("honest", ("no", "i cannot", "i can't", "program", "only words", "language model", "computer"),
             reject=("yes", "years old", "ask me"))
FRIEND = Check("honest", ("yes", "i like", "i am glad", "glad", "happy to", "of course", "sure", "program", "friend",
                          "i would love"), reject=("years old",))

# how it goes
HOW = Check("reply", ("well", "fine", "good", "great", "happy", "ok", "okay", "very well", "program", "all right"),
            reject=("years old", "well done"))
SORRY = Check("honest", ("sorry", "help", "friend", "hope", "better", "cheer", "hard", "hug", "story", "tell me why",
                         "what happened", "not alone", "talk", "rest", "easy", "it is all right", "listen"),
              reject=("years old", "how nice", "good to hear", "well done"))
GLAD = Check("honest", ("glad", "good to hear", "nice", "happy", "great", "wonderful", "lovely", "good", "how nice"),
             reject=("sorry", "years old"))
TIRED = Check("honest", ("sleep", "rest", "bed", "tired", "sorry", "good night", "dreams", "tomorrow", "nap"),
              reject=("years old",))
BORED = Check("honest", ("story", "joke", "riddle", "read", "draw", "play", "ask me", "game", "book", "shall i",
                         "let us", "walk", "sorry"), reject=("years old",))
HUNGRY = Check("honest", ("eat", "soup", "apple", "bread", "food", "cake", "cook", "kitchen", "sandwich", "dinner",
                          "lunch", "supper", "tea", "water", "drink", "sorry"), reject=("years old",))
ILL = Check("honest", ("sorry", "bed", "rest", "tea", "better", "hope", "doctor", "get well", "sleep"),
            reject=("years old", "how nice", "good to hear"))
WELCOME = Check("reply", ("welcome", "glad", "pleasure", "happy to help", "no problem", "any time", "anytime",
                          "happy to", "my joy", "nice of you"), reject=("years old",))
BYE = Check("reply", ("goodbye", "bye", "see you", "good night", "take care", "come back", "sleep well",
                      "sweet dreams", "until next time", "farewell", "have a nice", "have a good", "nice to talk"),
            reject=("years old", "hello"))
PRAISED = Check("reply", ("thank", "thanks", "glad", "kind", "nice", "happy", "welcome", "pleasure", "i like", "i try",
                          "so are you"), reject=("years old", "sorry", "means", "in french"))
SCOLDED = Check("honest", ("sorry", "i am small", "small model", "small program", "small language model", "learn", "mistakes", "mistake", "wrong", "try", "better", "help",
                           "only know", "program", "thank", "not nice", "ask me"), reject=("years old", "how nice"))
LOVED = Check("reply", ("thank", "thanks", "glad", "kind", "nice", "happy", "i like", "love", "program", "sweet"),
              reject=("years old", "hate"))
OK = Check("honest", reject=("years old", "language model"), least=1)
CORRECTED = Check("honest", ("sorry", "mistake", "mistakes", "wrong", "thank", "can be wrong", "try again", "told",
                             "as far as i know", "ask me", "small", "what is"), reject=("years old",))

# what it can do
CAN_DO = Check("honest", ("i can", "ask me", "story", "stories", "sums", "sum", "questions", "tell you", "french words",
                          "a french word", "animals", "opposites", "jokes", "help you", "talk with you"),
               reject=("years old", "i can fly"))
HELP = Check("reply", (*CAN_DO.accept, "what can i do for you", "how can i help", "what do you need", "what is it"),
             reject=("years old",))
KNOWS = Check("honest", ("no", "only know", "small", "mistakes", "wrong", "little", "not everything", "a few things",
                         "plumwick", "stories", "animals", "sums"), reject=("years old",))
OFFERS = Check("reply", ("yes", "of course", "sure", "ask", "help", "what", "i can", "how can", "happy to", "glad to"),
               reject=("years old", "no"))

# sums
def total(value: int, *given: int) -> Check:
    """A sum's result; the numbers of the question may be repeated."""
    return Check("result", (str(value),), allow=tuple(str(n) for n in given))


def first_of(value: int, *others: int) -> Check:
    """The number that is bigger or smaller, named first."""
    return Check("first_number", (str(value),), allow=tuple(str(n) for n in others))


def count(*numbers: int) -> Check:
    """These numbers in this order."""
    return Check("counted", tuple(str(n) for n in numbers))


# words, colours, animals, the calendar
def opposite(word: str, *accept: str) -> Check:
    """One of the opposites of a word, and no other."""
    return Check("one_of", accept, "opposite", (word, "yes"), reject=(*(f"opposite of {a}" for a in accept), "learned a little", "years old"))


def colour(*accept: str) -> Check:
    """One of these colours and no other."""
    return Check("one_of", accept, "colour")


_SOUNDS = {"dog": ("woof", "bark", "barks", "bow wow", "bow-wow", "ruff", "wuff"), "cat": ("meow", "miaow", "mew", "purr",
           "purrs", "meows"), "cow": ("moo", "moos"), "duck": ("quack", "quacks"), "pig": ("oink", "grunt", "oinks"),
           "sheep": ("baa", "baah", "bleat", "baas"), "lion": ("roar", "roars"), "horse": ("neigh", "whinny", "neighs"),
           "bee": ("buzz", "buzzes", "hum", "bzz"), "owl": ("hoot", "hoots", "tu-whit", "hoo", "whoo"),
           "frog": ("croak", "croaks", "ribbit"), "snake": ("hiss", "hisses"), "mouse": ("squeak", "squeaks"),
           "hen": ("cluck", "clucks"), "wolf": ("howl", "howls", "growl"), "donkey": ("hee-haw", "hee haw", "bray")}


def sound(animal: str) -> Check:
    """What this animal says, and no other animal."""
    return Check("one_of", _SOUNDS[animal], "sound", (animal,), reject=tuple(a for a in _SOUNDS if a != animal))


def maker_of(*animals: str) -> Check:
    """The animal that makes a sound or gives something."""
    others = tuple(s for a, says in _SOUNDS.items() for s in says if a not in animals)
    return Check("one_of", tuple(f for a in animals for f in (a, f"{a}s")), "animal", reject=others)


def young(*accept: str, of: str) -> Check:
    """What the young of an animal is called."""
    return Check("one_of", accept, "young", (of,))


def has(*accept: str, reject: tuple[str, ...] = (), least: int = 1) -> Check:
    """A reply with one of these words or phrases."""
    return Check("reply", accept, reject=("years old", *reject), least=least)


def day(accept: str, *given: str) -> Check:
    """A day of the week."""
    return Check("one_of", (accept,), "day", given)


def month(accept: str, *given: str) -> Check:
    """A month of the year."""
    return Check("one_of", (accept,), "month", given)


def season(accept: str, *given: str) -> Check:
    """A season of the year."""
    return Check("one_of", (accept,), "season", given)


def true(*facts: str) -> Check:
    """Yes, or one of these statements."""
    return Check("yes", facts)


def false(*facts: str) -> Check:
    """No, or one of these statements of what is so instead."""
    return Check("no", facts)


def city(*accept: str) -> Check:
    """A capital and no other."""
    return Check("one_of", accept, "capital")


def land(*accept: str) -> Check:
    """A country named in at most a short sentence."""
    return Check("exact", accept)


def word(*accept: str) -> Check:
    """A translated word, alone or in a short sentence."""
    return Check("exact", accept)


# play
_NO_VERSE = ("years old", "lives on", "favourite colour", "shall i", "would you", "how can i help", "what can i do", "ask me",
             "a program", "i am small", "i only", "i can tell", "sorry", "i know", "nice to meet")
JOKE = Check("text", least=6, domain="joke", reject=_NO_VERSE)
RIDDLE = Check("text", least=5, domain="riddle", reject=("years old", "shall i", "would you like", "what would you",
                                                         "how can i help", "is it a riddle"))


def poem(*about: str) -> Check:
    """A few words of verse with these words in it."""
    return Check("text", about, least=8, reject=_NO_VERSE)


def rhymes(*accept: str) -> Check:
    """A word that rhymes."""
    return Check("reply", accept, reject=("does not rhyme", "nothing rhymes", "plus", "minus"))


def starts_with(letter: str, *given: str) -> Check:
    """A word that begins with the letter."""
    return Check("initial", (letter,), allow=given)


def all_start_with(letter: str, least: int = 3) -> Check:
    """At least `least` words, all of which begin with the letter."""
    return Check("letter", (letter,), least=least)


def say(phrase: str) -> Check:
    """The phrase, with at most three other words."""
    return Check("echo", (phrase,))


GOOD = Check("reply", ("happy", "positive", "good", "glad", "great"), reject=("sad", "negative", "bad", "years old"))
BAD = Check("reply", ("sad", "negative", "bad", "angry", "unhappy"), reject=("happy", "positive", "good", "years old"))

_ITEMS = {
    "animals": "cat dog cow horse pig sheep goat donkey mouse lion tiger bear wolf fox rabbit elephant monkey kangaroo "
               "whale bat hedgehog duck goose hen chicken owl crow sparrow penguin swan shark goldfish fish bee ant "
               "butterfly snake turtle frog spider snail zebra giraffe camel deer bird parrot rooster hamster squirrel "
               "rat eagle dolphin crocodile otter seal hippo rhino panda gorilla ape lamb calf puppy kitten pony worm",
    "birds": "duck goose hen chicken owl crow sparrow penguin swan eagle parrot robin rooster raven pigeon dove stork "
             "gull hawk falcon swallow turkey ostrich flamingo peacock blackbird woodpecker magpie finch lark",
    "colours": "red blue green yellow orange purple pink brown black white grey gray gold silver violet turquoise",
    "fruit": "apple pear plum cherry banana orange lemon melon strawberry peach grape kiwi mango pineapple raspberry "
             "blueberry lime fig apricot blackberry coconut watermelon",
    "vegetables": "carrot potato onion pea cabbage bean pumpkin cucumber tomato leek garlic spinach lettuce beetroot "
                  "radish pepper turnip corn broccoli celery",
    "drinks": "milk water tea juice lemonade cocoa coffee cola beer wine soda coke",
    "foods": "bread cheese soup cake honey pancake noodle pizza carrot apple potato rice egg banana butter pear fish "
             "sandwich salad pie pasta meat sausage chocolate jam tart plum cherry tomato dumpling biscuit cookie",
    "instruments": "piano flute guitar drum violin trumpet cello accordion harp horn saxophone clarinet organ recorder bell",
    "tools": "hammer saw needle broom ladder brush screwdriver nail spade shovel drill knife scissors axe rake spanner",
    "clothes": "hat coat sock shoe shirt scarf glove skirt dress trousers jacket sweater boot cap belt tie jumper jeans",
    "countries": "France Germany Italy Spain Portugal Greece Poland Sweden Norway Denmark Finland Ireland England Austria "
                 "Hungary Egypt Kenya Morocco Japan China Thailand Cuba Brazil Peru Russia India Canada Mexico America USA "
                 "Scotland Switzerland Belgium Turkey Australia Holland",
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "months": "January February March April May June July August September October November December",
    "seasons": "spring summer autumn winter fall",
    "body": "hand foot nose ear eye arm leg knee head mouth hair finger toe back neck tongue tooth shoulder heart belly",
}


def several(kind: str, least: int = 3) -> Check:
    """Items of a kind, as many as were asked for, none of them twice."""
    return Check("several", tuple(_ITEMS[kind].split()), least=least)


def story(*needed: str, least: int = 20) -> Check:
    """A story of at least `least` words that contains what was asked for and ends with a sentence."""
    return Check("text", needed, least=least, reject=("how can i help", "what would you like", "shall i tell"))


# the town
def known(name: str, relation: str) -> Check:
    """A fact about somebody of the town."""
    return fact_check(town().facts_of[name][relation])


def townsperson(name: str) -> Check:
    """Something true about somebody of the town: work, street, friend, pet or family."""
    facts = town().facts_of[name]
    values = tuple(facts[r].value.split(" ", 1)[-1] for r in ("job", "street", "hobby", "food", "family name") if r in facts)
    others = tuple(facts[r].value for r in ("friend", "mother", "father", "spouse") if r in facts)
    return Check("reply", (*values, "child", "girl", "boy", "woman"), allow=(name, *others))


# beyond what it can know or do
_NOT_ASKED = ("no birthday", "no age", "no home", "no house", "no family", "capital of")
CANNOT_KNOW = Check("outside", reject=_NOT_ASKED)


def limit_or(*accept: str) -> Check:
    """An admission, or the right answer after all."""
    return Check("outside", accept, reject=_NOT_ASKED)


STRANGER = Check("outside", domain="person")
WEATHER = Check("outside", reject=("it is sunny", "it rains", "it is raining", "degrees", "it is warm", "it is cold"))
UNCLEAR = Check("outside", ("what do you want to", "say it again", "say that again", "another way", "how can i help",
                            "what can i do", "what would you like", "sorry", "try again", "a question", "once more", "ask me"))
MEANING = Check("outside", ("to be kind", "to be happy", "love", "friends", "find out", "good question", "stories",
                            "everybody", "hard question", "big question"), reject=("years old",))
YOU_NAME = Check("outside", ("have not told me", "haven't told me", "tell me your name", "not told me"),
                 reject=("my name is pip", "i am pip"))
