"""Chats that play with words: lists of three, words with one letter, sentiment, riddles, rhymes, odd one out, uses."""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import a_an, cap, join_and, pick, plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.plumwick import Town

LIST_ASKS = ("List three {k}.", "Name three {k}.", "Tell me three {k}.", "Give me three {k}.",
             "Can you name three {k}?",
             "Write down three {k}.", "I need three {k}.", "Three {k}, please.", "Do you know three {k}?",
             "Please list three {k}.",
             "Say the names of three {k}.", "Which three {k} do you know?")


def kinds_word(kind: str) -> str:
    """The plural of a group's name: "pieces of clothing", "parts of the body"."""
    head, _, rest = kind.partition(" of ")
    if kind == "fruit":
        return "kinds of fruit"
    return f"{plural(head)} of {rest}" if rest else plural(kind)


@lru_cache(maxsize=1)
def list_groups() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(plural name of the kind, members)."""
    groups = {kinds_word(kind): members for kind, members in know.GROUPS.items()}
    for group in ("mammal", "bird", "insect"):
        groups[plural(group)] = tuple(a.name for a in know.ANIMALS if a.group == group)
    groups["animals"] = tuple(a.name for a in know.ANIMALS)
    groups["animals that live in the sea"] = ("whale", "shark", "fish")
    groups["countries"] = tuple(c.name for c in know.COUNTRIES)
    groups["capitals"] = tuple(c.capital for c in know.COUNTRIES)
    return tuple(groups.items())


def list_three(rng: Random, town: Town) -> list[Turn]:
    """Three members of a group, or three foods of the town, or three people."""
    kind, members = pick(rng, list_groups())
    if rng.random() < 0.3:
        kind, members = pick(rng, (
            ("foods", ("bread", "cheese", "soup", "cake", "honey", "pancakes", "noodles", "pizza",
                       "carrots")),
            ("people from Plumwick", tuple(p.name for p in town.people)),
            ("children from Plumwick", tuple(p.name for p in town.children)),
            ("places in Plumwick", tuple(p.name for p in town.places)),
            ("feasts of Plumwick", tuple(f.name for f in town.feasts)),
            ("streets in Plumwick", town.streets),
            ("jobs", tuple(f"{p.job}" for p in town.adults)),
        ))
    chosen = rng.sample(members, 3)
    reply = cap(join_and(chosen)) + "."
    return [Turn(pick(rng, LIST_ASKS).format(k=kind), reply, Check("list", tuple(members), least=3))]


def odd_one_out(rng: Random, town: Town) -> list[Turn]:
    """Find the one of four words that does not belong."""
    one, other = rng.sample(("fruit", "colour", "drink", "instrument", "day", "month", "piece of furniture",
                             "part of the body", "tool"), 2)
    three = rng.sample([m for m in know.GROUPS[one] if m not in know.GROUPS[other]], 3)
    odd = pick(rng, [m for m in know.GROUPS[other] if m not in know.GROUPS[one]])
    items = [*three, odd]
    rng.shuffle(items)
    question = pick(rng, ("Which word does not belong: {w}?", "Which one is different: {w}?",
                          "One of these does not belong: {w}. Which one?",
                          "Find the word that does not belong: {w}.",
                          "{W}: which one is not like the others?", "What does not belong here: {w}?",
                          "Look at these words: {w}. Which one is different?",
                          "Three of these belong together: {w}. Which one does not?"))
    text = join_and(items)
    return [Turn(question.format(w=text, W=cap(text)), f"{cap(odd)}. The other words are {kinds_word(one)}.",
                 Check("phrase", (odd,), allow=()))]


# words that make a sentence with one letter: adjective, noun, verb, object
LETTER_WORDS = {
    "b": ("big brave busy brown bright", "bears bees birds boys bakers", "bring buy",
          "bread butter books balls"),
    "c": ("clever curious calm cold", "cats cows children cooks", "carry count collect",
          "carrots cakes coats cups"),
    "d": ("dirty dear deep", "dogs ducks doctors dancers", "draw drop dry", "dolls dishes drums"),
    "f": ("funny friendly fast fine", "frogs foxes farmers friends", "find forget",
          "fish flowers fruit flags"),
    "g": ("good great green gentle", "goats geese girls gardeners", "get give", "games gifts gloves"),
    "h": ("happy hungry helpful", "hens horses hedgehogs", "hide hold have", "hats hay honey hammers"),
    "l": ("little loud lucky", "lions ladies lambs", "like love lose lift", "lemons lamps letters leaves"),
    "m": ("many merry muddy", "mice monkeys mothers men", "make mix", "milk muffins music"),
    "p": ("proud pretty pink polite", "pigs painters parrots pupils", "paint push pack",
          "pears pans plums pots"),
    "r": ("red round rich royal", "rabbits robots riders", "read remember repeat", "riddles rhymes"),
    "s": ("small sleepy slow silly", "snails sheep swans sailors", "sell see share",
          "songs soup socks stones"),
    "t": ("tall tired tiny", "tigers turtles teachers tailors", "take try touch", "tea toys toast trumpets"),
    "w": ("wild wet warm white", "wolves whales women writers", "want wash watch", "wool wheels windows"),
}
_LETTERS = {k: tuple(tuple(part.split()) for part in v) for k, v in LETTER_WORDS.items()}
LETTER_ASKS = ("Write a sentence with only words that begin with {l}.", "Use only words that begin with {l}.",
               "Say something. Every word begins with {l}.",
               "Make a sentence in which every word begins with {l}.",
               "Answer only with words that begin with {l}.",
               "Talk to me with words that begin with {l} and no others.",
               "Only words with {l} at the beginning, please.",
               "I want a sentence where all words start with {l}.",
               "Write four words that all begin with {l}.", "Give me a line with only {l} words.")


def only_letter(rng: Random, town: Town) -> list[Turn]:
    """A sentence whose words all begin with one letter."""
    letter = pick(rng, tuple(_LETTERS))
    adjectives, nouns, verbs, objects = _LETTERS[letter]
    reply = f"{cap(pick(rng, adjectives))} {pick(rng, nouns)} {pick(rng, verbs)} {pick(rng, objects)}."
    shown = letter.upper() if rng.random() < 0.6 else f'"{letter}"'
    return [Turn(pick(rng, LETTER_ASKS).format(l=shown), reply, Check("letter", (letter,), least=4))]


_GOOD = ("{n} got a letter from a friend.", "{n} won the first prize.", "The sun is shining and {n} sings.",
         "{n} found the lost key.",
         "{n} has a birthday today.", "{n}'s cake tastes wonderful.", "{n} made a new friend.",
         "{n} laughed all day.",
         "I love the songs of {n}.", "What a lovely day with {n}!", "{n} gave me a gift.",
         "I had great fun with {n}.", "{n} smiled and danced.")
_BAD = ("{n} lost the new kite.", "{n} cried because the toy was broken.",
        "Nobody came to {n}'s birthday.", "{n}'s soup tastes terrible.",
        "{n} is ill and alone.", "{n} fell and hurt a knee.", "The rain spoiled {n}'s party.",
        "{n} lost the race and went home.",
        "I do not like this day at all.", "{n} misses an old friend.", "A little dog ran away from {n}.",
        "I had a bad day with {n}.", "{n} broke the best cup.")
SENTIMENT_ASKS = ('Is this sentence happy or sad? "{s}"', 'Happy or sad? "{s}"',
                  'Is this good or bad news? "{s}"', '"{s}" Is that happy or sad?',
                  'How does this sentence sound, happy or sad? "{s}"', 'Read this: "{s}" Is it happy or sad?',
                  'Tell me if this is happy or sad: "{s}"',
                  'What is the feeling in this sentence, happy or sad? "{s}"',
                  'Does this sound happy or sad? "{s}"')


def feeling_sentence(rng: Random, town: Town) -> tuple[str, bool]:
    """A sentence and whether it is a happy one."""
    happy = rng.random() < 0.5
    return pick(rng, _GOOD if happy else _BAD).format(n=pick(rng, town.people).name), happy


def sentiment(rng: Random, town: Town) -> list[Turn]:
    """Is a sentence happy or sad?"""
    sentence, happy = feeling_sentence(rng, town)
    question = pick(rng, SENTIMENT_ASKS)
    if "good or bad" in question:
        word = "good" if happy else "bad"
        return [Turn(question.format(s=sentence), f"This is {word} news.",
                     Check("one_of", (word,), "feeling"))]
    word = "happy" if happy else "sad"
    return [Turn(question.format(s=sentence), pick(rng, ("This sentence is {w}.", "It sounds {w}.",
                                                         "That is {w}.")).format(w=word),
                 Check("one_of", (word,), "feeling"))]


_RIDDLES = (
    ("I have hands but no fingers.", "a clock"), ("I have teeth but I cannot bite.", "a comb"),
    ("I have a neck but no head.", "a bottle"),
    ("I am full of holes but I hold water.", "a sponge"), ("I fall but I never get hurt.", "rain"),
    ("I have a bed but I never sleep.", "a river"),
    ("I have leaves but I am not a tree.", "a book"), ("I get shorter when I grow old.", "a candle"),
    ("I have four legs but I cannot walk.", "a table"),
    ("I go up when the rain comes down.", "an umbrella"), ("I carry my house on my back.", "a snail"),
    ("I shine at night and sleep in the day.", "the moon"),
    ("I wear a white coat in winter and melt in spring.", "a snowman"),
    ("I have keys but no doors.", "a piano"), ("I have one eye but I cannot see.", "a needle"),
    ("I make honey and I can sting.", "a bee"), ("I have eight legs and I make a web.", "a spider"),
    ("You can open me, but I have no lid. I am made of wood.", "a door"),
)


def riddle(rng: Random, town: Town) -> list[Turn]:
    """Pip solves a riddle, or asks one and hears the answer."""
    text, thing = pick(rng, _RIDDLES)
    if rng.random() < 0.6:
        question = pick(rng, ("{r} What am I?", "Solve this riddle: {r} What am I?",
                              "A riddle for you. {r} What am I?", "Here is a riddle. {r} What am I?",
                              "Can you guess this? {r} What am I?", "Guess what I am! {r}", "{r} Who am I?",
                              "Pip, a riddle: {r} What am I?"))
        start = "You are" if rng.random() < 0.6 else "It is"
        return [Turn(question.format(r=text), f"{start} {thing}.", Check("exact", (thing.split()[-1],)))]
    ask = pick(rng, ("Tell me a riddle.", "Ask me a riddle.", "Do you know a riddle?",
                     "I like riddles. Give me one!", "A riddle, please!", "Can you ask me a riddle?"))
    short = thing.split()[-1]
    if rng.random() < 0.6:
        guess = pick(rng, ("Is it {t}?", "{T}!", "It is {t}.", "I think it is {t}.",
                           "You are {t}!")).format(t=thing, T=cap(thing))
        reply = pick(rng, ("Yes, it is {t}! Well done.", "That is right! It is {t}.",
                           "Yes! You are good at riddles.")).format(t=thing)
    else:
        other = pick(rng, [t for _, t in _RIDDLES if t != thing])
        guess, reply = pick(rng, (("I give up.", f"It is {thing}."), ("I do not know.", f"It is {thing}."),
                                  ("Tell me the answer.", f"It is {thing}."),
                                  (f"Is it {other}?", f"No, it is {thing}. But that was a good try.")))
    return [Turn(ask, f"{text} What am I?"), Turn(guess, reply,
                                                  Check("words", (short,)) if short in reply else None)]


_RHYMES = ("cat hat mat", "mouse house", "tree bee sea key", "moon spoon soon noon", "star car jar far",
           "day play way say", "boat coat goat", "king ring sing wing",
           "bed red bread head", "night light bright right", "cake lake snake make", "dog frog log",
           "rain train brain", "bear chair hair pear",
           "fox box socks", "sun fun run bun", "snow go slow know", "bell well tell shell",
           "book cook look hook", "hen pen ten men", "ball wall tall small",
           "nose rose toes", "tail snail mail", "feet street sheet meet", "cold gold old told")


def rhyme(rng: Random, town: Town) -> list[Turn]:
    """A word that rhymes, or a short rhyme."""
    family = pick(rng, _RHYMES).split()
    word, other = rng.sample(family, 2)
    question = pick(rng, ("What rhymes with {w}?", "Which word rhymes with {w}?",
                          "Tell me a word that rhymes with {w}.", 'Find a rhyme for "{w}".',
                          "Give me a rhyme for {w}.", "I need a word that rhymes with {w}.",
                          "Do you know a rhyme for {w}?", "A rhyme for {w}, please."))
    return [Turn(question.format(w=word), f"{cap(word)} rhymes with {other}.",
                 Check("words", (other,)) if other in family else None)]


_POEMS = {
    "cat": "The little cat sat on the mat\nand dreamed about a big green hat.",
    "mouse": "A tiny mouse ran through the house\nand met another tiny mouse.",
    "moon": "The silver moon will come up soon\nand sing a song without a tune.",
    "rain": "The rain, the rain fell on the train.\nThe train went home and came again.",
    "goat": "A hungry goat ate up a coat\nand sailed away upon a boat.",
    "bee": "A busy bee flew to the tree\nand had a cup of honey tea.",
    "frog": "A green old frog sat on a log\nand said hello to every dog.",
    "sun": "The morning sun is round and fun.\nIt wakes the children, one by one.",
    "bear": "A big brown bear sat on a chair\nand combed his soft and curly hair.",
    "snail": "The little snail brought me the mail.\nIt took a year along the trail.",
    "star": "A little star looked from afar\nand put its light into a jar.",
    "duck": "The duck had luck, the duck had luck.\nIt found a seat in the baker's truck.",
    "snow": "The snow, the snow is soft and slow.\nIt covers all the ground below.",
    "cake": "We bake a cake down by the lake.\nHow big a piece will you dare take?",
    "king": "There was a king who loved to sing.\nHe sang so loud, he lost his ring.",
    "hen": "A clever hen could count to ten.\nThen she began to count again.",
    "night": "Good night, good night, put out the light.\nThe stars are watching, clear and bright.",
    "fox": "A little fox with yellow socks\nkept all his dreams inside a box.",
}


def poem(rng: Random, town: Town) -> list[Turn]:
    """Two rhyming lines about something."""
    about = pick(rng, tuple(_POEMS))
    thing = f"the {about}" if about in ("moon", "rain", "sun", "snow", "night") else a_an(about)
    question = pick(rng, ("Write a rhyme about {t}.", "Write a short poem about {t}.",
                          "Tell me a rhyme about {t}.", "Make a little poem about {t}.",
                          "I would like a rhyme about {t}.", "Can you write two lines about {t} that rhyme?",
                          "A poem about {t}, please.",
                          "Do you know a rhyme about {t}?"))
    return [Turn(question.format(t=thing), _POEMS[about], Check("words", (about,), least=8))]


def uses(rng: Random, town: Town) -> list[Turn]:
    """What a thing is for, or what it is made of."""
    if rng.random() < 0.5:
        thing, use = pick(rng, tuple(know.USES.items()))
        are = "are" if thing == "scissors" else "is"
        question = pick(rng, ("What can I do with {t}?", "What do people do with {t}?", "What {a} {t} for?",
                              "Why do I need {t}?", "Tell me what {t} {a} for.",
                              "Do you know what {t} {a} for?", "How can {t} help me?",
                              "I have {t}. What can I do with it?"))
        if are == "are":
            question = question.replace("with it?", "with them?")
        return [Turn(question.format(t=thing, a=are), f"With {thing} you can {use}.",
                     Check("phrase", (use,)))]
    thing, stuff = pick(rng, tuple(know.MATERIALS.items()))
    question = pick(rng, ("What is {t} made of?", "What do people make {t} from?",
                          "Tell me what {t} is made of.", "Do you know what {t} is made of?",
                          "I want to make {t}. What do I need?", "What do I need to make {t}?",
                          "Pip, what is {t} made of?", "From what do we make {t}?"))
    return [Turn(question.format(t=thing), f"{cap(thing)} is made of {stuff}.",
                 Check("one_of", (stuff,), "material"))]


def repeat(rng: Random, town: Town) -> list[Turn]:
    """Say the same words again."""
    p = pick(rng, town.people)
    words = pick(rng, ("hello", "good night", "the moon", f"{p.name} is here", f"good morning, {p.name}",
                       "plum cake", "one two three", "red and blue",
                       f"I like {p.food or 'cake'}", "a small boat", "ding dong", "the river is cold",
                       f"thank you, {p.name}", "wake up", "snow in May"))
    question = pick(rng, ('Say "{w}".', 'Please say "{w}".', 'Repeat after me: "{w}"',
                          'Repeat these words: "{w}"', 'Say the words "{w}".', 'Can you say "{w}"?',
                          'Write "{w}".', 'Say this after me: "{w}"'))
    return [Turn(question.format(w=words), f"{cap(words)}.", Check("exact", (words,)))]
