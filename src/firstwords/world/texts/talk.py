"""People of the town in their own words: dialogues, interviews, letters, postcards, diaries."""

from random import Random

from firstwords.world.phrases import a_an, cap, number_word, pick
from firstwords.world.texts.facts import ask, before, merge, relations, say, spoken, strangers
from firstwords.world.town.knowledge import DAYS
from firstwords.world.town.names import USUAL, made_up_name
from firstwords.world.town.plumwick import Town

_VISITORS = (
    "a visitor", "the visitor", "a girl from Saltby", "a boy from Saltby", "a woman from Upper Bean",
    "a man from Upper Bean", "the new boy", "the new girl", "a man with a big bag", "an old lady",
)
_SCENES = (
    "{a} and {b} sat on the wall by the {river}.",
    "{a} met {b} at {place}.",
    "{a} and {b} waited for the bus.",
    "It was a {day} morning, and {a} met {b} on the bridge.",
    "{a} and {b} walked home together.",
    "One {day}, {a} and {b} stood in front of {place}.",
    "{a} and {b} played a game of questions.",
    "It was raining, so {a} and {b} stood under one umbrella.",
    "{a} and {b} shared a bag of cherries.",
    "{a} and {b} were in {place}.",
    "On the way to {place}, {a} met {b}.",
)
_ENDS = (
    '"You know everybody!" said {a}.',
    '"Thank you," said {a}. "Now I know."',
    '"I will remember that," said {a}.',
    '"What a nice person," said {a}.',
    '"I would like to meet {him}," said {a}.',
    '"Good to know," said {a}.',
    "Then the bell rang, and they had to go.",
    "Just then {n} came around the corner and waved.",
    '"Let us visit {him} one day," said {b}.',
    "They laughed and went on.",
    '"Plumwick is a good town," said {a}.',
    '"How do you know all that?" asked {a}. "I ask a lot of questions," said {b}.',
    "",
    "",
)


def about_somebody(rng: Random, town: Town) -> str:
    """Two people talk about a third: questions and answers."""
    p = pick(rng, town.people)
    two = strangers(rng, town, p, 2)
    a, b = two[0].name, two[1].name
    open_air = [x for x in town.places if x.name not in ("the Blue Spoon",)]
    scene = pick(rng, _SCENES[:9] + _SCENES[10:])
    lines = [scene.format(a=a, b=b, river=town.river, place=pick(rng, open_air).name, day=pick(rng, DAYS))]
    start = pick(
        rng,
        (
            '"Do you know {n}?" asked {a}. "Yes, of course," said {b}.',
            '"Who is {full}?" asked {a}. "A neighbour," said {b}.',
            '"Tell me about {n}," said {a}. "What do you want to know?" asked {b}.',
            "They talked about {n}.",
            '"I saw {n} today," said {b}. "Tell me about {him}," said {a}.',
            "",
        ),
    )
    if start:
        lines.append(start.format(n=p.name, full=p.full, him=p.him, a=a, b=b))
    for i, relation in enumerate(before(relations(rng, p, rng.randint(3, 5), 1), "pet", "pet name")):
        voice = "name" if i == 0 or rng.random() < 0.3 else "he"
        question = ask(rng, p, relation, voice)
        answer = say(rng, p, relation, "he" if rng.random() < 0.75 else "name")
        asks = pick(rng, (f"asked {a}", f"asked {a}", f"{a} asked", f"{a} wanted to know"))
        says = pick(rng, (f"said {b}", f"said {b}", f"answered {b}", f"{b} said"))
        lines.append(f"{spoken(question, asks)} {spoken(answer, says)}")
    lines.append(pick(rng, _ENDS).format(a=a, b=b, n=p.name, him=p.him))
    glue = "\n" if rng.random() < 0.4 else " "
    return glue.join(line for line in lines if line)


def meeting(rng: Random, town: Town) -> str:
    """A visitor meets one of the town's people and asks questions; the answers are in the first person."""
    p = pick(rng, town.people)
    who = pick(rng, _VISITORS)
    place = town.place_by_name[p.workplace].name if rng.random() < 0.5 else f"the corner of {p.street}"
    prep = "at" if place == p.workplace else "on"
    lines = [
        pick(
            rng,
            (
                f"{cap(who)} came to Plumwick and met {p.name} {prep} {place}.",
                f"{p.name} stood {prep} {place} when {who} said hello.",
                f'"May I ask you some questions?" {who} asked {p.name}. "Yes, please do," said {p.name}.',
                f'"Hello," said {who}. "Who are you?" "I am {p.full}," said {p.name}.',
                f'"Hello, my name is {p.name}," said the {p.noun} {prep} {place} to {who}.',
            ),
        )
    ]
    who = who.replace("a ", "the ", 1) if who.startswith("a ") else who.replace("an ", "the ", 1)
    who = who.split(" from ")[0].split(" with ")[0]
    for relation in before(relations(rng, p, rng.randint(3, 5), 1), "pet", "pet name"):
        lines.append(
            f"{spoken(ask(rng, p, relation, 'you'), f'asked {who}')} "
            f"{spoken(say(rng, p, relation, 'I'), f'said {p.name}')}"
        )
    lines.append(
        pick(
            rng,
            (
                f'"Thank you, {p.name}," said {who}.',
                f'"Welcome to Plumwick," said {p.name}.',
                "Then they shook hands.",
                f'"It was nice to meet you," said {who}.',
                f'"And what is your name?" asked {p.name}.',
                "",
            ),
        )
    )
    return ("\n" if rng.random() < 0.4 else " ").join(line for line in lines if line)


_HELLOS = (
    ("Good morning!", "Good morning!"),
    ("May I ask you something?", "Of course."),
    ("Are you ready?", "I am ready."),
    ("Hello, {n}!", "Hello!"),
    ("Thank you for your time.", "You are welcome."),
    ("Shall we start?", "Yes, please."),
    ("May I ask you some questions?", "Ask me anything."),
)


def interview(rng: Random, town: Town) -> str:
    """An interview for the school newspaper, line by line."""
    p = pick(rng, town.people)
    asker = strangers(rng, town, p, 1)[0]
    kids = [c for c in town.children if c.family != p.family and c.name != p.friend]
    if not asker.is_child:
        asker = pick(rng, kids)
    names = pick(rng, ((asker.name, p.name), (asker.name, p.name), ("Reporter", p.name)))
    lines = [
        pick(
            rng,
            (
                f"Five Minutes with {p.name}",
                f"An Interview with {p.full}",
                f"{asker.name} Talks to {p.name}",
                f"Today in the school newspaper: {p.full}",
                f"Our Guest Today: {p.name}",
            ),
        ),
        "",
    ]
    hello, answer = pick(rng, _HELLOS)
    lines += [f"{names[0]}: {hello.format(n=p.name)}", f"{names[1]}: {answer}"]
    for relation in before(relations(rng, p, rng.randint(4, 7), 2), "pet", "pet name"):
        lines.append(f"{names[0]}: {ask(rng, p, relation, 'you')}")
        lines.append(f"{names[1]}: {say(rng, p, relation, 'I')}")
    lines.append(
        f"{names[0]}: " + pick(rng, ("Thank you very much!", "Thank you, that was nice.", "Thank you!"))
    )
    if rng.random() < 0.5:
        lines.append(
            f"{names[1]}: " + pick(rng, ("You are welcome.", "Come again!", "Goodbye!", "My pleasure."))
        )
    return "\n".join(lines)


# seller, where, what can be bought there
_SHOPS = (
    ("Mila", "the Corner Bakery", ("roll", "bun", "loaf", "lemon tart", "cake")),
    ("Henry", "the Needle Shop", ("button", "needle", "scarf", "hat", "ribbon")),
    ("Peter", "the Duck Pond", ("ice cream", "bag of duck food", "lemonade")),
    ("Hanna", "the Honey House", ("jar of honey", "candle", "honey cake")),
    ("Rosa", "the Green Farm", ("cheese", "bottle of milk", "bag of apples")),
    ("Betty", "the Blue Spoon", ("bowl of soup", "cup of tea", "piece of cake")),
    ("Simon", "the Post Office", ("stamp", "postcard", "pen")),
    ("Lena", "the Hammer Yard", ("puppet", "wooden car", "little boat", "doll")),
)


def shop_talk(rng: Random, town: Town) -> str:
    """Somebody buys two things; the prices are added up correctly."""
    seller, place, things = pick(rng, [shop for shop in _SHOPS if shop[0] in town.by_name])
    p = strangers(rng, town, town.by_name[seller], 1)[0]
    one, two = rng.sample(things, 2)
    x, y = rng.randint(1, 10), rng.randint(1, 10)

    def coins(n: int) -> str:
        return "one coin" if n == 1 else f"{number_word(n)} coins"

    hello = (
        f'"Good morning, {seller}," said {p.name}.',
        f'"Hello, {p.name}," said {seller}.',
        f"{p.name} came to {place}.",
        f"One {pick(rng, DAYS)}, {p.name} went to {place}.",
    )
    order = f'"I would like {a_an(one)} and {a_an(two)}, please," said {p.name}.'
    price = f'"The {one} costs {coins(x)}, and the {two} costs {coins(y)}," said {seller}.'
    question = (
        f'"How much is that together?" asked {p.name}.',
        f"{p.name} counted the coins.",
        f'"That is {number_word(x)} plus {number_word(y)}," said {p.name}.',
    )
    total = f"Together that is {coins(x + y)}"
    end = (
        f'"{total}," said {seller}. "Here you are," said {p.name}. "Thank you and goodbye!"',
        f'"{total}. Have a nice day, {p.name}!" said {seller}.',
        f'"{total}," said {seller}. "Thank you," said {p.name}.',
        f'"{total}. Say hello to {p.friend}!" said {seller}.',
        f'"{total}," said {seller}. {p.name} paid for the {one} and the {two}.',
    )
    lines = [pick(rng, hello), order, price, pick(rng, question), pick(rng, end)]
    if rng.random() < 0.5:
        lines.insert(0, say(rng, town.by_name[seller], pick(rng, ("job", "work", "friend", "street"))))
    return ("\n" if rng.random() < 0.4 else " ").join(lines)


_INTRODUCED = (
    "My name is {n}. Hello {n}! Nice to meet you.",
    "I am {n}. Hello {n}! I am Pip.",
    "i am {low}. Hello {n}!",
    "im {low} Hello {n}!",
    "hi im {low} Hello {n}! Nice to meet you.",
    "my name is {low} Hello {n}! Nice to meet you.",
    "hello, i'm {low} Hello {n}!",
    "i am {low} Hello {n}! I am Pip.",
    "my name is {low}. What is my name? Your name is {n}.",
    "What is your name? My name is {n}. Hello {n}!",
    "This is {n}. Hello {n}! What is his name? His name is {n}.",
    "I have a dog called {n}. {n} is a good name for a dog. What is your dog called? My dog is called {n}.",
    "A cat called {n} sat in the sun. {n} was happy. What was the cat called? The cat was called {n}.",
    "Say {n}. {n}.",
    "Who is there? It is me, {n}. Hello {n}!",
)


def introductions(rng: Random, town: Town) -> str:
    """Three to six names, each said at once again: whoever reads on has to copy them."""
    style = pick(rng, _INTRODUCED) if rng.random() < 0.4 else ""
    names = [_usual_name(rng, town) if rng.random() < 0.5 else made_up_name(rng) for _ in range(rng.randint(3, 6))]
    return "\n".join((style or pick(rng, _INTRODUCED)).format(n=name, low=name.lower()) for name in names)


def _usual_name(rng: Random, town: Town) -> str:
    while town.names_others(name := pick(rng, USUAL)):
        pass
    return name


def name_game(rng: Random, town: Town) -> str:
    """Children at play tell each other what they like, turn by turn."""
    players = rng.sample(town.children, 3)
    names = f"{players[0].name}, {players[1].name} and {players[2].name}"
    game = pick(rng, ("hide and seek", "catch", "a game of cards", "marbles", "a guessing game", "jump rope"))
    parts = [
        pick(
            rng,
            (
                f"{names} play {game}.",
                f"On the school yard, {names} play {game}.",
            ),
        )
    ]
    parts.append(
        pick(
            rng,
            (
                "Everybody says something true.",
                "Each child has to tell something.",
                "They tell each other things.",
            ),
        )
    )
    for p in players:
        facts = [say(rng, p, r, "I") for r in merge(rng, p, relations(rng, p, rng.randint(2, 3), 1))]
        speech = " ".join(facts)
        parts.append(f'"{speech[:-1]}," said {p.name}.')
    parts.append(
        pick(
            rng,
            (
                "Then it was time to go home.",
                f"In the end {players[1].name} won.",
                "They played until the bell rang.",
                f'"Again!" said {players[2].name}.',
                "It was a good game.",
            ),
        )
    )
    return "\n".join(parts) if rng.random() < 0.5 else " ".join(parts)
