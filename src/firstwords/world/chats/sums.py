"""Numbers in chats: sums and differences to twenty, small products and divisions, counting, which number is bigger.

Every answer repeats the question in digits before the result: "2 plus 3 is 5.", "5 is bigger than 3.".
"""

from random import Random

from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn, settled
from firstwords.world.phrases import cap, number_word, pick, plural
from firstwords.world.town.knowledge import DAYS_IN_MONTH
from firstwords.world.town.plumwick import Town

# {a} and {b} are digits or words, {p} is " plus " or a sign with or without spaces
_QUESTIONS = ("what is {a}{p}{b}", "how much is {a}{p}{b}", "what does {a}{p}{b} make", "how much does {a}{p}{b} make",
              "what do I get for {a}{p}{b}", "what does {a}{p}{b} come to", "{a}{p}{b} makes what", "{a}{p}{b} is how much", "what is the answer to {a}{p}{b}", "{a}{p}{b} is what")
_CLAUSES = ("what {a}{p}{b} is", "how much {a}{p}{b} is")
_WISHES = ("work out {a}{p}{b}", "calculate {a}{p}{b}", "solve {a}{p}{b}", "tell me {a}{p}{b}", "do this sum: {a}{p}{b}",
           "help me with a sum: {a}{p}{b}", "do {a}{p}{b}")
_NOTES = ("{a}{p}{b}", "{a}{p}{b}", "{a}{p}{b}", "{a}{p}{b} is", "{a}{p}{b}=?", "a sum: {a}{p}{b}", "{a}{p}{b} makes", "{a}{p}{b} equals")
SUM = Wording(_QUESTIONS, _CLAUSES, _WISHES, _NOTES)
_PLUS = Wording(
    ("what is the sum of {a} and {b}", "what is {a} and {b}", "how much is {a} and {b}", "what is {b} more than {a}",
     "what do {a} and {b} make", "how many are {a} and {b}", "what do I get when I add {a} and {b}", "how much are {a} and {b} together",
     "what do {a} and {b} make together"),
    ("what {a} and {b} is", "how many {a} and {b} make"), ("add {a} and {b}", "add {b} to {a}", "put {b} to {a}", "put {a} and {b} together"),
    ("{a} and {b}", "sum of {a} and {b}", "{a} add {b}", "{a} and {b} together"),
)
_MINUS = Wording(
    ("what is {a} take away {b}", "how much is {a} less {b}", "what is {b} less than {a}", "what is left of {a} minus {b}",
     "what is left of {a} without {b}", "how many are left when I take {b} from {a}", "what remains of {a} after I take away {b}"),
    ("what {a} take away {b} is", "what is left of {a} without {b}"),
    ("take {b} from {a}", "take {b} off {a}", "subtract {b} from {a}", "take away {b} from {a}", "take {b} away from {a}"),
    ("{a} take away {b}", "{a} less {b}"),
)
_TIMES = Wording(
    ("what is {a} multiplied by {b}", "how much is {a} multiplied by {b}", "what is {a} taken {b} times", "what comes out when I take {a} times {b}",
     "what do I get when I multiply {a} by {b}"),
    (), ("multiply {a} and {b}", "multiply {a} by {b}", "take {a} times {b}"), ("{a} multiplied by {b}", "{a} taken times {b}"),
)
_DIVIDED = Wording(
    ("what is {a} split by {b}", "what do I get when I divide {a} by {b}", "what comes out when I divide {a} by {b}",
     "how often does {b} go into {a}", "how many times does {b} go into {a}"),
    ("how often {b} goes into {a}",), ("divide {a} by {b}", "split {a} by {b}"), ("{a} over {b}", "{a} by {b}"),
)
SIGNS = {
    "plus": (("+", "+", " + ", " + "), _PLUS), "minus": (("-", "-", " - ", " - "), _MINUS),
    "times": (("*", "x", " x ", " * "), _TIMES), "divided by": (("/", "/", " / ", ":"), _DIVIDED),
}
_BIG_FACTOR = 0.25  # of products and divisions have a factor from six to ten
_BARE = 0.15  # of sums with signs are typed as "2+2"
_VERBAL = 0.2  # of sums are asked with words of their own, such as "take away"
_THINGS = ("apple", "egg", "button", "cherry", "book", "pear", "nut", "stone", "coin", "carrot")


def _numbers(rng: Random, sign: str) -> tuple[int, int, int]:
    """Two numbers and the result; small ones come up most often."""
    small = rng.random() < 0.3
    if sign in ("times", "divided by"):
        a, b = rng.randint(1, 5), rng.randint(1, 5)
        if rng.random() < _BIG_FACTOR:
            a, b = rng.sample((rng.randint(6, 10), pick(rng, (1, 2, 2, 3, 10))), 2)
        return (a, b, a * b) if sign == "times" else (a * b, b, a)
    if sign == "plus":
        a = rng.randint(1, 5) if small else rng.randint(0, 10) if rng.random() < 0.9 else rng.randint(11, 20)
        b = rng.randint(1, 5) if small else rng.randint(0, min(10, 20 - a))
        return a, b, a + b
    a = rng.randint(2, 10) if small else rng.randint(1, 20)
    b = rng.randint(1, min(a, 5)) if small else rng.randint(0, min(a, 10))
    return a, b, a - b


def _check(a: int, b: int, right: int) -> Check:
    return Check("number", (str(right),), allow=(str(a), str(b)))


def sums(rng: Random, town: Town) -> list[Turn]:
    """Plus and minus up to twenty, easy products and divisions, in words, digits or signs, sometimes with things."""
    sign = rng.choices(("plus", "minus", "times", "divided by"), (49, 34, 9, 8))[0]
    a, b, right = _numbers(rng, sign)
    if rng.random() < 0.1 and sign in ("plus", "minus") and a and b:
        return [story_sum(rng, town, a, b, sign, right)]
    marks, verbal = SIGNS[sign]
    if rng.random() < _VERBAL:
        one, two = (str(a), str(b)) if rng.random() < 0.6 else (number_word(a), number_word(b))
        question = ask(rng, verbal, a=one, b=two)
    elif rng.random() < 0.5:
        mark = pick(rng, marks)
        bare = f"{a}{mark}{b}"
        question = bare if rng.random() < _BARE else ask(rng, SUM, a=a, b=b, p=mark)
        if question == bare and rng.random() < 0.4:
            question += " =" if " " in mark else "="
    else:
        one, two = (str(a), str(b)) if rng.random() < 0.5 else (number_word(a), number_word(b))
        question = ask(rng, SUM, a=one, b=two, p=f" {sign} ")
    return [Turn(question, f"{a} {sign} {b} is {right}.", _check(a, b, right))]


_MORE = ("{get} {b} more", "{find} {b} more", "{buy} {b} more")
_FEWER = ("{give} away {b}", "{lose} {b}", "{sell} {b}", "{eat} {b}", "{eat} {b} of them")


def story_sum(rng: Random, town: Town, a: int, b: int, sign: str, right: int) -> Turn:
    """Somebody of the town, or the visitor, has some things and gets or loses a few."""
    is_mine = rng.random() < 0.4
    who, thing = "I" if is_mine else pick(rng, town.people).name, pick(rng, _THINGS)
    shown = str if rng.random() < 0.5 else number_word
    verbs = ("get", "find", "buy", "give", "lose", "sell", "eat")
    forms = {verb: verb if is_mine else f"{verb}s" for verb in verbs}
    deed = pick(rng, _MORE if sign == "plus" else _FEWER).format(b=shown(b), **forms)
    things, have_they = plural(thing), "do I have" if is_mine else f"does {who} have"
    owner, have = f"{who} {'have' if is_mine else 'has'}", "You have" if is_mine else f"{who} has"
    if rng.random() < 0.3:  # only numbers
        end = pick(rng, ("How many now?", f"How many {have_they} then?", "How many does that make?", "What does that make?"))
        return Turn(f"{owner} {shown(a)} and {deed}. {end}", f"{a} {sign} {b} is {right}. {have} {right}.", _check(a, b, right))
    left = ("How many are left?", f"How many {things} are left?") if sign == "minus" else ()
    count = f"How many {have_they}?" if is_mine else "How many is that?"  # the exam asks the other way round
    end = pick(rng, (f"How many {things} {have_they} now?", f"How many {things} are there now?", count, *left))
    asked = f"{owner} {shown(a)} {thing if a == 1 else things} and {deed}. {end}"
    return Turn(asked, f"{a} {sign} {b} is {right}. {have} {f'{right} {thing if right == 1 else things}' if right else f'no {things}'}.",
                _check(a, b, right))


_COUNT = Wording(
    wishes=("count to {n}", "count up to {n}", "count from 1 to {n}", "count from one to {n}", "count for me to {n}",
            "say the numbers to {n}", "say the numbers from 1 to {n}", "list the numbers from 1 to {n}"),
    notes=("count to {n}", "counting to {n}", "numbers to {n}", "1 to {n}"),
)
_BACK = Wording(
    wishes=("count back from {n}", "count backwards from {n}", "count down from {n}", "count from {n} to 1", "count down from {n} to 1"),
    notes=("countdown from {n}", "count backwards from {n}"),
)


_FROM = Wording(
    wishes=("count from {m} to {n}", "say the numbers from {m} to {n}", "list the numbers from {m} to {n}", "count up from {m} to {n}"),
    notes=("count from {m} to {n}", "numbers from {m} to {n}", "{m} to {n}"),
)


def count_to(rng: Random, town: Town) -> list[Turn]:
    """Count to a number, or sometimes from another number or back."""
    last = pick(rng, (2, 3, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 10)) if rng.random() < 0.92 else rng.randint(11, 20)
    shown = str(last) if rng.random() < 0.5 else number_word(last)
    numbers = [str(i) for i in range(1, last + 1)]
    wording = _COUNT
    if rng.random() < 0.15 and last <= 10:
        wording, numbers = _BACK, numbers[::-1]
    elif rng.random() < 0.3 and last > 2:
        first = rng.randint(2, last - 1)
        wording, numbers = _FROM, numbers[first - 1 :]
    first_shown = numbers[0] if shown.isdigit() else number_word(int(numbers[0]))
    worded = ", ".join(number_word(int(n)) for n in numbers)
    reply = ", ".join(numbers)
    return [Turn(ask(rng, wording, n=shown, m=first_shown), f"{reply}.", Check("same", (reply, worded)))]


_NEXT = Wording(
    ("what comes {s} {n}", "which number comes {s} {n}", "what number comes {s} {n}", "what number is {s} {n}",
     "which number is right {s} {n}", "what is the number {s} {n}"),
    ("which number comes {s} {n}", "what comes {s} {n}"), ("say the number {s} {n}", "tell me the number {s} {n}"),
    ("number {s} {n}", "the number {s} {n}"),
)
_BIGGER = Wording(
    ("which number is {w}, {a} or {b}", "what is {w}, {a} or {b}", "which is {w}, {a} or {b}", "is {a} or {b} {w}",
     "what is {w}: {a} or {b}", "which one is {w}, {a} or {b}", "{a} or {b}, which is {w}", "which number is {w}: {a} or {b}"),
    ("which number is {w}, {a} or {b}", "what is {w}, {a} or {b}"), ("tell me the {w} number, {a} or {b}",),
    ("{w}: {a} or {b}", "{w} number, {a} or {b}"),
)
IS_BIGGER = Wording(
    ("is {a} {w} than {b}", "is it true that {a} is {w} than {b}"), ("if {a} is {w} than {b}",), (), ("{a} {w} than {b}",),
)
_WORDS = {"bigger": ("bigger", "bigger", "larger", "greater", "more"), "smaller": ("smaller", "smaller", "less", "lower")}


def compare(rng: Random, town: Town) -> list[Turn]:
    """Which of two numbers is bigger or smaller; is it; what comes after or before a number."""
    draw = rng.random()
    shown = str if rng.random() < 0.5 else number_word
    if draw < 0.35:
        n = rng.randint(1, 12) if rng.random() < 0.7 else rng.randint(13, 29)
        side, right = ("after", n + 1) if rng.random() < 0.7 else ("before", n - 1)
        return [Turn(ask(rng, _NEXT, s=side, n=shown(n)), f"{cap(side)} {n} comes {right}.", Check("number", (str(right),), allow=(str(n),)))]
    a, b = rng.sample(range(1, 13) if rng.random() < 0.7 else range(1, 101), 2)
    word = "bigger" if rng.random() < 0.7 else "smaller"
    right, other = (max(a, b), min(a, b)) if word == "bigger" else (min(a, b), max(a, b))
    fact = f"{right} is {word} than {other}."
    if draw < 0.7:
        question = ask(rng, _BIGGER, w=pick(rng, _WORDS[word]) if rng.random() < 0.3 else word, a=shown(a), b=shown(b))
        return [Turn(question, fact, Check("phrase", (f"{right} is {word}",), allow=(str(other),)))]
    question = ask(rng, IS_BIGGER, w=pick(rng, _WORDS[word]) if rng.random() < 0.5 else word, a=shown(a), b=shown(b))
    return [Turn(question, *settled(a == right, fact))]


_DOUBLE = Wording(
    ("what is double {n}", "what is twice {n}", "how much is double {n}", "how much is twice {n}", "what is the double of {n}"),
    ("what double {n} is", "what twice {n} is"), ("double {n}", "double the number {n}"), ("double {n}", "twice {n}", "the double of {n}"),
)
_HALF = Wording(
    ("what is half of {n}", "how much is half of {n}", "what is one half of {n}"),
    ("what half of {n} is", "how much half of {n} is"), ("halve {n}", "halve the number {n}"), ("half of {n}", "half {n}", "one half of {n}"),
)


def double_or_half(rng: Random, town: Town) -> list[Turn]:
    """Twice a number up to ten, and half of an even one up to twenty."""
    shown = str if rng.random() < 0.5 else number_word
    n = rng.randint(1, 10)
    if rng.random() < 0.5:
        return [Turn(ask(rng, _DOUBLE, n=shown(n)), f"Double {n} is {2 * n}.", _check(n, n, 2 * n))]
    return [Turn(ask(rng, _HALF, n=shown(2 * n)), f"Half of {2 * n} is {n}.", _check(2 * n, 2, n))]


_ODD_OR_EVEN = Wording(
    ("is {n} odd or even", "is {n} even or odd", "is {n} an even or an odd number", "is the number {n} odd or even"),
    ("if {n} is odd or even",), (), ("{n}: odd or even", "{n}, even or odd"),
)
_IS_ODD = Wording(
    ("is {n} {k}", "is {n} an {k} number", "is the number {n} {k}", "is it true that {n} is {k}"), ("if {n} is {k}", "if {n} is an {k} number"),
    (), ("{n} is {k}, right",),
)


def odd_or_even(rng: Random, town: Town) -> list[Turn]:
    """Whether a number up to twenty is odd or even."""
    n = rng.randint(1, 10) if rng.random() < 0.8 else rng.randint(11, 20)
    shown = str(n) if rng.random() < 0.5 else number_word(n)
    kind = "odd" if n % 2 else "even"
    if rng.random() < 0.4:
        return [Turn(ask(rng, _ODD_OR_EVEN, n=shown), f"{n} is {kind}.", Check("exact", (f"{n} is {kind}",)))]
    asked = pick(rng, ("odd", "even"))
    return [Turn(ask(rng, _IS_ODD, n=shown, k=asked), *settled(asked == kind, f"{n} is {kind}."))]


_PICK = Wording(
    (), (), ("pick a number", "pick any number", "pick a number (from/between) (1/one) (and/to) (10/ten/20/100)", "choose a number",
             "think of a number", "guess a number", "say a number", "give me a number", "tell me a number", "pick a number for me",
             "choose a number (from/between) 1 (and/to) (10/100)", "guess a number (from/between) 1 (and/to) (10/5)"),
    ("a random number", "random number", "a number from 1 to 10"),
)


def pick_a_number(rng: Random, town: Town) -> list[Turn]:
    """A number that the visitor wishes to hear."""
    return [Turn(ask(rng, _PICK), "I pick 7.", Check("exact", tuple(f"I pick {n}" for n in range(1, 11))))]


# question -> answer, number
_CALENDAR = (
    ("how many days are in a week", "how many days does a week have", "days in a week", "A week has 7 days."),
    ("how many months are in a year", "how many months does a year have", "months in a year", "A year has 12 months."),
    ("how many seasons are in a year", "how many seasons are there", "seasons in a year", "A year has 4 seasons."),
    ("how many hours are in a day", "how many hours does a day have", "hours in a day", "A day has 24 hours."),
    ("how many minutes are in an hour", "how many minutes does an hour have", "minutes in an hour", "An hour has 60 minutes."),
    ("how many days are in a year", "how many days does a year have", "days in a year", "A year has 365 days."),
    ("how many fingers are on a hand", "how many fingers does a hand have", "fingers on a hand", "A hand has 5 fingers."),
    ("how many sides does a triangle have", "how many sides are in a triangle", "sides of a triangle", "A triangle has 3 sides."),
    ("how many sides does a square have", "how many sides are in a square", "sides of a square", "A square has 4 sides."),
    ("how many wheels does a bicycle have", "how many wheels are on a bike", "wheels of a bicycle", "A bicycle has 2 wheels."),
    ("how many wheels does a car have", "how many wheels are on a car", "wheels of a car", "A car has 4 wheels."),
    ("how many legs does a person have", "how many legs do people have", "legs of a person", "A person has 2 legs."),
    ("how many eyes does a person have", "how many eyes do people have", "eyes of a person", "A person has 2 eyes."),
    ("how many letters are in the alphabet", "how many letters does the alphabet have", "letters in the alphabet",
     "The alphabet has 26 letters."),
)


def how_many(rng: Random, town: Town) -> list[Turn]:
    """How many days are in a week, wheels on a car, sides in a triangle."""
    first, second, note, reply = rng.choices(_CALENDAR, (4, 3, 2, *(1,) * (len(_CALENDAR) - 3)))[0]
    number = next(word for word in reply.split() if word.isdigit())
    return [Turn(ask(rng, Wording((first, second), (), (), (note, f"number of {note}"))), reply, Check("number", (number,)))]


def months_days(rng: Random, town: Town) -> list[Turn]:
    """How many days a month has."""
    month, days = pick(rng, tuple(DAYS_IN_MONTH.items()))
    wording = Wording(("how many days are in {m}", "how many days does {m} have", "how long is {m}"), ("how many days {m} has",),
                      (), ("days in {m}",))
    return [Turn(ask(rng, wording, m=month), f"{month} has {days} days.", Check("number", (str(days),)))]
