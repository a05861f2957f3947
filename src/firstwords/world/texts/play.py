"""Rhymes and riddles."""

from random import Random

from firstwords.world.phrases import a_an, cap, number_word, pick, plural
from firstwords.world.town.knowledge import ANIMALS, Animal
from firstwords.world.town.plumwick import Town

# couplets; {n} is a name, {he}/{his} its pronouns
_COUPLETS = (
    ("The moon is round, the moon is bright,", "it looks into my room at night."),
    ("The rain comes down on every hat,", "on every dog and every cat."),
    ("{n} has a hat, {n} has a shoe,", "and one big hole to put it through."),
    ("A little mouse sat on a chair", "and combed the knots out of its hair."),
    ("The baker bakes a loaf of bread,", "{n} puts it on {his} happy head."),
    ("The mill goes round, the mill goes round,", "and flour falls without a sound."),
    ("A duck went out to buy some tea", "and brought it home for you and me."),
    ("The wind has blown my hat away,", "I hope it has a lovely day."),
    ("One snail said to another snail:", "I think I have a letter in the mail."),
    ("The train goes up, the train goes down,", "it takes {n} all around the town."),
    ("An owl sat in the old oak tree", "and counted up from one to three."),
    ("The clock says ten, the clock says four,", "{n} does not listen any more."),
    ("{n} found a button in the grass", "and saw the sky through coloured glass."),
    ("The snow is soft, the snow is deep,", "and all the little flowers sleep."),
    ("A frog sat singing on a stone,", "it did not want to be alone."),
    ("I planted one small seed in May,", "it grew a little every day."),
    ("{n} baked a cake as big as a bed", "and slept on a slice of it instead."),
    ("The goose has feathers, white and grey,", "and something rude it wants to say."),
    ("Good night, my house, good night, my street,", "good night, my cold and tired feet."),
    ("A bee flew in, a bee flew out,", "that is what summer is about."),
    ("The fish can swim, the bird can fly,", "{n} can eat a whole cherry pie."),
    ("{n} lost {his} sock, {n} lost {his} shoe,", "{he} looked for them till half past two."),
    ("The pony does not like to run,", "it likes to stand there in the sun."),
    ("Who sits up high and looks so proud?", "It is a bird upon a cloud."),
    ("The stars are out, I counted ten,", "then I forgot and start again."),
    ("My cat has gone to see the king", "and brought me back a piece of string."),
    ("The kettle sings, the fire glows,", "{n} has some jam upon {his} nose."),
    ("The spider has a lot to do,", "eight socks to knit, and all are blue."),
    ("I have a boat, I have a sail,", "I will go and see the big grey whale."),
    ("A bear was sitting in the wood,", "it ate as slowly as it could."),
    ("The leaves are yellow, brown and red,", "and one has landed on my head."),
    ("{n} plays the drum, {n} plays it loud,", "and all the ducks are very proud."),
    ("The river runs, it does not stop,", "it carries leaves and sticks on top."),
    ("One sheep, two sheep, three sheep, four,", "there is a fifth one at the door."),
    ("The hen has laid an egg today,", "and {n} has carried it away."),
    ("My pocket has a hole, I fear,", "so every coin will disappear."),
    ("The sun gets up, the sun goes down,", "it says good night to all the town."),
    ("I wrote a letter to the moon,", "I hope it writes an answer soon."),
    ("The soup is hot, the spoon is small,", "{n} wants to eat it, bowl and all."),
    ("{n} jumps up high, {n} jumps down low,", "that is the way the song must go."),
)
_RHYME_TITLES = (
    "A Rhyme",
    "A Rhyme for {n}",
    "A Song",
    "A Little Song",
    "A Song for {n}",
    "A Rhyme to Jump To",
    "Sing with Me",
    "",
    "",
)
_COUNTED = (
    "duck", "sheep", "mouse", "frog", "goose", "button", "kite", "snail", "candle", "owl", "star", "egg", "boat",
    "plum", "bee", "hat",
)
_DOES = (
    "sat in a row", "went to the fair", "looked at the moon", "danced in the hall", "slept in a bed", "rode on a train",
    "sat on the wall",
)


def rhyme(rng: Random, town: Town) -> str:
    """A rhyme of two to five couplets, or a counting rhyme."""
    p = pick(rng, town.people)
    slots = {"n": p.name, "he": p.he, "his": p.his}
    title = pick(rng, _RHYME_TITLES).format(**slots)
    if rng.random() < 0.15:
        return (f"{title}\n\n" if title else "") + _counting(rng, p.name)
    lines: list[str] = []
    couplets = rng.sample(_COUPLETS, rng.randint(3, 5))
    for i, (one, other) in enumerate(couplets):
        lines += [
            cap(one.format(**slots)),
            other.format(**slots) if not one.endswith("?") else cap(other.format(**slots)),
        ]
        if i == 1 and len(couplets) > 3 and rng.random() < 0.6:
            lines.append("")
    return (f"{title}\n\n" if title else "") + "\n".join(lines)


def _counting(rng: Random, name: str) -> str:
    thing, does = pick(rng, _COUNTED), pick(rng, _DOES)
    start = rng.randint(4, 7)
    goes = pick(rng, ("one went away", "one hopped away", "one said good day", f"{name} took one away"))
    lines = []
    for n in range(start, 0, -1):
        noun = thing if n == 1 else plural(thing)
        left = (
            "and then there were none."
            if n == 1
            else f"and then there {'was' if n == 2 else 'were'} {number_word(n - 1)}."
        )
        lines.append(f"{cap(number_word(n))} little {noun} {does},\n{goes}, {left}")
    return "\n".join(lines)


# thing -> clues; every clue fits the thing alone or together with the others
_RIDDLES = {
    "a clock": (
        "I have two hands but no fingers.",
        "I have a face but no eyes.",
        "I tell you the time.",
        "I say tick and tock.",
        "I hang on the wall and never sleep.",
    ),
    "a candle": (
        "I get smaller as I get older.",
        "I am afraid of the wind.",
        "I cry hot tears.",
        "I give light and am made of wax.",
    ),
    "a book": (
        "I have many leaves but I am no tree.",
        "I can tell a story without a mouth.",
        "You open me, but I am no door.",
        "You find me in a library.",
    ),
    "a key": (
        "I am small and open big doors.",
        "I have teeth but I cannot bite.",
        "You look for me in every pocket.",
        "I turn in a lock.",
    ),
    "an umbrella": (
        "I go up when the rain comes down.",
        "I am a roof that you can carry.",
        "I stay at home when the sun shines.",
        "The wind likes to turn me inside out.",
    ),
    "a needle": (
        "I have one eye but cannot see.",
        "I am thin and sharp.",
        "A thread follows me everywhere.",
        "A tailor needs me.",
    ),
    "a river": (
        "I run but I have no legs.",
        "I have a bed but I never sleep.",
        "I have a mouth but I never speak.",
        "Fish live in me.",
    ),
    "an egg": (
        "I have no door, but something may come out.",
        "I am round, and a hen made me.",
        "Inside me there is white and yellow.",
        "You can boil me for breakfast.",
    ),
    "the moon": (
        "I am sometimes round and sometimes thin.",
        "I shine at night.",
        "I follow you when you walk home in the dark.",
        "I am far away, above the clouds.",
    ),
    "snow": (
        "I am white and cold.",
        "I fall but I never hurt myself.",
        "Children build a man out of me.",
        "I go away when it gets warm.",
    ),
    "the wind": (
        "You can hear me but not see me.",
        "I make the kites fly.",
        "I steal hats.",
        "I turn the mill and ask for nothing.",
    ),
    "a bell": (
        "I have a tongue but I cannot talk.",
        "I am loud when you shake me.",
        "I tell the pupils that school begins.",
        "I am made of metal.",
    ),
    "a shoe": (
        "I have a tongue but I cannot taste.",
        "I always come with a brother.",
        "You walk on me all day.",
        "I am tied in the morning.",
    ),
    "a table": (
        "I have four legs but I cannot walk.",
        "You eat on me.",
        "Chairs stand around me.",
        "I am often made of wood.",
    ),
    "a bed": (
        "I have a head and a foot but no nose.",
        "You see me at night with closed eyes.",
        "I am soft and warm.",
        "Children jump on me.",
    ),
    "a mirror": (
        "I show you your own face.",
        "When you smile, I smile too.",
        "I can show everything but say nothing.",
        "I am made of glass.",
    ),
    "a letter": (
        "I travel far but stay in one corner of a bag.",
        "I wear a stamp.",
        "The postman carries me.",
        "I speak without a voice.",
    ),
    "a kite": (
        "I fly but I have no wings.",
        "You hold me by a string.",
        "I love windy days.",
        "I have a tail but I am no animal.",
    ),
    "a train": (
        "I am long and I stop at stations.",
        "I run on two rails.",
        "People climb in and out of me.",
        "I have many wheels.",
    ),
    "a rainbow": (
        "I have many colours.",
        "I come when sun and rain meet.",
        "Nobody can walk over me.",
        "I am a bridge in the sky.",
    ),
    "a broom": (
        "I stand in a corner.",
        "I sweep the floor.",
        "I have a long stick.",
        "Dust is afraid of me.",
    ),
    "a pencil": (
        "I am made of wood.",
        "I get shorter every day.",
        "I can write and draw.",
        "A carpenter keeps me behind the ear.",
    ),
    "a snowman": (
        "I stand in the garden in winter.",
        "My nose is a carrot.",
        "I am afraid of the sun.",
        "I am fat and white, and I never sit.",
    ),
    "a shadow": (
        "I follow you everywhere.",
        "I am long in the evening and short at noon.",
        "I am dark but nobody lit me.",
        "You cannot catch me.",
    ),
    "a ladder": (
        "I have many steps but no house.",
        "I help you to climb up high.",
        "I lean against the wall.",
        "Paul has the longest of us.",
    ),
    "a drum": (
        "People hit me, but I do not cry.",
        "I am round and loud.",
        "I am hollow and make music.",
        "Jack plays me, and so does Max.",
    ),
}
_CALLS = (
    "What am I?",
    "Who knows me?",
    "Can you guess what I am?",
    "Tell me: what am I?",
    "Do you know what I am?",
)
_ANSWERS = ("I am {a}.", "The answer is {a}.", "It is {a}.", "{A}!", "Of course: {a}!")


def _animal_clues(rng: Random, a: Animal) -> list[str]:
    legs = "no legs" if a.legs == 0 else f"{number_word(a.legs)} legs"
    clues = [
        f"I have {legs}.",
        f"I eat {a.food}.",
        f"My young is called {a_an(a.young)}." if not a.young.startswith("baby") else "",
        f"I can say {a.sound}." if a.sound else "",
        f"I am {a_an(a.group)}." if a.group not in (a.name, "fish") else "",
        f"You can find me in {a_an(a.home)}."
        if a.home not in ("ice", "grass", "sea")
        else f"You can find me {'on' if a.home == 'ice' else 'in'} the {a.home}.",
    ]
    clues = [c for c in clues if c]
    rng.shuffle(clues)
    return clues


def _thing_riddle(rng: Random) -> tuple[str, list[str]]:
    thing, clues = pick(rng, tuple(_RIDDLES.items()))
    return thing, rng.sample(clues, rng.randint(3, 4))


def _riddle_dialogue(rng: Random, town: Town, thing: str, question: str) -> str:
    asker, guesser = rng.sample(town.people, 2)
    one, other, spot = asker.name, guesser.name, pick(rng, town.places)
    openings = (
        f"{one} and {other} met at {spot.name}. {one} knew a riddle.",
        f"It was a long evening, and {one} asked {other} a riddle.",
        f"{other} loves riddles, so {one} asked one.",
        f"On the way to {spot.name}, {one} asked {other} a riddle.",
        f"{one}, {asker.the_job}, had a new riddle for {other}.",
        f"{other}, {guesser.the_job}, was bored. So {one} asked a riddle.",
    )
    lines = [pick(rng, openings), f'"{question}" asked {one}.']
    if rng.random() < 0.5:
        wrong = pick(rng, [t for t in _RIDDLES if t != thing])
        lines.append(f'"Are you {wrong}?" asked {other}. "No," said {one}. "Guess again!"')
    pauses = (
        f"{other} thought for a long time.",
        f"{other} looked out of the window.",
        f"{other} scratched {guesser.his} head.",
        f"{other} smiled.",
    )
    ends = (
        f'"I know! It is {thing}," said {other}.',
        f'"You are {thing}!" said {other}.',
        f'"I give up," said {other}. "It is {thing}," said {one}.',
    )
    return ("\n" if rng.random() < 0.3 else " ").join([*lines, pick(rng, pauses), pick(rng, ends)])


def _riddle(rng: Random) -> tuple[str, str]:
    if rng.random() < 0.6:
        thing, clues = _thing_riddle(rng)
    else:
        animal = pick(rng, ANIMALS)
        thing, clues = a_an(animal.name), _animal_clues(rng, animal)
    return thing, f"{' '.join(clues)} {pick(rng, _CALLS)}"


def riddle(rng: Random, town: Town) -> str:
    """One to three riddles with their answers, or one that somebody asks somebody else."""
    number = rng.randint(1, 3)
    if number == 1 or rng.random() < 0.3:
        return _riddle_dialogue(rng, town, *_riddle(rng))
    riddles = dict(_riddle(rng) for _ in range(number))
    answers = [pick(rng, _ANSWERS).format(a=thing, A=cap(thing)) for thing in riddles]
    parts = [f"{question}\n{answer}" for question, answer in zip(riddles.values(), answers, strict=True)]
    head = pick(rng, ("Riddles\n\n", "Guess!\n\n", f"{pick(rng, town.people).name} asks riddles\n\n", ""))
    return head + "\n\n".join(parts)
