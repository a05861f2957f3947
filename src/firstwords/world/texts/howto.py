"""How-tos: small things a child can do, step by step, with changing helpers, amounts and advice."""

from random import Random

from firstwords.world.phrases import cap, count_of, number_word, pick
from firstwords.world.town.plumwick import Town

# title -> what you need, steps, last line; {x} and {y} are amounts, "a/b" inside braces are alternatives
_HOWTOS = (
    (
        "make pancakes",
        ("{x} eggs", "a cup of milk", "a cup of flour", "a little salt", "butter for the pan"),
        (
            "Put the flour into a bowl.",
            "Add the eggs and the milk.",
            "Stir until it is smooth.",
            "Ask a grown-up to heat the pan.",
            "Put a spoon of it into the pan.",
            "Turn the pancake when it is brown.",
            "Eat it with {jam/honey/sugar/apples}.",
        ),
        ("The first pancake is always a bit ugly.", "Keep one for the cook."),
    ),
    (
        "make tea",
        ("a cup", "hot water", "a bag of tea", "a little {honey/sugar/milk}"),
        (
            "Ask a grown-up to boil the water.",
            "Put the tea bag into the cup.",
            "Pour in the hot water.",
            "Wait {y} minutes.",
            "Take out the tea bag.",
            "Add what you like.",
        ),
        ("Blow before you drink.", "Tea tastes best with a friend."),
    ),
    (
        "make a sandwich",
        ("two slices of bread", "butter", "{cheese/tomato/egg/honey}"),
        (
            "Put the bread on a plate.",
            "Spread butter on it.",
            "Put something good on one slice.",
            "Lay the other slice on top.",
            "Cut it in two halves.",
        ),
        ("Give one half to a friend.", "Wipe the table when you are done."),
    ),
    (
        "build a kite",
        ("{x} thin sticks", "big paper", "glue", "a long string", "ribbons for the tail"),
        (
            "Lay the sticks in a cross.",
            "Tie them together in the middle.",
            "Glue the paper over the sticks.",
            "Wait until the glue is dry.",
            "Tie the tail to the bottom.",
            "Tie the long string to the middle.",
            "Run into the wind and let it go.",
        ),
        ("Stay away from trees.", "If it falls, try again."),
    ),
    (
        "build a snowman",
        ("a lot of snow", "a carrot", "{x} stones", "an old {hat/scarf/pot}"),
        (
            "Roll a big ball for the bottom.",
            "Roll a smaller ball for the middle.",
            "Roll a small ball for the head.",
            "Put them on top of each other.",
            "Give him a carrot for a nose.",
            "Use stones for the eyes and the mouth.",
            "Put something on his head.",
        ),
        ("Do not take him inside.", "Give him a name."),
    ),
    (
        "plant a seed",
        ("a pot", "some earth", "{x} seeds", "water", "a sunny window"),
        (
            "Fill the pot with earth.",
            "Make a small hole with your finger.",
            "Put in a seed.",
            "Cover it with earth.",
            "Give it a little water.",
            "Put the pot on the window.",
            "Wait for {y} days, and do not forget the water.",
        ),
        ("You cannot hear it grow, but it grows.", "Be patient."),
    ),
    (
        "make a paper boat",
        ("one sheet of paper", "water in a {bowl/bath/puddle}"),
        (
            "Fold the paper in the middle.",
            "Fold the two corners down.",
            "Fold up the edges.",
            "Open it and press it flat.",
            "Fold up the points.",
            "Pull the sides apart.",
            "Put the boat on the water.",
        ),
        ("Paint a name on it.", "Paper boats do not like long journeys."),
    ),
    (
        "write a letter",
        ("paper", "a {pen/pencil}", "an envelope", "a stamp"),
        (
            "Write the date at the top.",
            "Begin with Dear and the name.",
            "Ask how your friend is.",
            "Tell {y} things that happened to you.",
            "Write your name at the end.",
            "Fold the paper and put it into the envelope.",
            "Stick on the stamp.",
            "Bring it to the Post Office.",
        ),
        ("A letter makes two people happy.", "Simon will take it from there."),
    ),
    (
        "brush your teeth",
        ("a toothbrush", "toothpaste", "a cup of water"),
        (
            "Put a little toothpaste on the brush.",
            "Brush the front teeth.",
            "Brush the back teeth.",
            "Do not forget the inside.",
            "Brush for {y} minutes.",
            "Rinse your mouth with water.",
            "Smile at the mirror.",
        ),
        ("Wilma, the dentist, will be proud of you.", "Do it in the morning and in the evening."),
    ),
    (
        "wash your hands",
        ("water", "soap", "a towel"),
        (
            "Make your hands wet.",
            "Take some soap.",
            "Rub your hands.",
            "Count slowly to twenty.",
            "Rinse off the soap.",
            "Dry your hands with the towel.",
        ),
        ("Ruth, the doctor, does it very often.", "Now you may eat."),
    ),
    (
        "feed the ducks",
        ("a bag of {grain/peas/corn}", "a quiet place at the Duck Pond"),
        (
            "Go to the pond slowly.",
            "Sit down on the grass.",
            "Throw a little food on the water.",
            "Wait until they come.",
            "Count the ducks.",
            "Do not feed them bread.",
        ),
        ("Leave some for the swan.", "Peter is glad when you help."),
    ),
    (
        "cook soup",
        ("{x} carrots", "{x} potatoes", "an onion", "water", "salt"),
        (
            "Wash everything.",
            "Ask a grown-up to help you cut.",
            "Put it all into a pot.",
            "Add water and a little salt.",
            "Let it boil for {twenty/thirty} minutes.",
            "Taste it.",
            "Serve it in bowls.",
        ),
        ("Betty tastes everything twice.", "Soup is good on cold days."),
    ),
    (
        "find a lost thing",
        ("good eyes", "{y} minutes of time"),
        (
            "Stand still and think.",
            "Where did you see it last?",
            "Go back to that place.",
            "Look under things, not only on top.",
            "Look into your pockets.",
            "Ask your family.",
            "Ask at the Town Hall.",
        ),
        ("Often it is in your other hand.", "Gus finds lost umbrellas."),
    ),
    (
        "cross the street",
        ("your eyes", "your ears"),
        (
            "Stop at the edge.",
            "Look to the left.",
            "Look to the right.",
            "Listen.",
            "Look to the left again.",
            "Walk across, but do not run.",
        ),
        ("Hold the hand of a smaller child.", "Wait if a car comes."),
    ),
    (
        "say sorry",
        ("a little courage", "a quiet moment"),
        (
            "Go to the other person.",
            "Look at {him or her/your friend}.",
            "Say what you did.",
            "Say that you are sorry.",
            "Ask how you can help.",
            "Wait for the answer.",
        ),
        ("It gets easier every time.", "A hug helps too."),
    ),
    (
        "make a lantern",
        ("a jam jar", "coloured paper", "glue", "a small {candle/lamp}", "a string"),
        (
            "Tear the paper into small pieces.",
            "Glue them on the jar.",
            "Let the glue dry.",
            "Tie the string around the top.",
            "Put the light inside.",
            "Ask a grown-up to light it.",
            "Carry it with care.",
        ),
        ("It looks best at night.", "Bring it to the Lantern Walk in January."),
    ),
    (
        "make friends with a cat",
        ("time", "a soft voice", "perhaps a piece of {fish/chicken}"),
        (
            "Sit down on the floor.",
            "Do not look at it too long.",
            "Hold out your hand.",
            "Let the cat smell it.",
            "Scratch it behind the ear.",
            "Stop when it walks away.",
        ),
        ("A cat decides for itself.", "Tomorrow it will come back."),
    ),
    (
        "make lemonade",
        ("{x} lemons", "a jug of cold water", "{y} spoons of sugar"),
        (
            "Cut the lemons in half.",
            "Press out the juice.",
            "Pour it into the jug.",
            "Add the sugar.",
            "Stir well.",
            "Taste it.",
        ),
        ("If it is too sour, add some sugar.", "Share it on a hot day."),
    ),
    (
        "borrow a book",
        ("a library card",),
        (
            "Go to the Round Library.",
            "Look at the shelves.",
            "Take a book and read the first page.",
            "If you smile, it is the right one.",
            "Show it to Olga.",
            "Bring it back after {y} weeks.",
        ),
        ("Take the slide down.", "Please do not fold the pages."),
    ),
    (
        "fall asleep",
        ("a bed", "a blanket", "perhaps a teddy bear"),
        (
            "Put on your pyjamas.",
            "Read one page of a book.",
            "Turn off the light.",
            "Close your eyes.",
            "Count {x} sheep slowly.",
            "Think of something nice.",
        ),
        ("Good night.", "If it does not work, count ducks."),
    ),
)
_ADVICE = (
    "{n} does it every week.",
    "{n} learned it from {f}.",
    "{n} always asks {f} to help.",
    "{n} has done it a hundred times.",
    "{n} says it is easy.",
    "{n} says: take your time.",
    "Even {n} can do it.",
    "{n} showed it to {f}.",
    "",
    "",
)
_ORDER = ("First", "Then", "Next", "After that", "Now", "Then", "At last", "In the end")


def _choose(rng: Random, text: str) -> str:
    while "{" in text:
        start, end = text.index("{"), text.index("}")
        inner = text[start + 1 : end]
        if inner == "x":
            value = number_word(rng.randint(2, 4))
        elif inner == "y":
            value = number_word(rng.randint(2, 5))
        else:
            value = pick(rng, inner.split("/"))
        text = text[:start] + value + text[end + 1 :]
    return text


def howto(rng: Random, town: Town) -> str:
    """One how-to as numbered steps or as running text."""
    what, needs, steps, ends = pick(rng, _HOWTOS)
    p = pick(rng, town.people)
    title = pick(
        rng,
        (
            "How to {w}",
            "How to {w}",
            "How do you {w}?",
            "Let us {our}!",
            "{n} shows you how to {w}",
            "Learn to {w}",
            "{n} explains: how to {w}",
        ),
    ).format(w=what, our=what.replace("your", "our"), n=p.name)
    need = [_choose(rng, n) for n in needs]
    if len(need) > 2 and rng.random() < 0.3:
        rng.shuffle(need)
    need_text = need[0] if len(need) == 1 else f"{', '.join(need[:-1])} and {need[-1]}"
    parts = [
        pick(
            rng,
            (
                f"You need {need_text}.",
                f"What do you need? {cap(need_text)}.",
                f"For this you need {need_text}.",
            ),
        )
    ]
    done = [_choose(rng, s) for s in steps]
    style = rng.random()
    if style < 0.4:
        body = "\n".join(f"{i}. {s}" for i, s in enumerate(done, 1))
    elif style < 0.75:
        body = " ".join(done)
    else:
        body = " ".join(
            f"{_ORDER[min(i, 7)] if i < len(done) - 1 else 'At last'}, {s[0].lower()}{s[1:]}"
            if i % 2 == 0 and not s.startswith(("If", "Where", "Do "))
            else s
            for i, s in enumerate(done)
        )
    advice = pick(rng, _ADVICE).format(n=p.name, f=p.friend)
    last = " ".join(x for x in (advice, pick(rng, ends) if rng.random() < 0.8 else "") if x)
    guests = count_of(rng.randint(1, 6), "friend")
    if rng.random() < 0.2:
        cheer = pick(rng, (f"It is more fun with {guests}.", "It takes a little time.", "Have fun!"))
        last = f"{last} {cheer}".strip()
    return "\n".join(x for x in (title, parts[0], body, last) if x)
