"""News, notices and days of the town."""

from random import Random

from firstwords.world.phrases import cap, number_word, pick
from firstwords.world.texts.facts import merge, relations, say, strangers, tell
from firstwords.world.town.knowledge import DAYS
from firstwords.world.town.plumwick import Town

# what happened: {a} and {b} are people, {pet} is the animal of {a}
_EVENTS = (
    (
        "Lost and Found",
        "{a} lost a red umbrella near {place}.",
        "{b} found it in a tree.",
        'Nobody knows how it got there. "It was windy," said {a}.',
    ),
    (
        "A Duck on the Bus",
        "A duck took the bus on {day}. {a} sat next to it.",
        "{b} saw it first.",
        '"It did not pay," said Nina, the bus driver, "but it was very polite."',
    ),
    (
        "The Clock Is Late",
        "On {day} the clock on the Clock Tower was five minutes late, not four.",
        "{a} and {b} were the first to see it.",
        '"I will have a look at it," said Otto.',
    ),
    (
        "A Big Pumpkin",
        "{a} has grown a pumpkin as big as a chair.",
        "{b} tried to lift it and fell over.",
        "Betty wants to cook soup for the whole town.",
    ),
    (
        "Music in the Rain",
        "When it rained on {day}, {a} and {b} sang on the steps of {place}.",
        "Many people stopped to listen.",
        '"We will do it again," said {a}.',
    ),
    (
        "A New Bench",
        "There is a new bench at {place}.",
        "Frank built it, and {a} sat on it first.",
        '"It is a good bench," said {b}.',
    ),
    (
        "The Cake That Walked",
        "A cake was gone from a window on {day}.",
        "{b} saw an ant, and then a hundred ants.",
        '"They can keep it," said {a}.',
    ),
    (
        "A Very Long Word",
        "{a} read a very long word aloud at {place} on {day}.",
        "It took a whole minute.",
        '"Now I need a glass of water," said {a}. {b} brought one.',
    ),
    (
        "A Race",
        "{a} and {b} had a race to {place}.",
        "{a} won, and {b} came second.",
        '"Second is good too," said {b}.',
    ),
    (
        "Everybody Sneezed",
        "On {day} everybody at {place} sneezed at the same time.",
        "{a} had opened a bag of pepper.",
        '"I am sorry," said {a}. {b} just laughed.',
    ),
    (
        "A Letter after a Year",
        "A letter for {a} came a year late.",
        "Simon, the postman, found it behind a shelf.",
        'It said: "See you tomorrow!" It was from {b}.',
    ),
    (
        "A Kind Helper",
        "On {day} {a} helped {b} to carry twelve chairs to {place}.",
        "It took all afternoon.",
        '"Thank you," said {b}, and they sat down on two of them.',
    ),
)


def news(rng: Random, town: Town) -> str:
    """An item of the town newspaper: a small event, with who the people in it are."""
    title, what, then, quote = pick(rng, _EVENTS)
    p = pick(rng, town.people)
    while p.name in ("Nina", "Otto", "Betty", "Frank", "Simon"):
        p = pick(rng, town.people)
    b = strangers(rng, town, p, 1)[0]
    while b.name in ("Nina", "Otto", "Betty", "Frank", "Simon"):
        b = strangers(rng, town, p, 1)[0]
    slots = {"a": p.name, "b": b.name, "place": pick(rng, town.places).name, "day": pick(rng, DAYS)}
    paper = pick(rng, ("The Plumwick News", "News from Plumwick", "The Plumwick Paper", ""))
    parts = [what.format(**slots), then.format(**slots), quote.format(**slots)]
    parts += tell(rng, p, merge(rng, p, relations(rng, p, rng.randint(2, 4), 0)))
    if rng.random() < 0.6:
        parts += tell(rng, b, merge(rng, b, relations(rng, b, rng.randint(2, 3), 0)))
    m = pick(rng, town.months)
    if rng.random() < 0.4:
        parts.append(
            pick(
                rng,
                (
                    f"The weather in {m.name}: {m.weather}.",
                    f"In {m.name} comes {town.feast_in[m.name].name}.",
                    f"Do not forget: {town.feast_in[m.name].name} is in {m.name}.",
                ),
            )
        )
    return (f"{paper}\n" if paper else "") + f"{title}\n\n{' '.join(parts)}"


_LOST = (
    "a red umbrella", "a blue glove", "an old key", "a brown hat", "a small teddy bear", "a green scarf",
    "a book about pirates", "a silver spoon", "a woollen sock", "a small lamp", "a wooden boat",
)


def notice(rng: Random, town: Town) -> str:
    """Notices on the board of the Town Hall: lost, found, for sale, wanted, invitations."""
    lines = [
        pick(
            rng, ("On the Board at the Town Hall", "Notices", "The Notice Board", "Small Notices of the Week")
        ),
        "",
    ]
    people = rng.sample(town.people, rng.randint(3, 5))
    for p in people:
        where = f"{p.full}, {p.street} {p.house}"
        spot = pick(rng, town.places).name
        kinds = [
            f"Lost: {pick(rng, _LOST)}, near {spot}. Please bring it to {where}.",
            f"Found: {pick(rng, _LOST)}, at {spot}. Please ask {where}.",
            f"Invitation: come to tea on {pick(rng, DAYS)} at {number_word(rng.randint(3, 5))}. {where}.",
        ]
        if p.hobby:
            kinds.append(f"Who likes {p.hobby}? I do! Please come to {where}.")
        if p.instrument:
            kinds.append(f"I play {p.instrument}. Who plays with me? {where}.")
        if p.pet_name:
            kinds.append(f"Have you seen {p.pet_name}? {p.pet_name} is {p.pet}. Please call {where}.")
            kinds.append(
                f"{p.pet_name} is back! Thank you to everybody who looked for my {p.pet_kind}. {where}."
            )
        if p.birthday:
            kinds.append(f"I have a birthday in {p.birthday}. Everybody is welcome! {where}.")
        lines.append(pick(rng, kinds))
    if rng.random() < 0.5:
        f = pick(rng, town.feasts)
        lines.append(
            f"{f.title} is in {f.month}. Meet us at {f.place}. There will be {f.food}. Dora Stone, mayor."
        )
    return "\n".join(lines)


def day(rng: Random, town: Town) -> str:
    """A day in the life of somebody, from morning to night (not of the star watcher, who sleeps by day)."""
    p = pick(rng, town.people)
    while p.job == "star watcher":
        p = pick(rng, town.people)
    spot = pick(rng, [x for x in town.places if x.name != p.workplace])
    morning = (
        f"A day with {p.name} begins early.",
        f"This is a day in the life of {p.full}.",
        f"What does {p.name} do all day?",
        f"It is morning, and {p.name} opens {p.his} eyes.",
    )
    hour = pick(rng, ("after breakfast", "every morning", "in the morning", "when the sun is up"))
    parts = [pick(rng, morning), say(rng, p, "street"), f"{p.name} goes to {p.workplace} {hour}."]
    parts.append(say(rng, p, "job", "he"))
    if p.food:
        lunch = (
            f"For lunch {p.name} eats {p.food}, {p.his} favourite food.",
            say(rng, p, "food"),
            f"{cap(p.his)} favourite food is {p.food}, so that is for lunch.",
        )
        parts.append(pick(rng, lunch))
    later = (
        f"In the afternoon {p.name} visits {spot.name}.",
        f"Later {p.name} meets {p.friend} at {spot.name}.",
        f"On the way home {p.he} stops at {spot.name}.",
    )
    parts.append(f"{pick(rng, later)} {spot.title} is {spot.where}.")
    if p.hobby:
        parts.append(say(rng, p, "hobby"))
    if p.pet:
        home = (
            f"{p.pet_name} is already waiting at the door.",
            f"{p.name} feeds {p.pet_name}, the {p.pet_kind}.",
            f"Before supper {p.he} says hello to {p.pet_name}, the {p.pet_kind}.",
        )
        parts += [say(rng, p, "pet"), pick(rng, home)]
    night = (
        f"In the evening {p.name} yawns and goes to bed.",
        f"Good night, {p.name}!",
        f"Then {p.name} sleeps well.",
        "Tomorrow is a new day.",
    )
    return " ".join([*parts, pick(rng, night)])
