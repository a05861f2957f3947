"""Talk that goes a little further: advice, a doubted fact, polite words, what the visitor told about himself or herself."""

from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import OFTEN, PERSON, Turn, answer, fact_check, fill, framed, slots_of
from firstwords.world.chats.outside import NOT_TOLD_ME
from firstwords.world.phrases import a_an, cap, pick
from firstwords.world.town.names import USUAL, made_up_name
from firstwords.world.town.plumwick import Town

_ADVICE = (
    ("I cannot sleep.", "Drink some warm milk and think of something nice."),
    ("I have lost my key.", "Look in all your pockets first. Then look under the table."),
    ("I had a fight with my friend.", "Say that you are sorry and listen to your friend."),
    ("I am afraid of the dark.", "A small lamp can help. The dark is only a room without light."),
    ("I have to learn a poem.", "Read it aloud three times, then sleep, then try it again."),
    ("I do not know what to cook.", "Make a soup. Soup is easy and warm."),
    ("I need a gift for my mother.", "Make something with your own hands. She will love it."),
    ("I am late for school.", "Go quickly, but look left and right. Then say sorry."),
    ("I broke a cup.", "Say it at once and help to clean up."),
    ("My room is a mess.", "Begin with one thing. Put all books on the shelf."),
    ("It is raining and I want to play.", "Put on boots and jump over puddles, or build a tent inside."),
    ("I am new at school.", "Smile and ask somebody for their name."),
    ("I told a lie.", "Tell the truth soon. Then it will feel lighter."),
    ("My friend is ill.", "Write a card, or bring some soup."),
    ("I cannot do my sums.", "Draw little dots and count them. Small steps help."),
    ("I want a pet.", "Learn first what it eats and who looks after it."),
    ("I want to be a good friend.", "Listen well, share, and keep your word."),
    ("I want to learn to swim.", "Go with somebody who swims well, and start in shallow water."),
    ("I lost a game.", "That happens to everybody. Next time you may win."),
)


def advice(rng: Random, town: Town) -> list[Turn]:
    """A small problem and a piece of advice."""
    problem, reply = pick(rng, _ADVICE)
    shape = pick(rng, ("{p} What can I do?", "{p} What should I do?", "{p} Can you help me?",
                       "{p} Do you have an idea?", "{p}",
                       "Please help me. {p}", "I need your advice. {p}", "Pip, what would you do? {p}",
                       "{p} Give me a tip, please."))
    return [Turn(shape.format(p=problem), reply)]


def correction(rng: Random, town: Town) -> list[Turn]:
    """A told fact, and a visitor who says that it is wrong: Pip stays polite and keeps to what was told."""
    p = pick(rng, town.people)
    relation = pick(rng, [r for r in OFTEN if r in town.facts_of[p.name]])
    fact = town.facts_of[p.name][relation]
    right = answer(rng, fact)
    doubt = pick(rng, ("No, that is wrong.", "That is not right.", "Are you sure?", "I do not believe you.",
                       "Really?", "No!", "I think that is wrong.",
                       "Is that true?", "You are wrong.", "Can that be right?", "Hm, are you really sure?",
                       "That cannot be true."))
    fixed = fill(PERSON[relation].answers[0], {**slots_of(p.name), "v": fact.value})
    if p.is_child and relation == "job":
        fixed = f"{p.name} is a pupil."
    calm = pick(rng, ("Sorry, but this is what I was told. {f}", "I thought about it again. {f}",
                      "I was told it like this. {f}",
                      "I can be wrong, but I was told this. {f}", "As far as I know it is true. {f}"))
    sure = pick(rng, ("Yes, as far as I know. {f}", "Yes, this is what I was told. {f}", "Yes. {f}"))
    reply = (sure if doubt.endswith("?") else calm).format(f=fixed)
    return [Turn(framed(rng, PERSON[relation], slots_of(p.name)), right, fact_check(fact)),
            Turn(doubt, reply, fact_check(fact))]


_WISHES = (
    ("give me", ("the bread", "the salt", "a glass of water", "that book", "an apple", "the key", "my hat",
                 "the ball", "a spoon", "some soup")),
    ("bring me", ("the tea", "my coat", "a chair", "the newspaper", "some milk", "a pencil")),
    ("open", ("the door", "the window", "this box", "the jar")),
    ("close", ("the door", "the window", "the box")), ("show me",
                                                       ("the way", "your picture", "the map",
                                                        "the new boat")),
    ("help me", ("with the sum", "with my bag", "with the dishes")),
    ("tell me", ("a story", "the time", "your name", "the way to the school")),
    ("wait", ("for me", "here", "at the bridge")), ("read", ("this letter", "the story again")),
    ("clean", ("your room", "the table", "your shoes")),
)


def polite(rng: Random, town: Town) -> list[Turn]:
    """A rude wish said politely."""
    verb, things = pick(rng, _WISHES)
    wish = f"{verb} {pick(rng, things)}"
    rude = pick(rng, ("{W}!", "{W}.", "{W} now!", "{W} at once!", "Hey you, {w}!")).format(W=cap(wish),
                                                                                           w=wish)
    question = pick(rng, ('Say it politely: "{r}"', 'Say this politely: "{r}"',
                          'How do I say "{r}" politely?', 'Make this polite: "{r}"',
                          'Please make it polite: "{r}"', 'Can you say this in a polite way? "{r}"',
                          'What is a polite way to say "{r}"',
                          'This is rude: "{r}" Say it nicely.', 'Say it in a nice way: "{r}"'))
    reply = pick(rng, ("Could you {w}, please?", "Would you please {w}?", "Please, could you {w}?"))
    return [Turn(question.format(r=rude), reply.format(w=wish), Check("polite", (wish,)))]


_FAMILIES = ("Smith", "Jones", "Miller", "Garcia", "Muller", "Rossi", "Kim", "Singh", "Novak", "Silva", "Brown", "Lee")
_HOMES = ("Germany", "France", "Spain", "Italy", "England", "Poland", "Greece", "Japan", "China", "India", "Canada", "America",
          "Brazil", "Mexico", "Egypt", "Turkey", "Sweden", "Berlin", "Paris", "London", "Rome", "New York", "a small village")
_JOBS = ("teacher", "doctor", "nurse", "baker", "cook", "student", "pupil", "farmer", "painter", "writer", "driver", "gardener",
         "programmer", "engineer", "mother", "father", "girl", "boy")
_MY_NAME = ("im {low}", "hi im {low}", "i am {low}", "my name is {low}", "i'm {low}", "hi, i'm {low}", "hello im {low}", "hi my name is {low}",
            "My name is {v}.", "My name is {v}.", "I am {v}.", "I am {v}.", "Hello, I am {v}.", "Hi, my name is {v}.", "Hi, I am {v}.",
            "You can call me {v}.", "Call me {v}.", "Hi! {v} here.", "It is me, {v}.", "I am called {v}.", "This is {v}.",
            "Hello, my name is {v}.", "Hi Pip, I am {v}.", "Hello Pip, my name is {v}.")
_AND_YOURS = ("What is your name?", "What is your name?", "And you?", "And what is your name?", "Who are you?", "What are you called?",
              "And who are you?")


def _visitor(rng: Random, town: Town) -> str:
    draw = rng.random()
    return pick(rng, USUAL) if draw < 0.6 else made_up_name(rng) if draw < 0.85 else pick(rng, town.people).name


def _introduction(rng: Random, visitor: str) -> Turn:
    """The visitor's name, sometimes with the family's, sometimes with a question for Pip's."""
    whole = f"{visitor} {pick(rng, _FAMILIES)}" if rng.random() < 0.08 else visitor
    said = pick(rng, _MY_NAME).format(v=whole, low=whole.lower())
    if rng.random() < 0.25:
        return Turn(f"{said} {pick(rng, _AND_YOURS)}", f"Hello {visitor}! I am Pip.", Check("exact", (f"Hello {visitor}",)))
    return Turn(said, f"Hello {visitor}! Nice to meet you.", Check("exact", (f"Hello {visitor}",)))


_UNTOLD = 0.15  # of the questions for something that a visitor tells come without it


def my_name(rng: Random, town: Town) -> list[Turn]:
    """The visitor tells something about himself or herself, mostly the name, and perhaps asks for it later, or asks
    without having told.
    """
    turns = _told_and_asked(rng, town)
    if len(turns) == 2 and rng.random() < _UNTOLD:
        return [Turn(turns[1].user, NOT_TOLD_ME, Check("abstain"))]
    return turns


def _told_and_asked(rng: Random, town: Town) -> list[Turn]:
    kind = rng.choices(("name", "age", "colour", "food", "pet", "from", "job"), (11, 2, 1, 1.5, 1.5, 1.5, 1.5))[0]
    p, q = pick(rng, town.people), pick(rng, town.people)
    visitor = _visitor(rng, town)
    age, where, job = str(rng.randint(5, 70)), pick(rng, _HOMES), pick(rng, _JOBS)
    animal = pick(rng, ("dog", "cat", "mouse", "hen", "fish", "horse", "rabbit"))
    colour, food = p.colour or "blue", p.food or "pizza"
    name = made_up_name(rng) if rng.random() < 0.5 else q.name
    if kind == "name":
        told = _introduction(rng, visitor)
        if rng.random() < 0.4:
            return [told]
        asked = pick(rng, ("What is my name?", "What is my name?", "Do you know my name?", "What am I called?", "Who am I?",
                           "Do you remember my name?"))
        return [told, Turn(asked, f"Your name is {visitor}.", Check("exact", (visitor,)))]
    say, reply, ask, recall, check = {
        "age": ((f"I am {age} years old.", f"My age is {age}.", f"This year I am {age} years old.", f"I am {age}."),
                (f"{age} is a good age.", "That is a good age."),
                ("How old am I?", "What is my age?", "Do you know how old I am?"),
                (f"You are {age} years old.",), Check("number", (age,))),
        "colour": ((f"My favourite colour is {colour}.", f"I like {colour} best.",
                    f"I love the colour {colour}."), (f"{cap(colour)} is a nice colour.",),
                   ("What is my favourite colour?", "Which colour do I like?", "Which colour do I love?"),
                   (f"Your favourite colour is {colour}.",),
                   Check("one_of", (colour,), "colour")),
        "food": ((f"I love {food}.", f"My favourite food is {food}.", f"I like {food} best."),
                 ("That sounds good.", "That must taste good."),
                 ("What do I like to eat?", "What is my favourite food?", "Which food do I love?"),
                 (f"You love {food}.", f"Your favourite food is {food}."),
                 Check("one_of", (food,), "food")),
        "pet": ((f"I have a {animal} called {name}.", f"My {animal} is called {name}."),
                (f"{name} is a good name for a {animal}.",),
                (f"What is my {animal} called?", f"What is the name of my {animal}?"),
                (f"Your {animal} is called {name}.",),
                Check("exact", (name,))),
        "from": ((f"I am from {where}.", f"I come from {where}.", f"I live in {where}."),
                 (f"I have never been to {where}. Is it nice there?",),
                 ("Where am I from?", "Where do I come from?", "Do you know where I live?", "Where do I live?"),
                 (f"You are from {where}.",), Check("exact", (where,))),
        "job": ((f"I am {a_an(job)}.", f"Hi, I am {a_an(job)}."), (f"It must be nice to be {a_an(job)}.",),
                ("What am I?", "What is my job?", "Do you know what I do?"), (f"You are {a_an(job)}.",), Check("exact", (job,))),
    }[kind]
    told = Turn(pick(rng, say), pick(rng, reply))
    return [told, Turn(pick(rng, ask), pick(rng, recall), check)] if rng.random() < 0.7 else [told]
