"""Talk that goes a little further: advice, a doubted fact, polite words, what the visitor told about himself or herself."""

from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import OFTEN, PERSON, Turn, answer, fact_check, fill, framed, slots_of
from firstwords.world.phrases import cap, pick
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


# names that visitors may have
_VISITOR_NAMES = """
Adam Alex Alice Amy Ana Andrew Angela Ben Bob Carlos Chris Daniel David Diego Elena Emily Eric Eva Fatima 
George Grace Hannah Hans Helen Ian James Jan Jane Jim Joe John Josh Juan Karen Kate Kevin Kim Laura Lisa Liam
Linda Lucas Luis Maria Mark Mary Matt Mia Michael Mike Mohamed Nick Olivia Omar Peter Rachel Robert Ryan
Sam Sarah Sofia Sophie Steve Susan Thomas Tim Tony Yuki Zoe
"""
_VISITORS = tuple(_VISITOR_NAMES.split())


def my_name(rng: Random, town: Town) -> list[Turn]:
    """The visitor tells name, age or colour and asks for it later."""
    kind = pick(rng, ("name", "name", "name", "age", "colour", "food", "pet"))
    p, q = pick(rng, town.people), pick(rng, town.people)
    visitor = pick(rng, _VISITORS) if rng.random() < 0.8 else q.name
    age = str(rng.randint(5, 70))
    animal = pick(rng, ("dog", "cat", "mouse", "hen", "fish", "horse", "rabbit"))
    name, colour, food = q.name, p.colour or "blue", p.food or "pizza"
    say, reply, ask, recall, check = {
        "name": ((f"My name is {visitor}.", f"I am {visitor}.", f"Hello, I am {visitor}.", f"Hi, my name is {visitor}.",
                  f"You can call me {visitor}.", f"Hi! {visitor} here.", f"It is me, {visitor}.", f"I am called {visitor}."),
                 (f"Hello {visitor}! Nice to meet you.", f"Hello {visitor}! How can I help you?"),
                 ("What is my name?", "Do you know my name?", "What am I called?", "Who am I?",
                  "Do you remember my name?"),
                 (f"Your name is {visitor}.",), Check("one_of", (visitor,), "name")),
        "age": ((f"I am {age} years old.", f"My age is {age}.", f"This year I am {age} years old."),
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
                Check("one_of", (name,), "name")),
    }[kind]
    return [Turn(pick(rng, say), pick(rng, reply)), Turn(pick(rng, ask), pick(rng, recall), check)]
