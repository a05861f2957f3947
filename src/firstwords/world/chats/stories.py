"""Chats about stories: tell one (about somebody, with a word, a mood, a length), continue one, answer questions on
one."""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import a_an, pick
from firstwords.world.stories.telling import FEATURE_WORDS, split_story, story
from firstwords.world.town.plumwick import Town

_ASKS = ("Tell me {s}.", "Please tell me {s}.", "Write {s}.", "I want to hear {s}.", "Can you tell me {s}?",
         "I would like {s}.", "Pip, tell me {s}.",
         "Can you write {s}?", "Make up {s}.", "Do you know {s}?", "Please write {s}.", "Let me hear {s}.")
_WITH_WORD = ("{story} with the word {w}", "{story} about {a}", "{story} with {a} in it",
              '{story} with the word "{w}" in it', "{story} in which there is {a}")
_NO_ARTICLE = """
snow rain wind fog thunder ice grass gold mud milk water tea bread cheese honey butter soup jam sugar music
hay wood paper paint wool flour garlic oil salt juice mustard parsley pepper cinnamon vinegar straw hair
moon sea sleep spring winter summer autumn top out geese mother fire black blue bright brown cold foggy
golden green grey hot mild orange pink purple rainy red snowy sunny warm wet white windy yellow
"""
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


def tell_story(rng: Random, town: Town) -> list[Turn]:
    """A story by wish."""
    length = "long" if rng.random() < 0.15 else "short"
    size = length if length == "long" else pick(rng, ("short", "short", "little", ""))
    mood = pick(rng, tuple(_MOOD_WORDS)) if rng.random() < 0.35 else None
    adjectives = " ".join(w for w in (size, _MOOD_WORDS[mood] if mood else "") if w)
    wish = a_an(f"{adjectives} story") if adjectives else "a story"
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
    return [Turn(pick(rng, _ASKS).format(s=wanted), told.text, check)]


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
