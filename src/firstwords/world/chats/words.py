"""Chats that play with words: lists, words with one letter, sentiment, jokes, riddles, rhymes, poems, repeating, uses.

The pools are small and an answer repeats the words of the question, so that a very small model can learn them.
"""

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import a_an, cap, join_and, number_word, pick, plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.names import USUAL, made_up_name
from firstwords.world.town.people import Feast, Person, Place
from firstwords.world.town.plumwick import Town


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


# kind -> members in a fixed order; an answer names neighbours
_POOLS = {
    "animals": "cat dog cow horse pig", "birds": "duck owl hen crow goose", "colours": "red blue green yellow black",
    "fruits": "apple pear plum cherry banana", "kinds of fruit": "apple pear plum cherry banana",
    "vegetables": "carrot potato onion pea bean", "drinks": "milk water tea juice cocoa", "days": "Monday Tuesday Wednesday Thursday Friday",
    "days of the week": "Monday Tuesday Wednesday Thursday Friday", "months": "January February March April May",
    "numbers": "one two three four five", "farm animals": "cow horse pig sheep goat", "wild animals": "lion tiger bear wolf fox",
    "tools": "hammer saw needle broom ladder", "instruments": "piano flute guitar drum violin",
    "countries": "France Germany Italy Spain England", "capitals": "Paris Berlin Rome Madrid London",
    "parts of the body": "hand foot nose ear eye", "things to drink": "milk water tea juice cocoa", "foods": "bread cheese soup cake honey", "things to eat": "bread cheese soup cake honey",
    "pieces of furniture": "table chair bed desk shelf", "pieces of clothing": "hat coat sock shoe shirt", "clothes": "hat coat sock shoe shirt",
    "insects": "bee ant butterfly", "seasons": "spring summer autumn winter", "pets": "cat dog rabbit mouse hen",
    "jobs": "baker teacher doctor tailor farmer", "toys": "ball doll kite drum puzzle", "letters": "A B C D E", "words": "cat house ball tree sun",
    "French words": "bonjour merci oui non bleu", "names": "Tom Mila Otto Lily Anna", "people from Plumwick": "", "places in Plumwick": "",
    "feasts of Plumwick": "", "children from Plumwick": "", "people": "",
}
_FREQUENT_POOLS = ("animals", "animals", "animals", "colours", "colours", "fruits", "fruits", "birds", "days", "drinks", "foods", "numbers")
_LIST = Wording(
    ("what are {x} {k}", "which {x} {k} do you know", "do you know {x} {k}"), (),
    ("name {x} {k}", "name {x} {k}", "list {x} {k}", "list {x} {k}", "give me {x} {k}", "tell me {x} {k}", "write down {x} {k}", "say {x} {k}",
     "write {x} {k}", "think of {x} {k}", "give me a list of {x} {k}", "make a list of {x} {k}", "find {x} {k}"),
    ("{x} {k}", "{x} {k}", "list of {x} {k}", "a list of {x} {k}"),
)
_ONE = Wording((), (), ("name {a}", "tell me {a}", "give me {a}", "say {a}", "think of {a}", "name one {k}"), ("{a}", "one {k}"))


def _pool(kind: str, town: Town) -> tuple[str, ...]:
    """The members of a pool; those of the town come from the town."""
    of_town: dict[str, Sequence[Person | Place | Feast]] = {
        "people from Plumwick": town.people, "people": town.people, "children from Plumwick": town.children,
        "places in Plumwick": town.places, "feasts of Plumwick": town.feasts,
    }
    if kind in of_town:
        return tuple(thing.name for thing in of_town[kind][:5])
    return tuple(p.name for p in town.people[5:10]) if kind == "names" else tuple(_POOLS[kind].split())


def lists(rng: Random, town: Town) -> list[Turn]:
    """Three members of a kind, sometimes one, two, four or five."""
    kind = pick(rng, _FREQUENT_POOLS if rng.random() < 0.5 else tuple(_POOLS))
    members = _pool(kind, town)
    singular = {"fruits": "fruit", "colours": "colour", "animals": "animal", "birds": "bird", "drinks": "drink"}.get(kind)
    if singular and rng.random() < 0.12:
        member = pick(rng, members[:3])
        bare = singular in ("colour", "drink")
        question = ask(rng, _ONE, a=a_an(singular), k=singular)
        return [Turn(question, f"{cap(member if bare else a_an(member))} is {a_an(singular)}.", Check("one_of", members))]
    number = 3 if rng.random() < 0.75 or len(members) < 5 else pick(rng, (2, 4, 5))
    shown, wording = pick(rng, (number_word(number), str(number))), _LIST
    if number == 3 and rng.random() < 0.12:
        shown, wording = pick(rng, ("some", "a few", "any three", "three different")), _LIST._replace(questions=())
    start = pick(rng, range(min(3, len(members) - number + 1)))
    reply = cap(join_and(members[start : start + number])) + "."
    accept = (*members, *(str(i) for i in range(1, 6))) if kind == "numbers" else members
    return [Turn(ask(rng, wording, x=shown, k=kind), reply, Check("list", accept, least=number))]


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
_LETTER_SENTENCE = Wording(
    ("what is a sentence with only {l} words", "can every word start with {l}"), (),
    ("write a sentence with only words that begin with {l}", "use only words that begin with {l}", "use only words with {l}",
     "say something with only {l} words", "make a sentence with only {l} words", "write only words that start with {l}",
     "answer only with words that begin with {l}", "talk only with {l} words", "say four words that begin with {l}",
     "write four words that all begin with {l}", "give me a line with only {l} words", "make a sentence where all words start with {l}",
     "answer with only words that start with {l}", "use only words starting with {l}", "make a line where every word starts with {l}",
     "start every word with {l}", "begin each word with {l}", "let all your words start with {l}", "say a sentence where every word starts with {l}"),
    ("only words with {l}", "only words with {l} at the beginning", "only {l} words", "words with {l}", "a sentence with {l} words only",
     "words that begin with {l}", "words that start with {l}", "every word with {l}", "all words with {l}", "words starting with {l}", "words beginning with {l} only"),
)
_LETTER_WORD = Wording(
    ("what starts with {l}", "which word starts with {l}", "what begins with {l}", "which word begins with {l}"), ("a word that starts with {l}",),
    ("say a word that starts with {l}", "give me a word that begins with {l}", "name something that starts with {l}", "give me a word with {l}"),
    ("a word with {l}", "a word that starts with {l}", "{l} is for", "word with {l}"),
)
_LETTER_ANIMAL = Wording(
    ("which animal starts with {l}", "what animal begins with {l}", "which animal begins with {l}"), ("an animal that starts with {l}",),
    ("name an animal that starts with {l}", "name an animal that begins with {l}", "tell me an animal with {l}", "say an animal that starts with {l}"),
    ("an animal with {l}", "animal that starts with {l}", "animal with {l}"),
)
_FIRST_LETTER = Wording(
    ("what letter does {w} start with", "which letter does {w} begin with", "what is the first letter of {w}", "{w} starts with which letter"),
    ("the first letter of {w}", "which letter {w} starts with"), ("tell me the first letter of {w}",), ("first letter of {w}",),
)
_ABC = Wording((), ("the alphabet", "the ABC"), ("say the alphabet", "tell me the alphabet", "write the alphabet", "say the ABC", "list all letters", "say all the letters"),
               ("the alphabet", "alphabet", "ABC", "all letters", "all the letters"))
_LETTER_OF = {
    word[0].upper(): word
    for word in (
        "apple", "bear", "cat", "dog", "egg", "fish", "goat", "hat", "ice", "juice", "king", "lion", "moon", "nose", "owl", "pig", "queen", "rain",
        "sun", "tree", "umbrella", "violin", "water", "yellow", "zebra",
    )
}
_ANIMAL_OF = {
    word[0].upper(): word
    for word in (
        "ant", "bear", "cat", "dog", "elephant", "frog", "goat", "horse", "lion", "mouse", "owl", "pig", "rabbit", "sheep", "tiger", "wolf", "zebra",
    )
}
_ALPHABET = "A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z."


def only_letter(rng: Random, town: Town) -> list[Turn]:
    """Words with one letter: a sentence of them, one word, the first letter of a word, the alphabet."""
    letter = pick(rng, tuple(_LETTERS))
    adjectives, nouns, verbs, objects = _LETTERS[letter]
    shown = pick(rng, (letter.upper(), letter.upper(), f'"{letter}"', f'"{letter.upper()}"', f"the letter {letter.upper()}"))
    draw = rng.random()
    if draw < 0.62:
        number = pick(rng, (0, 1))
        reply = f"{cap(adjectives[number])} {nouns[number]} {verbs[number]} {objects[number]}."
        return [Turn(ask(rng, _LETTER_SENTENCE, l=shown), reply, Check("letter", (letter,), least=3))]
    if draw < 0.78:
        words, wording = (_ANIMAL_OF, _LETTER_ANIMAL) if rng.random() < 0.4 else (_LETTER_OF, _LETTER_WORD)
        letter, word = pick(rng, tuple(words.items()))
        shown = pick(rng, (letter, letter.lower(), f'"{letter}"', f"the letter {letter}"))
        return [Turn(ask(rng, wording, l=shown), f"{cap(word)} starts with {letter}.", Check("exact", (f"{word} starts with {letter}",)))]
    if draw < 0.93:
        letter, word = pick(rng, tuple(_LETTER_OF.items()))
        return [Turn(ask(rng, _FIRST_LETTER, w=word), f"{cap(word)} starts with {letter}.", Check("exact", (f"starts with {letter}", f"is {letter}")))]
    return [Turn(ask(rng, _ABC), _ALPHABET, Check("same", (_ALPHABET,)))]


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
# what people write when they try it out
_GOOD_NEWS = ("I love this!", "I am so happy today.", "What a wonderful day!", "This is great.", "I won the game.", "The food was very good.",
              "I like this film.", "It was the best day of my life.", "The cake is delicious.", "I got a new bicycle.", "My friend is coming.")
_BAD_NEWS = ("I hate this!", "I am so sad today.", "What a terrible day!", "This is awful.", "I lost the game.", "The food was very bad.",
             "I do not like this film.", "It was the worst day of my life.", "The cake is horrible.", "I lost my keys.", "My dog is ill.")
_SENTIMENT_ASKS = (
    'Is this sentence {p}? "{s}"', '{P}? "{s}"', '"{s}" Is that {p}?', 'How does this sentence sound, {p}? "{s}"', 'Read this: "{s}" Is it {p}?',
    'Tell me if this is {p}: "{s}"', 'What is the feeling in this sentence, {p}? "{s}"', 'Does this sound {p}? "{s}"', "{s} Is that {p}?",
    "{P}: {s}", "Is this {p}: {s}", "Is this {p}? {s}", '{s} {P}?', 'Is "{s}" {p}?', "Say {p}: {s}", "Sentiment, {p}: {s}",
    "Tell me if this is {p}. {s}",
)


def feeling_sentence(rng: Random, town: Town) -> tuple[str, bool]:
    """A sentence and whether it is a happy one."""
    happy = rng.random() < 0.5
    return pick(rng, _GOOD if happy else _BAD).format(n=pick(rng, town.people).name), happy


def sentiment(rng: Random, town: Town) -> list[Turn]:
    """Is a sentence happy or sad, good or bad, positive or negative?"""
    if rng.random() < 0.5:
        sentence, happy = feeling_sentence(rng, town)
    else:
        happy = rng.random() < 0.5
        sentence = pick(rng, _GOOD_NEWS if happy else _BAD_NEWS)
    pair = rng.choices((("happy", "sad"), ("positive", "negative"), ("good", "bad")), (6, 2, 2))[0]
    word = pair[0] if happy else pair[1]
    asked = f"{pair[0]} or {pair[1]}"
    question = pick(rng, _SENTIMENT_ASKS).format(s=sentence, p=asked, P=cap(asked))
    return [Turn(question, f"This sentence is {word}.", Check("one_of", (word,), "feeling"))]


_JOKES = (
    "Why did the duck go to the doctor? It had a quack in its voice.",
    "What is grey and has four wheels? A mouse on a bus.",
    "Why does a cow wear a bell? Her horns do not work.",
    "What did the clock do when it was hungry? It went back four seconds.",
    "Why can a bicycle not stand alone? It is two tired.",
    "What do snowmen eat for breakfast? Cold flakes.",
    "Why was the book about sums sad? It had many problems.",
    "Which bird is always out of breath? A puffin.",
    "Why do bees hum? They forgot the words.",
    "What goes up when the rain comes down? An umbrella.",
)
_JOKE = Wording(
    ("do you know a joke", "do you know any jokes", "what is a good joke", "do you have a joke", "got a joke", "can you make jokes"), ("a joke", "a good joke"),
    ("tell me a joke", "tell me a joke", "tell a joke", "make me laugh", "make a joke", "say something funny", "tell me something funny",
     "tell me a funny joke", "tell me another joke", "tell me a good joke", "give me a joke", "tell me one more joke", "tell me a short joke", "write a joke"),
    ("a joke", "joke", "another joke", "one more joke", "a funny joke", "something funny", "jokes", "another one", "joke time"),
)


def joke(rng: Random, town: Town) -> list[Turn]:
    """A joke a child likes."""
    ends = tuple(text.split("? ")[1] for text in _JOKES)
    return [Turn(ask(rng, _JOKE), pick(rng, _JOKES), Check("says", ends))]


_RIDDLES = (
    ("I have hands but no fingers.", "a clock"), ("I have teeth but I cannot bite.", "a comb"), ("I have a bed but I never sleep.", "a river"),
    ("I have leaves but I am not a tree.", "a book"), ("I carry my house on my back.", "a snail"), ("I have keys but no doors.", "a piano"),
)
_GUESS = ("{r} What am I?", "{r} What am I?", "Solve this riddle: {r} What am I?", "A riddle for you. {r} What am I?", "Here is a riddle. {r} What am I?",
          "Can you guess this? {r} What am I?", "Guess what I am! {r}", "{r} Who am I?", "Pip, a riddle: {r} What am I?", "{r}")
_RIDDLE = Wording(
    ("do you know a riddle", "do you know any riddles", "do you have a riddle"), ("a riddle",),
    ("tell me a riddle", "ask me a riddle", "give me a riddle", "tell me another riddle", "ask me something hard"), ("a riddle", "riddle", "riddles", "another riddle"),
)
_GIVE_UP = ("I give up.", "I do not know.", "Tell me the answer.", "What is it?", "no idea", "What is the answer?", "idk", "I do not know it.")


def riddle(rng: Random, town: Town) -> list[Turn]:
    """Pip solves a riddle, or asks one and hears or gives the answer."""
    text, thing = pick(rng, _RIDDLES)
    short = thing.split()[-1]
    if rng.random() < 0.35:
        return [Turn(pick(rng, _GUESS).format(r=text), f"You are {thing}.", Check("exact", (short,)))]
    asked = Turn(ask(rng, _RIDDLE), f"{text} What am I?", Check("says", tuple(riddle for riddle, _ in _RIDDLES)))
    draw = rng.random()
    if draw < 0.3:
        return [asked]
    if draw < 0.65:
        guess = pick(rng, ("Is it {t}?", "{T}!", "It is {t}.", "I think it is {t}.", "You are {t}!", "{s}")).format(t=thing, T=cap(thing), s=short)
        return [asked, Turn(guess, f"Yes, I am {thing}!", Check("yes"))]
    if draw < 0.85:
        return [asked, Turn(pick(rng, _GIVE_UP), f"I am {thing}.", Check("exact", (short,)))]
    other = pick(rng, [t for _, t in _RIDDLES if t != thing])
    return [asked, Turn(pick(rng, ("Is it {t}?", "It is {t}.", "{T}?")).format(t=other, T=cap(other)), f"No, I am {thing}.", Check("no"))]


_RHYMES = ("cat hat mat", "mouse house", "tree bee sea key", "moon spoon soon noon", "star car jar far",
           "day play way say", "boat coat goat", "king ring sing wing",
           "bed red bread head", "night light bright right", "cake lake snake make", "dog frog log",
           "rain train brain", "bear chair hair pear",
           "fox box socks", "sun fun run bun", "snow go slow know", "bell well tell shell",
           "book cook look hook", "hen pen ten men", "ball wall tall small",
           "nose rose toes", "tail snail mail", "feet street sheet meet", "cold gold old told")


_RHYME = Wording(
    ("what rhymes with {w}", "what rhymes with {w}", "which word rhymes with {w}", "what word rhymes with {w}", "do you know a rhyme for {w}"),
    ("a word that rhymes with {w}", "what rhymes with {w}"),
    ("tell me a word that rhymes with {w}", "find a rhyme for {w}", "give me a rhyme for {w}", 'find a rhyme for "{w}"', "say a word that rhymes with {w}",
     "name a word that rhymes with {w}"),
    ("rhyme for {w}", "a rhyme for {w}", "a word that rhymes with {w}", "rhyme with {w}", "rhymes with {w}", "{w} rhyme", "rhyme {w}"),
)
_EVERYDAY_RHYMES = 14  # families, which come up most of all


def rhyme(rng: Random, town: Town) -> list[Turn]:
    """A word that rhymes; each word has a fixed partner."""
    family = pick(rng, _RHYMES[:_EVERYDAY_RHYMES] if rng.random() < 0.7 else _RHYMES).split()
    i = pick(rng, range(len(family)))
    word, other = family[i], family[i - 1]
    return [Turn(ask(rng, _RHYME, w=word), f"{cap(word)} rhymes with {other}.", Check("one_of", tuple(w for w in family if w != word), allow=(word,)))]


_POEMS = {
    "the moon": "The silver moon comes up so soon\nand sings a song without a tune.\nThe children sleep, the night is deep,\nand no one wakes up until noon.",
    "a cat": "A little cat sat on a mat\nand dreamed about a big green hat.\nThe hat was round, it made no sound,\nand in it sat another cat.",
    "rain": "The rain, the rain fell on the train.\nThe train went home and came again.\nThe sun came out, we ran about,\nand then we all got wet again.",
    "a bear": "A big brown bear sat on a chair\nand combed his soft and curly hair.\nHe ate a pear, he looked up there,\nand saw a star high in the air.",
}
_POEM = Wording(
    ("do you know a poem", "do you know a poem about {t}", "do you write poems"), ("a poem", "a poem about {t}"),
    ("write a poem", "write a poem about {t}", "tell me a poem", "write a short poem", "write a short poem about {t}", "make a poem about {t}",
     "tell me a poem about {t}", "write me a poem", "tell me a rhyme about {t}", "say a poem", "write a poem for me", "write a rhyme about {t}"),
    ("a poem", "poem", "a poem about {t}", "poem about {t}", "a short poem", "a rhyme about {t}"),
)


_POEM_ABOUT = Wording(*(tuple(way for way in ways if "{t}" in way) for ways in _POEM))
_POEM_OF_ANYTHING = "{x}, {t}, what can I say?\nI think of {t} every day.\nI write these words for you and me,\nas small and light as words can be."
_POEM_TOPICS = ("the sea", "the sun", "the sky", "the wood", "the river", "the wind", "the night", "spring", "summer", "winter", "snow", "love", "music",
                "a dog", "a horse", "a bird", "a mouse", "a fox", "a flower", "a tree", "a star", "a boat", "a king", "a friend", "a house", "a train",
                "my dog", "my mother", "my friend", "my house", "flowers", "dogs", "birds", "stars", "trees", "friends", "autumn", "school", "a rose")


def poem(rng: Random, town: Town) -> list[Turn]:
    """One of four poems of four lines, or one that suits any topic."""
    if rng.random() < 0.4:
        topic = pick(rng, _POEM_TOPICS)
        yours = topic.replace("my ", "your ")
        said = _POEM_OF_ANYTHING.format(x=cap(yours), t=yours)
        return [Turn(ask(rng, _POEM_ABOUT, t=topic), said, Check("words", (topic.split()[-1],), least=20))]
    about = pick(rng, tuple(_POEMS))
    question = ask(rng, _POEM, t=pick(rng, (about, about, f"the {about.split()[-1]}")))
    words = tuple(topic.split()[-1] for topic in _POEMS)
    asked = [word for word in words if word in question]
    return [Turn(question, _POEMS[about], Check("words", tuple(asked), least=20))]


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


_ECHOES = (
    "hello", "good night", "the moon", "plum cake", "one two three", "red and blue", "a small boat", "ding dong", "the river is cold", "wake up",
    "snow in May", "banana", "yes", "no", "cat", "I like cake", "good morning", "apple", "I am a cat", "hello world", "the cat is big",
    "I love you", "goodbye", "the sun is yellow", "water", "yellow", "the dog runs", "happy birthday", "big red ball", "tree", "house",
)
_ECHO_WORDS = ("red", "blue", "big", "small", "cat", "dog", "house", "tree", "ball", "moon", "sun", "cake", "boat", "fish", "hat", "green", "book", "star")
_REPEAT = ('Say "{w}".', 'Please say "{w}".', 'Repeat after me: "{w}"', 'Repeat these words: "{w}"', 'Say the words "{w}".', 'Can you say "{w}"?',
           'Write "{w}".', 'Say this after me: "{w}"', "Say {w}.", "say {w}", "repeat after me: {w}", "Repeat after me: {w}", "Say: {w}", "say: {w}",
           "repeat: {w}", "Repeat: {w}", "Can you say {w}?", "please say {w}", "Pip, say {w}!", "write {w}", "repeat {w}", "Just say {w}.",
           "repeat after me {w}", "Repeat the word {w}.", "SAY {w}", "Now say {w}.", "can you repeat: {w}")


def repeat(rng: Random, town: Town) -> list[Turn]:
    """Say the same words again."""
    draw = rng.random()
    if draw < 0.5:
        words = pick(rng, _ECHOES)
    elif draw < 0.7:
        words = " ".join(rng.sample(_ECHO_WORDS, pick(rng, (1, 2, 3))))
    else:
        name = made_up_name(rng) if rng.random() < 0.5 else pick(rng, USUAL)
        words = pick(rng, (name, f"hello {name}", f"{name} is here", f"good morning, {name}", f"thank you, {name}"))
    return [Turn(pick(rng, _REPEAT).format(w=words), f"{cap(words)}.", Check("exact", (words,)))]
