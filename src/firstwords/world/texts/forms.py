"""Registration forms and questionnaires: lists of questions, with or without answers.

In every list "What is your first name?" is followed by another question, never by an answer, so that a base model that
has read them continues with questions. Answered forms use labels ("First name: Mila").
"""

from random import Random

from firstwords.world.phrases import cap, number_word, pick
from firstwords.world.texts.facts import strangers
from firstwords.world.town.people import Person
from firstwords.world.town.plumwick import Town

_TITLES = (
    "Registration Form", "Please Fill In This Form", "Form for New Pupils", "Form for the {place}", "Questionnaire",
    "A Few Questions", "Join the {club}", "Sign Up for {feast}", "Library Card", "Form for Visitors", "Before We Start",
    "Tell Us about Yourself", "Welcome to Plumwick", "Form Number {number}", "Questions for New Neighbours",
)
_CLUBS = (
    "Chess Club", "Swimming Club", "Kite Club", "Reading Club", "Football Club", "Baking Club", "Music Club",
    "Garden Club", "Walking Club", "Puppet Club",
)
_INTROS = (
    "Please answer all questions.",
    "Please write clearly.",
    "Use a pen, please.",
    "{keeper} will read your answers.",
    "Please bring this form to {place}.",
    "Take your time.",
    "It takes five minutes.",
    "Please fill in every line.",
    "Thank you for coming.",
    "Please answer these questions:",
    "",
    "",
    "",
)
_SECOND = (
    "What is your last name?",
    "What is your last name?",
    "What is your last name?",
    "What is your family name?",
    "How old are you?",
    "Where do you live?",
)
_ABOUT = (
    "How old are you?",
    "Where do you live?",
    "What is your street?",
    "What is the number of your house?",
    "When is your birthday?",
    "Where were you born?",
    "What is your job?",
    "Who is your best friend?",
    "Do you have brothers or sisters?",
    "What is the name of your mother?",
    "What is the name of your father?",
    "Do you have a pet?",
    "What is the name of your pet?",
    "What is your favourite colour?",
    "What is your favourite food?",
    "What is your hobby?",
    "Do you play an instrument?",
    "Which school do you go to?",
    "Which languages do you speak?",
    "Can you swim?",
    "Can you ride a bicycle?",
    "What are you afraid of?",
    "What is your biggest wish?",
    "What makes you laugh?",
    "Do you like to read?",
    "How do you come to school?",
    "What is your favourite book?",
    "Which day is best for you?",
    "When do you get up?",
    "Do you like music?",
    "Are you often late?",
    "Who will bring you home?",
    "How many books would you like to borrow?",
    "Would you like tea or milk?",
    "Do you sleep with the window open?",
)
_ENDS = (
    "Thank you!",
    "Thank you very much.",
    "Please sign here.",
    "Date and name, please.",
    "We will write to you soon.",
    "Please do not fold this form.",
    "Give this form to {keeper}.",
    "See you soon!",
    "",
    "",
    "",
)


def _questions(rng: Random, number: int) -> list[str]:
    second = pick(rng, _SECOND)
    rest = [q for q in rng.sample(_ABOUT, number) if q != second]
    # the plain order of most forms: age and home come early
    if rng.random() < 0.6:
        early = [q for q in ("How old are you?", "Where do you live?") if q != second]
        rest = early + [q for q in rest if q not in early]
    questions = ["What is your first name?", second, *rest]
    if rng.random() < 0.12:
        questions.insert(
            0, pick(rng, ("Are you new here?", "What is today's date?", "Who sent you?", "Why are you here?"))
        )
    if rng.random() < 0.06:
        questions[0], questions[1] = questions[1], questions[0]
    return questions


def _frame(rng: Random, town: Town) -> tuple[str, str, str]:
    place = pick(rng, town.places)
    slots = {
        "place": place.name.removeprefix("the "),
        "club": pick(rng, _CLUBS),
        "feast": pick(rng, town.feasts).name,
        "number": rng.randint(1, 99),
    }
    title = pick(rng, _TITLES).format(**slots) if rng.random() < 0.8 else ""
    slots["place"], slots["keeper"] = place.name, place.keeper
    return title, pick(rng, _INTROS).format(**slots), pick(rng, _ENDS).format(**slots)


def form(rng: Random, town: Town) -> str:
    """A form of questions only: in lines, numbered lines, or running on."""
    title, intro, end = _frame(rng, town)
    questions = _questions(rng, rng.randint(4, 9))
    style = rng.random()
    if style < 0.15:
        questions = [f"{i}. {q}" for i, q in enumerate(questions, 1)]
    body = (" " if style > 0.6 else "\n").join(questions)
    if rng.random() < 0.15:
        title = intro = ""
    return "\n".join(part for part in (title, intro, body, end) if part)


def at_the_desk(rng: Random, town: Town) -> str:
    """A clerk asks one question after another before the other person can answer."""
    place = pick(rng, town.places)
    keeper = town.by_name[place.keeper]
    guest = strangers(rng, town, keeper, 1)[0]
    questions = _questions(rng, rng.randint(3, 6))
    asked = " ".join(questions)
    lines = [
        pick(
            rng,
            (
                f"{guest.name} came to {place.name} to fill in a form.",
                f"There was a new form at {place.name}.",
                f"{keeper.name} at {place.name} had a long list of questions.",
                f"{keeper.name} took a pen and a form.",
            ),
        )
    ]
    lines.append(
        pick(
            rng,
            (
                f'"{asked}" asked {keeper.name}.',
                f'{keeper.name} read aloud: "{asked}"',
                f'On the form it said: "{asked}"',
            ),
        )
    )
    lines.append(
        pick(
            rng,
            (
                f'"That is a lot of questions," said {guest.name}.',
                f'"One after the other, please," said {guest.name}.',
                f"{guest.name} wrote everything down.",
                f'"I need a longer pen," said {guest.name}.',
                f"{guest.name} took a deep breath and began to write.",
                f'"May I sit down first?" asked {guest.name}.',
            ),
        )
    )
    return " ".join(lines)


_LABELS = (
    ("First name", "name"), ("Last name", "family"), ("Age", "age"), ("Street", "street"), ("House number", "house"),
    ("Month of birth", "birthday"), ("Job", "job"), ("Mother", "mother"), ("Father", "father"),
    ("Best friend", "friend"), ("Pet", "pet"), ("Name of the pet", "pet_name"), ("Favourite food", "food"),
    ("Favourite colour", "colour"), ("Hobby", "hobby"), ("Instrument", "instrument"), ("Afraid of", "fear"),
)


def _value(p: Person, field: str) -> str:
    return cap(str(getattr(p, field)))


def filled_form(rng: Random, town: Town) -> str:
    """A form that somebody of the town has filled in: labels and answers."""
    p = pick(rng, town.people)
    title, intro, end = _frame(rng, town)
    chosen = [pair for pair in _LABELS[2:] if getattr(p, pair[1])]
    chosen = rng.sample(chosen, rng.randint(4, min(8, len(chosen))))
    chosen.sort(key=_LABELS.index)
    lines = [f"{label}: {_value(p, field)}" for label, field in (*_LABELS[:2], *chosen)]
    sign = pick(rng, (f"Signed: {p.full}", f"{p.full}, Plumwick", end))
    return "\n".join(part for part in (title, intro, *lines, sign) if part)


def questions_then_answers(rng: Random, town: Town) -> str:
    """All the questions of a form first, then somebody's answers in one go."""
    p = pick(rng, town.people)
    title = pick(rng, ("The Form of {n}", "How {n} Filled In the Form", "{n} and the Form", "")).format(
        n=p.name
    )
    first = {"name": "What is your first name?", "family": "What is your last name?"}
    more = {
        "age": "How old are you?",
        "street": "Where do you live?",
        "birthday": "When is your birthday?",
        "friend": "Who is your best friend?",
        "food": "What is your favourite food?",
        "colour": "What is your favourite colour?",
        "hobby": "What is your hobby?",
        "pet": "Do you have a pet?",
    }
    answers = {
        "age": f"I am {p.age} years old.",
        "street": f"I live on {p.street}.",
        "birthday": f"My birthday is in {p.birthday}.",
        "friend": f"My best friend is {p.friend}.",
        "food": f"My favourite food is {p.food}.",
        "colour": f"My favourite colour is {p.colour}.",
        "hobby": f"I like {p.hobby}.",
        "pet": f"I have {p.pet}.",
    }
    known = [f for f in more if getattr(p, f)]
    fields = rng.sample(known, rng.randint(2, 5))
    asked = " ".join([*first.values(), *(more[f] for f in fields)])
    said = " ".join(
        [f"My first name is {p.name}. My last name is {p.family}.", *(answers[f] for f in fields)]
    )
    lead = pick(
        rng,
        (
            f"{p.name} wrote:",
            f"Here is what {p.name} wrote:",
            "The answers were:",
            f"This took {p.name} {number_word(rng.randint(2, 20))} minutes:",
        ),
    )
    return "\n".join(part for part in (title, asked, lead, said) if part)


def any_form(rng: Random, town: Town) -> str:
    """One of the kinds of forms; most are questions only."""
    number = rng.random()
    if number < 0.62:
        return form(rng, town)
    if number < 0.74:
        return at_the_desk(rng, town)
    return filled_form(rng, town) if number < 0.86 else questions_then_answers(rng, town)
