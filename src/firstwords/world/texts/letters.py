"""Letters, postcards and diaries of the people of the town."""

from random import Random

from firstwords.world.phrases import cap, pick
from firstwords.world.texts.facts import merge, relations, say, strangers
from firstwords.world.town.knowledge import DAYS
from firstwords.world.town.people import Month, Person
from firstwords.world.town.plumwick import Town

# what may have happened, and the seasons in which it can ("" = all year)
_NEWS = (
    ("", "Yesterday I went to {place} with {other}."),
    ("", "{other} told me a joke, and I laughed until my tummy hurt."),
    ("", "I lost a button, but {other} found it at {place}."),
    ("", "{keeper} at {place} gave me a big smile."),
    ("", "I helped {other} to carry a heavy box."),
    ("spring autumn", "On {day} I fell into a puddle. Everybody laughed, and so did I."),
    ("", "I learned a new song, and now I sing it all day."),
    ("", "{other} and I walked to {place} and back again."),
    ("spring summer autumn", "There was a rainbow over {hill} on {day}."),
    ("", "I read a funny book about a pirate."),
    ("", "Somebody left a cake in front of our door. I think it was {other}."),
    ("", "I saw an owl in {wood}."),
    ("summer", "The {river} is full of little fish now."),
    ("spring", "I planted a seed in a pot. Nothing has happened yet."),
    ("", "I dropped my hat into the {river}, and a duck sat on it."),
    ("", "We had guests on {day}, and nobody wanted to leave."),
    ("winter", "{other} and I made a snowman with a carrot for a nose."),
    ("winter", "My feet were cold, so I drank hot cocoa with {other}."),
    ("summer", "I went swimming with {other}, and the water was lovely."),
    ("autumn", "I found a red leaf and put it into a book."),
    ("spring", "The first flowers are out, and {other} gave me one."),
    ("", "On {day} I met {other} at {place}, and we talked for an hour."),
    ("", "I forgot my umbrella at {place}."),
    ("", "{other} taught me a new game, and I won."),
)


_WEATHER = (
    "Here it is {weather}.",
    "The weather is {weather}.",
    "It is {month}, and it is {weather}.",
    "This {month} it is {weather}, and people {people}.",
    "It is {month} now, so people {people}.",
)


def _news(rng: Random, town: Town, p: Person, number: int, season: str) -> list[str]:
    lines = [line for seasons, line in _NEWS if not seasons or season in seasons]
    places = rng.sample([x for x in town.places if town.by_name[x.keeper].family != p.family], number)
    others = strangers(rng, town, p, number)
    found = []
    for line, place, other in zip(rng.sample(lines, number), places, others, strict=True):
        if other.name == place.keeper:
            continue
        found.append(
            line.format(
                place=place.name,
                keeper=place.keeper,
                other=other.name,
                day=pick(rng, DAYS),
                hill=town.hill,
                wood=town.wood,
                river=town.river,
            )
        )
    return found


def _weather(rng: Random, month: Month) -> str:
    return pick(rng, _WEATHER).format(weather=month.weather, month=month.name, people=month.people)


def _soon(rng: Random, town: Town, month: Month) -> str:
    feast = town.feast_in[month.name]
    return pick(
        rng,
        (
            f"Soon it is time for {feast.name}. Then {feast.happens}.",
            f"This month we have {feast.name}.",
            f"{cap(feast.at)}, we eat {feast.food}.",
            f"I am looking forward to {feast.name} at {feast.place}.",
            f"Do not forget {feast.name}! It is in {feast.month}.",
        ),
    )


def pen_friend(rng: Random, town: Town) -> str:
    """A first letter to somebody far away, in which the writer tells about himself or herself."""
    p = pick(rng, town.people)
    lines = [
        pick(
            rng,
            (
                "Dear friend,", "Dear new friend,", "Dear pen friend in Saltby,", "Dear friend in Upper Bean,",
                "Hello from Plumwick!", "Dear stranger,",
            ),
        )
    ]
    body = [
        pick(
            rng,
            (
                f"My name is {p.name}.",
                f"My name is {p.full}.",
                f"I am {p.full} from Plumwick.",
                f"I am called {p.name}, and I live in Plumwick.",
                f"My name is {p.name}. What is your name?",
            ),
        )
    ]
    body += [say(rng, p, r, "I") for r in merge(rng, p, relations(rng, p, rng.randint(5, 9), 2))]
    if rng.random() < 0.4:
        body.append(_weather(rng, pick(rng, town.months)))
    body.append(
        pick(
            rng,
            (
                "And you? Please write back soon.",
                "Now it is your turn. Who are you?",
                "What do you like?",
                "Please tell me about your town.",
                "Do you have a pet too?",
                "I hope you write back.",
                "Write to me soon!",
                "How old are you? What do you like to do?",
            ),
        )
    )
    return "\n".join(
        [
            lines[0],
            " ".join(body),
            pick(rng, ("Yours,", "Best wishes,", "Many greetings,", "Your friend,")),
            p.name,
        ]
    )


_BEGINNINGS = (
    "How are you?",
    "I hope you are well.",
    "Thank you for your letter.",
    "I have not seen you for days!",
    "Today I have time to write to you.",
    "Guess what!",
    "I am writing this at the kitchen table.",
)
_LAST_LINES = (
    "See you soon!",
    "Come and visit me.",
    "Write back soon.",
    "I have to go now.",
    "Take care of yourself.",
    "The kettle is singing, so I stop here.",
)


def _about_you(rng: Random, friend: Person) -> list[str]:
    lines = []
    if rng.random() < 0.5 and friend.pet:
        lines.append(f"How is {friend.pet_name}, your {friend.pet_kind}?")
        if rng.random() < 0.6:
            lines = [f"Say hello to your {friend.pet_kind} {friend.pet_name}."]
    if rng.random() < 0.4 and friend.food:
        many = friend.food.endswith("s")
        end = " for you" if many else ", because I know you love it"
        lines.append(f"If you come, there will be {friend.food}{end}.")
    return lines


def letter(rng: Random, town: Town) -> str:
    """A letter to a friend or to somebody of the family, with news, weather and a feast."""
    p = pick(rng, town.people)
    month = pick(rng, town.months)
    family = [n for n in (p.mother, p.father, *p.siblings, *p.children) if n]
    to = p.friend if not family or rng.random() < 0.6 else pick(rng, family)
    who = {p.mother: "Mother", p.father: "Father"}.get(to, to)
    body = [pick(rng, _BEGINNINGS), _weather(rng, month)]
    body += _news(rng, town, p, rng.randint(1, 3), month.season)
    if rng.random() < 0.6:
        body.append(_soon(rng, town, month))
    known = [r for r in relations(rng, p, 6, 0) if r not in ("friend", "mother", "father")]
    own = say(rng, p, known[0], "I")
    if rng.random() < 0.7 and own.startswith(("I ", "My ")):
        body.append(f"You know me: {own if own.startswith('I ') else 'my' + own[2:]}")
    body += _about_you(rng, town.by_name[to])
    body.append(pick(rng, _LAST_LINES))
    end = pick(rng, ("Love,", "Yours,", "Many greetings,", "Your friend," if to == p.friend else "Love,"))
    return f"Dear {who},\n{' '.join(body)}\n{end}\n{p.name}"


def postcard(rng: Random, town: Town) -> str:
    """A short card from one of the town's places to a friend."""
    p = pick(rng, town.people)
    place = pick(rng, [x for x in town.places if town.by_name[x.keeper].family != p.family])
    body = [
        pick(
            rng,
            (
                f"Greetings from {place.name}!",
                f"I am sitting in front of {place.name}.",
                f"Today I visited {place.name}.",
                f"Guess where I am: at {place.name}!",
            ),
        )
    ]
    facts = [
        f"It is {place.where}.",
        f"It is known for {place.known_for}.",
        f"{place.keeper} looks after it.",
        f"It {'is open' if place.opens == 'day and night' else 'opens'} {place.opens}.",
    ]
    if place.keeper == p.name:
        facts.pop(2)
    body += rng.sample(facts, rng.randint(2, 3))
    body.append(
        pick(
            rng,
            (
                "I wish you were here.",
                "You must see it one day.",
                "I want to come back tomorrow.",
                "It is lovely here.",
                "I ate a bun and looked around.",
                "I stayed for two hours.",
                "Next time we go together.",
            ),
        )
    )
    body += _news(rng, town, p, 1, "") if rng.random() < 0.4 else []
    return (
        f"Dear {p.friend},\n{' '.join(body)}\n{pick(rng, ('Love,', 'Yours,', 'Many greetings,'))}\n{p.name}"
    )


_MOODS = (
    ("It was a good day.", "I am happy."),
    ("Today was strange.", "I still wonder about it."),
    ("I am tired but happy.", "Now I go to bed."),
    ("Nothing much happened today.", "Tomorrow will be better."),
    ("What a day!", "I will never forget it."),
    ("I got up late.", "Good night, diary."),
    ("I was a little sad this morning.", "But now I am fine again."),
    ("Today I laughed a lot.", "Good night!"),
)


def diary(rng: Random, town: Town) -> str:
    """One page of a diary: the day, the weather, what happened, a thought about somebody."""
    p = pick(rng, town.people)
    month = pick(rng, town.months)
    mood, end = pick(rng, _MOODS)
    head = f"{pick(rng, DAYS)}, {rng.randint(1, 28)} {month.name}"
    body = [mood, _weather(rng, month)]
    body += _news(rng, town, p, rng.randint(2, 3), month.season)
    friend = town.by_name[p.friend]
    told = [r for r in relations(rng, friend, 3, 0) if r != "friend"]
    if rng.random() < 0.7:
        body.append(f"{friend.name} is my best friend.")
        body += [say(rng, friend, r, "he") for r in told[:2]]
    else:
        body += [say(rng, p, r, "I") for r in relations(rng, p, 2, 1)]
    if p.birthday == month.name and rng.random() < 0.8:
        body.append(f"This month is my birthday. Then I will be {p.age + 1}!")
    body.append(end)
    who = pick(rng, (f"The Diary of {p.name}", f"From {p.name}'s Diary", f"{p.full}'s Diary"))
    dear = "Dear diary,\n" if rng.random() < 0.5 else ""
    return f"{who}\n{head}\n{dear}{' '.join(body)}"
