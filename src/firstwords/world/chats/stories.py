"""Chats about stories: tell one (about somebody, with a word, a mood, a length), continue one, answer questions on
one."""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.chats.unknown import STRANGERS
from firstwords.world.phrases import a_an, pick, plural
from firstwords.world.stories.simple import Hero, heroes, simple_story
from firstwords.world.stories.telling import FEATURE_WORDS, split_story, story
from firstwords.world.town.names import made_up_name
from firstwords.world.town.plumwick import Town

# {s} is the story that is asked for: "a story about a dog"
_ASKS = (
    (10, "Tell me {s}."), (3, "Please tell me {s}."), (3, "Can you tell me {s}?"), (4, "Write {s}."),
    (3, "Write me {s}."), (2, "I want to hear {s}."), (2, "I would like {s}."), (1.5, "Pip, tell me {s}."),
    (2, "Can you write {s}?"), (1.5, "Make up {s}."), (1.5, "Do you know {s}?"), (1, "Please write {s}."),
    (1, "Let me hear {s}."), (2, "I want {s}."), (1.5, "Give me {s}."), (1, "Tell us {s}."), (1, "Can I have {s}?"),
    (1, "Can I hear {s}?"), (0.7, "How about {s}?"), (0.7, "Read me {s}."), (0.7, "Now tell me {s}."),
    (0.7, "Will you tell me {s}?"), (0.7, "Would you tell me {s}?"), (0.6, "I need {s}."),
    (0.6, "Can you make up {s}?"), (0.6, "Do you have {s} for me?"), (0.6, "Hi Pip, tell me {s}."),
    (0.6, "Could you write {s}?"), (0.5, "Hello! Can you tell me {s}?"), (0.5, "May I hear {s}?"),
    (0.5, "Invent {s}."),
)  # fmt: skip
# the same without a verb: {s} has no article here
_BARE = (
    (6, "{s}"), (3, "{s} please"), (2, "A {s}"), (1.5, "a {s} please"), (1, "Just a {s}."), (0.7, "Pip, a {s}!"),
)  # fmt: skip
_ABOUT = ((10, "about {a}"), (2, "about {the}"), (1.5, "about {many}"), (1.5, "with {a} in it"), (1, "of {a}"),
          (1, "where {a} is the hero"), (0.8, "in which there is {a}"),
          (1.5, "with the word {w} in it"), (0.7, 'with the word "{w}"'))  # fmt: skip
_ABOUT_NAME = ((8, "about {a}"), (1, "with {a} in it"))
_MOOD_NAMES = {
    "happy": ("happy", "happy", "nice", "good", "cheerful"), "sad": ("sad", "sad", "sad"),
    "funny": ("funny", "funny", "silly"), "spooky": ("spooky", "scary", "scary", "ghost"),
    "bedtime": ("bedtime", "good night"),
}  # fmt: skip
_SIZES = {False: ("short", "short", "little", "small", "very short"), True: ("long", "long", "longer")}
# what a hero may be called or be like in a wish
_NAMES = ("Rex", "Bobby", "Charlie", "Ruby", "Rosie", "Buddy", "Coco", "Rocky", "Fifi", "Luna", "Milo", "Nemo")
_CALLED = ("called", "called", "named", "named", "with the name", "whose name is")
_WISHED = ("little", "small", "big", "brave", "red", "blue", "green", "white", "black", "happy", "sad", "lonely",
           "funny", "fat", "clever", "friendly", "lazy", "magic", "tiny", "hungry")  # fmt: skip
_SIMPLE_SHARE = 0.85  # of the wishes are answered with a simple story, the others with a richer one
_MORE_SHARE = 0.07  # of the simple stories are followed by a wish for one more
_MORE = ("Another one.", "Another one please", "One more, please.", "Tell me another one.", "Tell me another story.",
         "more", "Another story!", "Again, please.", "Can I have one more?")  # fmt: skip
_MORE_ABOUT = ("And one about {a}?", "Now one about {a}.", "Another one about {a}, please.", "and now {a}",
               "Tell me one about {a} too.", "One more, about {a}.")  # fmt: skip
_FROM_TOWN = ("from Plumwick", "from Plumwick", "from your town", "of Plumwick")  # asks for one of the richer stories
_WITH_WORD = ("{story} with the word {w}", "{story} about {a}", "{story} with {a} in it",
              '{story} with the word "{w}" in it', "{story} in which there is {a}")
_NO_ARTICLE = """
snow rain wind fog thunder ice grass gold mud milk water tea bread cheese honey butter soup jam sugar music
hay wood paper paint wool flour garlic oil salt juice mustard parsley pepper cinnamon vinegar straw hair
moon sea sleep spring winter summer autumn top out geese mother fire black blue bright brown cold foggy
golden green grey hot mild orange pink purple rainy red snowy sunny warm wet white windy yellow
"""
_COMMON = 24  # the first of the heroes are the animals that most people ask for
_MASS = frozenset(_NO_ARTICLE.split())
_MOOD_WORDS = {"happy": "happy", "sad": "sad", "funny": "funny", "spooky-but-kind": "spooky"}


@lru_cache(maxsize=1)
def story_words() -> tuple[str, ...]:
    """Words that one may ask for; all of them are ones the stories can hold."""
    return tuple(w for w in FEATURE_WORDS if w.isalpha() and len(w) > 2)


def _shape(word: str, wish: str, rng: Random) -> str:
    if word in _MASS or word.endswith("s"):
        shown = word if rng.random() < 0.5 else f'"{word}"'
        return f"{wish} with the word {shown} in it"
    return pick(rng, _WITH_WORD).format(story=wish, w=word, a=a_an(word))


def _weighted(rng: Random, rows: tuple[tuple[float, str], ...]) -> str:
    return rng.choices([text for _, text in rows], [weight for weight, _ in rows])[0]


def _some_hero(rng: Random, town: Town) -> Hero:
    """A common animal half of the time, else any noun, a topic or somebody of the town."""
    draw = rng.random()
    if draw < 0.16:
        person = pick(rng, town.people)
        return Hero(person.name, "name", person.he)
    if draw < 0.21:
        return Hero(pick(rng, STRANGERS), "name", pick(rng, ("he", "she")))
    if draw < 0.5:
        return pick(rng, heroes()[:_COMMON])
    return pick(rng, heroes())


def _wish(rng: Random, description: str, about: str) -> str:
    """How one asks for a story: `description` is "sad story", `about` "about a dog" or nothing."""
    story_of = f"{description} {about}".strip()
    if rng.random() < 0.78:
        wish = f"another {story_of}" if not about and rng.random() < 0.07 else f"a {story_of}"
        text = _weighted(rng, _ASKS).format(s=wish)
        return text.rstrip(".?") if rng.random() < 0.12 else text
    text = _weighted(rng, _BARE).format(s=story_of)
    return text[0].upper() + text[1:] if rng.random() < 0.5 else text


def _simple(rng: Random, town: Town) -> Turn:
    mood = pick(rng, tuple(_MOOD_NAMES)) if rng.random() < 0.3 else None
    is_long = mood is None and rng.random() < 0.2
    words = [pick(rng, _SIZES[is_long])] if is_long or rng.random() < 0.3 else []
    words = [*(words if rng.random() < 0.5 else []), pick(rng, _MOOD_NAMES[mood])] if mood else words
    description = " ".join([*words, pick(rng, ("story",) * 9 + ("tale",))])
    if rng.random() < 0.22:  # a story of any kind
        told = simple_story(rng, pick(rng, heroes()[:_COMMON]), mood=mood, is_long=is_long)
        return Turn(_wish(rng, description, ""), _in_mood(told.text, mood and words[-1]), Check("story", (), least=30))
    hero, name, adjective, other = _some_hero(rng, town), "", "", ""
    about, draw, is_named = "", rng.random(), hero.kind in ("name", "topic", "unique")
    if is_named:
        about = _weighted(rng, _ABOUT_NAME).format(a=hero.a)
    elif draw < 0.13:
        name = _name(rng)
        about = f"about {a_an(hero.word)} {pick(rng, _CALLED)} {name}"
    elif draw < 0.23:
        adjective = pick(rng, _WISHED)
        about = f"about {a_an(f'{adjective} {hero.word}')}"
    elif draw < 0.32 and hero.kind in ("animal", "person"):
        other = pick(rng, [h.word for h in heroes()[:_COMMON] if h.kind == "animal" and h != hero])
        about = f"about {hero.a} and {a_an(other)}"
    else:
        about = _weighted(rng, _ABOUT).format(a=hero.a, the=hero.the, many=plural(hero.word), w=hero.word)
    told = simple_story(rng, hero, mood=mood, is_long=is_long, name=name, adjective=adjective, other=other)
    accept = tuple(w for w in (hero.word, name, other) if w)
    return Turn(_wish(rng, description, about), _in_mood(told.text, mood and words[-1]), Check("story", accept, least=30))


def _in_mood(text: str, mood: str | None) -> str:
    """The story after a sentence that says the mood that was asked for: a small model then keeps to what it has said."""
    return f"Here is {a_an(mood)} story. {text}" if mood else text


def _name(rng: Random) -> str:
    """A name that a visitor gives a hero: a usual one, or one that has to be copied."""
    return made_up_name(rng) if rng.random() < 0.6 else pick(rng, _NAMES)


def _one_more(rng: Random) -> Turn:
    """Another story after the first, about anything or about a noun."""
    hero = pick(rng, heroes())
    told = simple_story(rng, hero)
    if rng.random() < 0.5:
        return Turn(pick(rng, _MORE), told.text, Check("story", (), least=30))
    return Turn(pick(rng, _MORE_ABOUT).format(a=hero.a), told.text, Check("story", (hero.word,), least=30))


def tell_story(rng: Random, town: Town) -> list[Turn]:
    """A story by wish: most are simple, about any everyday noun, a few are the richer ones about the town."""
    if rng.random() >= _SIMPLE_SHARE:
        return [_rich(rng, town)]
    turns = [_simple(rng, town)]
    return [*turns, _one_more(rng)] if rng.random() < _MORE_SHARE else turns


def _rich(rng: Random, town: Town) -> Turn:
    length = "long" if rng.random() < 0.15 else "short"
    size = length if length == "long" else pick(rng, ("short", "short", "little", ""))
    mood = pick(rng, tuple(_MOOD_WORDS)) if rng.random() < 0.35 else None
    adjectives = " ".join(w for w in (size, _MOOD_WORDS[mood] if mood else "") if w)
    wish = f"{a_an(f'{adjectives} story') if adjectives else 'a story'} {pick(rng, _FROM_TOWN)}"
    draw = rng.random()
    check = Check("words", (), least=20)
    told, wanted = None, ""
    if draw < 0.35:
        word = pick(rng, story_words())
        told = _try(rng, town, word=word, mood=mood, length=length)
        wanted, check = _shape(word, wish, rng), Check("words", (word,), least=20)
    elif draw < 0.7:
        hero = pick(rng, town.people).name
        told = _try(rng, town, hero=hero, mood=mood, length=length)
        wanted, check = f"{wish} about {hero}", Check("words", (hero,), least=20)
    if told is None:
        told, wanted, check = story(rng, town, mood=mood, length=length), wish, Check("words", (), least=20)
    return Turn(_weighted(rng, _ASKS).format(s=wanted), told.text, check)


def _try(rng: Random, town: Town, **wishes: str | None):
    try:
        return story(rng, town, **wishes)
    except KeyError:
        return None


_CONTINUE = ('Continue this story: "{b}"', "Go on with this story: {b}", "How does this story go on? {b}",
             "{b}\n\nWhat happens next?", "Finish this story: {b}",
             "Here is the beginning of a story. Please continue. {b}", "Tell me the end of this story: {b}",
             "{b}\n\nPlease continue.", "What comes next? {b}")


def continue_story(rng: Random, town: Town) -> list[Turn]:
    """The second half of a story."""
    begin, end = split_story(story(rng, town, length="short"))
    return [Turn(pick(rng, _CONTINUE).format(b=begin), end, Check("words", (), least=5))]


_READ = ("{t}\n\n{q}", 'Read this story: "{t}" {q}', "Here is a story: {t} {q}", "{t} {q}", "{q}\n\n{t}",
         "Listen to this: {t} Now tell me: {q}",
         "Story: {t}\nQuestion: {q}", "I read a story. {t} {q}")
_SHORT = ('Summarise this story: "{t}"', "Say this story in one sentence: {t}",
          "{t}\n\nWhat happens in this story, in short?", "Tell me in one sentence what happens: {t}",
          "What is this story about? {t}", "Make this story short: {t}")
_TITLES = ('Give this story a title: "{t}"', "What is a good title for this story? {t}",
           "{t}\n\nFind a title for it.")


def story_question(rng: Random, town: Town) -> list[Turn]:
    """A story to read, with a question, a wish for one sentence or for a title."""
    told = story(rng, town, length="short")
    draw = rng.random()
    if draw < 0.15:
        return [Turn(pick(rng, _TITLES).format(t=told.text), told.title)]
    if draw < 0.4 or not told.questions:
        return [Turn(pick(rng, _SHORT).format(t=told.text), told.summary, Check("words", (), least=4))]
    question, reply = pick(rng, told.questions)
    return [Turn(pick(rng, _READ).format(t=told.text, q=question), reply, Check("phrase", (reply,)))]
