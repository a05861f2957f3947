"""Phrasings of questions about the facts of the town, for the chats and, separately, for the exam.

Every relation has direct questions, embedded ones ("Can you tell me ...?") and answers for the chats; `exam`
holds
complete questions that no chat can produce (a test proves it). Markup: {s} subject (Mila or she), {p}
possessive
(Mila's or her), {o} object (Mila or her), {v} the value, {k} kind of the pet, {x} a place or feast, {at}
"at" a feast.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ask:
    """The ways to ask for one relation and to answer."""

    direct: tuple[str, ...]  # small first letter, with "?"
    embedded: tuple[str, ...]  # clause: "what {p} job is"
    answers: tuple[str, ...]  # the first one is the usual one
    exam: tuple[str, ...]  # held out


# around a direct question ({q} small, {Q} with a capital), and around an embedded one
DIRECT_FRAMES = (
    "{Q}", "{Q}", "{Q}", "{Q}", "{Q}", "{Q}", "Pip, {q}", "Hello Pip! {Q}", "I have a question. {Q}",
    "Please tell me: {q}", "A question for you: {q}", "{Q} Please tell me.", "{Q} I would like to know.",
    "Now tell me, {q}", "I cannot remember. {Q}",
)
EMBEDDED_FRAMES = (
    "Can you tell me {e}?", "Do you know {e}?", "Tell me {e}.", "Please tell me {e}.", "I want to know {e}.",
    "I would like to know {e}.", "Pip, do you know {e}?", "Can you please tell me {e}?", "Say {e}, please.",
)

PERSON = {
    "job": Ask(
        ("what does {s} do?", "what is {p} job?", "what is the job of {o}?", "what job does {s} have?",
         "what work does {s} do?", "what does {s} do all day?", "what does {s} work as?",
         "what does {s} do for a living?"),
        ("what {s} does", "what {p} job is", "what work {s} does"),
        ("{s} is {the_job}.", "{s} is {the_job}.", "{s} is {the_job}.", "{s} is {the_job} of Plumwick."),
        ("Could you tell me what job {s} has?", "I forgot: what is {p} work?",
         "Do you remember what {s} does?",
         "What kind of work does {s} do?", "Could you say what the job of {o} is?"),
    ),
    "age": Ask(
        ("how old is {s}?", "what is {p} age?", "what is the age of {o}?", "how many years old is {s}?",
         "how old is {s} now?", "how old is {s} today?"),
        ("how old {s} is", "what {p} age is", "the age of {o}"),
        ("{s} is {v} years old.", "{s} is {v} years old.", "{s} is {v}."),
        ("Could you tell me how old {s} is?", "I forgot: how old is {s}?", "Do you remember the age of {o}?",
         "How old is {s} this year?", "Could you say how many years old {s} is?"),
    ),
    "street": Ask(
        ("where does {s} live?", "on which street does {s} live?", "where is {p} home?",
         "where is {p} house?",
         "what street does {s} live on?", "in which street is {p} house?"),
        ("where {s} lives", "on which street {s} lives", "where {p} house is"),
        ("{s} lives on {v}.", "{s} lives on {v}.", "{p} house is on {v}."),
        ("Could you tell me where {s} lives?", "I forgot: on which street is {p} home?",
         "Do you remember on which street {s} lives?", "Where can I find {p} house?",
         "Which street does {s} live on?"),
    ),
    "friend": Ask(
        ("who is {p} best friend?", "who is the best friend of {o}?", "what is the name of {p} best friend?",
         "who is {p} friend?", "what is {p} best friend called?", "which friend does {s} like best?"),
        ("who {p} best friend is", "the name of {p} best friend", "who is the best friend of {o}"),
        ("{p} best friend is {v}.", "{p} best friend is {v}.", "{v} is {p} best friend."),
        ("Could you tell me who {p} best friend is?", "I forgot: who is {p} best friend?",
         "Do you remember the name of {p} best friend?", "Which person is {p} best friend?",
         "Could you say who the best friend of {o} is?"),
    ),
    "pet": Ask(
        ("what pet does {s} have?", "what animal does {s} have?", "what is {p} pet?",
         "which pet does {s} have?",
         "what kind of pet does {s} have?", "which animal lives with {o}?"),
        ("what pet {s} has", "what {p} pet is", "which animal {s} has"),
        ("{s} has {v}.", "{s} has {v}.", "{p} pet is {v}."),
        ("Could you tell me what pet {s} has?", "I forgot: what animal does {s} have?",
         "Do you remember which pet {s} has?", "What kind of animal does {s} have?",
         "What pet lives with {o}?"),
    ),
    "pet name": Ask(
        ("what is {p} {k} called?", "what is the name of {p} {k}?", "what is {p} pet called?",
         "what name does {p} {k} have?", "what is the name of {p} pet?"),
        ("what {p} {k} is called", "the name of {p} {k}", "what {p} pet is called"),
        ("{p} {k} is called {v}.", "{p} {k} is called {v}.", "The name of {p} {k} is {v}."),
        ("Could you tell me what {p} {k} is called?", "I forgot: what is the name of {p} {k}?",
         "Do you remember what {p} {k} is called?", "Which name does {p} {k} have?",
         "Could you say the name of {p} {k}?"),
    ),
    "food": Ask(
        ("what is {p} favourite food?", "what does {s} like to eat?", "what does {s} love to eat?",
         "which food does {s} like best?", "what food does {s} love?", "what does {s} like to eat best?",
         "what would {s} choose to eat?", "what would {s} like to have for lunch?"),
        ("what {p} favourite food is", "what {s} likes to eat", "which food {s} likes best"),
        ("{p} favourite food is {v}.", "{p} favourite food is {v}.", "{s} loves {v}.",
         "{s} loves to eat {v}."),
        ("Could you tell me what {p} favourite food is?", "I forgot: what does {s} like to eat?",
         "Do you remember which food {s} likes best?", "Which food does {s} love most?",
         "What would {s} like to eat every day?"),
    ),
    "colour": Ask(
        ("what is {p} favourite colour?", "which colour does {s} like best?", "what colour does {s} like?",
         "which colour does {s} love?", "what is the favourite colour of {o}?",
         "what colour does {s} like best?", "which colour does {s} like more than all others?"),
        ("what {p} favourite colour is", "which colour {s} likes best", "the favourite colour of {o}"),
        ("{p} favourite colour is {v}.", "{p} favourite colour is {v}.", "{s} likes {v} best."),
        ("Could you tell me which colour {s} likes best?", "I forgot: which colour does {s} love most?",
         "Do you remember what {p} favourite colour is?", "Which of all colours does {s} like best?",
         "Could you say what colour {s} likes?"),
    ),
    "hobby": Ask(
        ("what is {p} hobby?", "what does {s} like to do?", "what does {s} do in {p2} free time?",
         "what does {s} love to do?", "what is the hobby of {o}?", "what hobby does {s} have?",
         "what does {s} do for fun?", "what does {s} like to do on a day off?", "what does {s} like to do after work?"),
        ("what {p} hobby is", "what {s} likes to do", "which hobby {s} has"),
        ("{s} likes {v}.", "{s} likes {v}.", "{p} hobby is {v}."),
        ("Could you tell me what {p} hobby is?", "I forgot: what does {s} like to do in {p2} free time?",
         "Do you remember what {s} likes to do?", "Which hobby does {s} have?",
         "What does {s} like to do on a free day?"),
    ),
    "birthday": Ask(
        ("when is {p} birthday?", "in which month is {p} birthday?", "when does {s} have a birthday?",
         "which month is {p} birthday in?", "what is the month of {p} birthday?",
         "in which month was {s} born?"),
        ("when {p} birthday is", "in which month {p} birthday is", "the month of {p} birthday"),
        ("{p} birthday is in {v}.", "{p} birthday is in {v}.", "{s} has a birthday in {v}."),
        ("Could you tell me when {p} birthday is?", "I forgot: in which month is {p} birthday?",
         "Do you remember the month of {p} birthday?", "In which month does {s} have a birthday?",
         "When was {s} born?"),
    ),
    "mother": Ask(
        ("who is {p} mother?", "who is the mother of {o}?", "what is the name of {p} mother?",
         "what is {p} mother called?", "who is {p} mum?"),
        ("who {p} mother is", "the name of {p} mother", "who is the mother of {o}"),
        ("{p} mother is {v}.", "{p} mother is {v}.", "{v} is {p} mother."),
        ("Could you tell me who {p} mother is?", "I forgot: who is {p} mother?",
         "Do you remember the name of {p} mother?", "Which woman is {p} mother?",
         "What name does {p} mother have?"),
    ),
    "father": Ask(
        ("who is {p} father?", "who is the father of {o}?", "what is the name of {p} father?",
         "what is {p} father called?", "who is {p} dad?"),
        ("who {p} father is", "the name of {p} father", "who is the father of {o}"),
        ("{p} father is {v}.", "{p} father is {v}.", "{v} is {p} father."),
        ("Could you tell me who {p} father is?", "I forgot: who is {p} father?",
         "Do you remember the name of {p} father?", "Which man is {p} father?",
         "What name does {p} father have?"),
    ),
    "family name": Ask(
        ("what is {p} family name?", "what is {p} last name?", "what is the last name of {o}?"),
        ("what {p} last name is", "the family name of {o}", "what {p} family name is"),
        ("{p} family name is {v}.", "{p} last name is {v}."), (),
    ),
    "spouse": Ask(
        ("who is {s} married to?", "who is {p} {wife}?", "what is the name of {p} {wife}?"),
        ("who {p} {wife} is", "who {s} is married to", "the name of {p} {wife}"),
        ("{s} is married to {v}.", "{p} {wife} is {v}."), (),
    ),
    "fear": Ask(
        ("what is {s} afraid of?", "what scares {o}?", "what does {s} fear?"),
        ("what {s} is afraid of", "what scares {o}", "what {s} fears"),
        ("{s} is afraid of {v}.",), (),
    ),
    "wish": Ask(
        ("what is {p} biggest wish?", "what does {s} wish for?", "what does {s} want most of all?"),
        ("what {p} biggest wish is", "what {s} wishes for", "what {s} wants most of all"),
        ("{p} biggest wish is {v}.",), (),
    ),
    "instrument": Ask(
        ("what instrument does {s} play?", "which instrument does {s} play?", "what is {p} instrument?"),
        ("what instrument {s} plays", "which instrument {s} plays", "what {p} instrument is"),
        ("{s} plays {v}.",), (),
    ),
}

PLACE = {
    "where": Ask(
        ("where is {x}?", "where can I find {x}?", "how do I find {x}?", "in which part of town is {x}?"),
        ("where {x} is", "where I can find {x}", "how to find {x}"),
        ("{X} is {v}.", "{X} is {v}.", "You can find {x} {v}."),
        ("Could you tell me where {x} is?", "I forgot: where is {x}?", "Do you remember where {x} is?",
         "Where in the town is {x}?"),
    ),
    "known for": Ask(
        ("what is {x} known for?", "what is special about {x}?", "why do people like {x}?",
         "what is {x} famous for?"),
        ("what {x} is known for", "what is special about {x}", "why people know {x}"),
        ("{X} is known for {v}.", "{X} is known for {v}.", "{X} has {v}."),
        ("Could you tell me what {x} is known for?", "I forgot: what is special about {x}?",
         "Do you remember what {x} is known for?", "For what do people know {x}?"),
    ),
    "keeper": Ask(
        ("who looks after {x}?", "who takes care of {x}?", "who is in charge of {x}?",
         "who keeps {x} in order?"),
        ("who looks after {x}", "who takes care of {x}", "who is in charge of {x}"),
        ("{v} looks after {x}.", "{v} looks after {x}.", "{v} takes care of {x}."),
        ("Could you tell me who looks after {x}?", "I forgot: who takes care of {x}?",
         "Do you remember who looks after {x}?", "Which person looks after {x}?"),
    ),
    "opens": Ask(
        ("when does {x} open?", "when is {x} open?", "at what time does {x} open?"),
        ("when {x} opens", "when {x} is open"),
        ("{X} opens {v}.",), (),
    ),
}

FEAST = {
    "month": Ask(
        ("when is {x}?", "in which month is {x}?", "which month is {x} in?", "what is the month of {x}?"),
        ("when {x} is", "in which month {x} is", "the month of {x}"),
        ("{X} is in {v}.", "{X} is in {v}.", "We have {x} in {v}."),
        ("Could you tell me when {x} is?", "I forgot: in which month is {x}?",
         "Do you remember the month of {x}?",
         "In which month of the year is {x}?"),
    ),
    "food": Ask(
        ("what do people eat {at}?", "what is eaten {at}?", "what can I eat {at}?",
         "which food is there {at}?"),
        ("what people eat {at}", "what is eaten {at}"),
        ("{At}, people eat {v}.",), (),
    ),
    "place": Ask(
        ("where is {x} held?", "at which place is {x}?", "where do people meet {at}?"),
        ("where {x} is held", "where people meet {at}"),
        ("{X} is held at {v}.",), (),
    ),
    "happens": Ask(
        ("what happens {at}?", "what do people do {at}?", "what can I see {at}?"),
        ("what happens {at}", "what people do {at}"),
        ("{At}, {v}.",), (),
    ),
}

# what nobody knows about anybody: clause, direct questions, exam questions
NEVER = {
    "shoe size": ("what {p} shoe size is", ("what is {p} shoe size?", "how big are {p} shoes?"),
                  ("Could you tell me {p} shoe size?", "I forgot: what is {p} shoe size?")),
    "middle name": ("what {p} middle name is", ("what is {p} middle name?",
                                                "what middle name does {s} have?"),
                    ("Could you tell me {p} middle name?", "Do you remember the middle name of {o}?")),
    "favourite number": ("what {p} favourite number is", ("what is {p} favourite number?",
                         "which number does {s} like best?"),
                         ("Could you tell me which number {s} likes best?",
                          "I forgot: what is {p} favourite number?")),
    "last dream": ("what {s} dreamed last night", ("what did {s} dream last night?",
                                                  "what was {p} last dream?"),
                   ("Could you tell me what {s} dreamed last night?", "Do you remember {p} last dream?")),
    "phone number": ("what {p} phone number is", ("what is {p} phone number?",
                                                  "what is the phone number of {o}?"),
                     ("Could you tell me {p} phone number?", "Do you remember the phone number of {o}?")),
    "height": ("how tall {s} is", ("how tall is {s}?", "how big is {s}?"),
               ("Could you tell me how tall {s} is?", "I forgot: how tall is {s}?")),
    "weight": ("how heavy {s} is", ("how heavy is {s}?",),
               ("Could you tell me how heavy {s} is?", "Do you remember how heavy {s} is?")),
    "secret": ("what {p} secret is", ("what is {p} secret?", "what is the secret of {o}?"),
               ("Could you tell me {p} secret?", "What secret does {s} have?")),
    "first word": ("what {p} first word was", ("what was {p} first word?", "what was the first word of {o}?"),
                   ("Could you tell me {p} first word?", "Which word did {s} say first?")),
    "favourite song": ("what {p} favourite song is", ("what is {p} favourite song?",
                                                      "which song does {s} like best?"),
                       ("Could you tell me which song {s} likes best?",
                        "I forgot: what is {p} favourite song?")),
    "eye colour": ("what colour {p} eyes are", ("what colour are {p} eyes?",
                                                "what is the colour of {p} eyes?"),
                   ("Could you tell me what colour {p} eyes are?", "I forgot: what colour are {p} eyes?")),
    "bed time": ("when {s} goes to bed", ("when does {s} go to bed?", "when does {s} go to sleep?"),
                 ("Could you tell me when {s} goes to bed?", "I forgot: when does {s} go to sleep?")),
    "door key": ("where {s} hides the key", ("where does {s} hide the key?", "where is {p} key?"),
                 ("Could you tell me where {s} hides the key?", "Where can I find {p} key?")),
    "breakfast today": ("what {s} ate for breakfast today", ("what did {s} eat for breakfast today?",
                        "what was {p} breakfast today?"),
                        ("Could you tell me what {s} ate for breakfast today?",
                         "What did {s} eat this morning?")),
    "teeth": ("how many teeth {s} has", ("how many teeth does {s} have?",),
              ("Could you tell me how many teeth {s} has?", "Do you remember how many teeth {s} has?")),
    "money": ("how much money {s} has", ("how much money does {s} have?", "how much money is in {p} pocket?"),
              ("Could you tell me how much money {s} has?",)),
    "favourite book": ("what {p} favourite book is", ("what is {p} favourite book?",
                                                      "which book does {s} like best?"),
                       ()),
    "favourite game": ("what {p} favourite game is", ("what is {p} favourite game?",
                                                      "which game does {s} like best?"),
                       ()),
    "favourite day": ("what {p} favourite day is", ("what is {p} favourite day?",
                                                    "which day does {s} like best?"), ()),
    "favourite flower": ("what {p} favourite flower is", ("what is {p} favourite flower?",
                         "which flower does {s} like best?"), ()),
    "doing now": ("what {s} is doing now", ("what is {s} doing now?", "what does {s} do right now?"), ()),
    "hair": ("what colour {p} hair is", ("what colour is {p} hair?", "what is the colour of {p} hair?"), ()),
    "yesterday": ("what {s} did yesterday", ("what did {s} do yesterday?", "what was {s} doing yesterday?"),
                  ()),
    "bed": ("what colour {p} bed is", ("what colour is {p} bed?", "what is the colour of {p} bed?"), ()),
    "coat": ("what colour {p} coat is", ("what colour is {p} coat?", "what is the colour of {p} coat?"), ()),
    "thought": ("what {s} is thinking", ("what is {s} thinking?", "what does {s} think now?"), ()),
    "books": ("how many books {s} has", ("how many books does {s} have?", "how many books are in {p} house?"),
              ()),
    "teacher": ("who {p} first teacher was", ("who was {p} first teacher?",), ()),
    "uncle": ("who {p} uncle is", ("who is {p} uncle?", "what is the name of {p} uncle?"), ()),
    # exam only
    "hat": ("", (), ("How many hats does {s} have?", "Could you tell me how many hats {s} has?")),
    "favourite tree": ("", (), ("What is {p} favourite tree?", "Which tree does {s} like best?")),
    "favourite toy": ("", (), ("What is {p} favourite toy?", "Which toy does {s} like best?")),
}
