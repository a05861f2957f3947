"""A child's knowledge of the real world. Plain tables; every entry is true."""

from typing import NamedTuple

from firstwords.world.town.french import FRENCH as FRENCH
from firstwords.world.town.french import FRENCH_NOUNS as FRENCH_NOUNS
from firstwords.world.town.french import FRENCH_WORDS as FRENCH_WORDS

COLOURS = (
    "red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "black", "white", "grey", "gold", "silver",
)

# thing -> its usual colour
COLOUR_OF = {
    "grass": "green", "snow": "white", "the sky on a sunny day": "blue", "a ripe tomato": "red", "coal": "black",
    "a lemon": "yellow", "a banana": "yellow", "milk": "white", "chocolate": "brown", "a carrot": "orange",
    "a pumpkin": "orange", "an elephant": "grey", "a frog": "green", "a polar bear": "white", "a raven": "black",
    "blood": "red", "a leaf in summer": "green", "salt": "white", "a strawberry": "red", "a plum": "purple",
    "a flamingo": "pink", "a pig": "pink", "the sun in a picture book": "yellow", "wood": "brown",
    "a cucumber": "green", "a fire engine": "red", "the night": "black", "a cherry": "red", "a swan": "white",
    "a rain cloud": "grey", "an orange": "orange", "a pea": "green", "a blueberry": "blue", "a brown bear": "brown",
    "a chick": "yellow",
}

OPPOSITES = {
    "big": "small", "hot": "cold", "up": "down", "day": "night", "old": "young", "fast": "slow", "happy": "sad",
    "open": "closed", "full": "empty", "light": "heavy", "loud": "quiet", "long": "short", "wet": "dry", "hard": "soft",
    "early": "late", "near": "far", "left": "right", "in": "out", "clean": "dirty", "rich": "poor", "strong": "weak",
    "thick": "thin", "wide": "narrow", "high": "low", "first": "last", "good": "bad", "yes": "no", "black": "white",
    "sweet": "sour", "brave": "afraid", "begin": "end", "laugh": "cry", "push": "pull", "win": "lose", "give": "take",
    "before": "after", "always": "never", "deep": "shallow", "sharp": "blunt", "front": "back", "inside": "outside",
    "question": "answer", "summer": "winter", "true": "false", "remember": "forget", "find": "lose", "buy": "sell",
    "top": "bottom", "asleep": "awake", "same": "different", "polite": "rude", "over": "under", "more": "less",
    "many": "few", "arrive": "leave", "love": "hate",
}


class Animal(NamedTuple):
    """One animal: its sound ("" if a child knows none), where it lives, its young, its legs, its food."""

    name: str
    sound: str
    home: str
    young: str
    legs: int
    food: str
    group: str  # mammal, bird, fish, insect, reptile, amphibian, spider, snail


ANIMALS = (
    Animal("cat", "meow", "house", "kitten", 4, "fish and mice", "mammal"),
    Animal("dog", "woof", "kennel", "puppy", 4, "meat and bones", "mammal"),
    Animal("cow", "moo", "barn", "calf", 4, "grass", "mammal"),
    Animal("horse", "neigh", "stable", "foal", 4, "hay", "mammal"),
    Animal("pig", "oink", "sty", "piglet", 4, "almost everything", "mammal"),
    Animal("sheep", "baa", "meadow", "lamb", 4, "grass", "mammal"),
    Animal("goat", "maa", "barn", "kid", 4, "leaves and grass", "mammal"),
    Animal("donkey", "hee-haw", "stable", "foal", 4, "hay", "mammal"),
    Animal("mouse", "squeak", "hole", "pup", 4, "grain and cheese", "mammal"),
    Animal("lion", "roar", "grassland", "cub", 4, "meat", "mammal"),
    Animal("tiger", "roar", "jungle", "cub", 4, "meat", "mammal"),
    Animal("bear", "growl", "cave", "cub", 4, "berries and fish", "mammal"),
    Animal("wolf", "howl", "forest", "pup", 4, "meat", "mammal"),
    Animal("fox", "", "den", "cub", 4, "mice and berries", "mammal"),
    Animal("rabbit", "", "burrow", "kit", 4, "grass and carrots", "mammal"),
    Animal("elephant", "", "grassland", "calf", 4, "leaves and grass", "mammal"),
    Animal("monkey", "", "jungle", "baby monkey", 4, "fruit", "mammal"),
    Animal("kangaroo", "", "bush", "joey", 4, "grass", "mammal"),
    Animal("whale", "", "sea", "calf", 0, "tiny sea animals", "mammal"),
    Animal("bat", "", "cave", "pup", 2, "insects", "mammal"),
    Animal("hedgehog", "", "garden", "baby hedgehog", 4, "worms and beetles", "mammal"),
    Animal("duck", "quack", "pond", "duckling", 2, "plants and worms", "bird"),
    Animal("goose", "honk", "pond", "gosling", 2, "grass", "bird"),
    Animal("hen", "cluck", "hen house", "chick", 2, "grain and worms", "bird"),
    Animal("owl", "hoot", "hollow tree", "owlet", 2, "mice", "bird"),
    Animal("crow", "caw", "nest", "chick", 2, "almost everything", "bird"),
    Animal("sparrow", "chirp", "nest", "chick", 2, "seeds", "bird"),
    Animal("penguin", "", "ice", "chick", 2, "fish", "bird"),
    Animal("swan", "", "lake", "cygnet", 2, "water plants", "bird"),
    Animal("shark", "", "sea", "pup", 0, "fish", "fish"),
    Animal("goldfish", "", "bowl of water", "baby fish", 0, "fish food", "fish"),
    Animal("bee", "buzz", "hive", "larva", 6, "nectar", "insect"),
    Animal("ant", "", "anthill", "larva", 6, "almost everything", "insect"),
    Animal("butterfly", "", "meadow", "caterpillar", 6, "nectar", "insect"),
    Animal("snake", "hiss", "grass", "baby snake", 0, "mice and frogs", "reptile"),
    Animal("turtle", "", "pond", "baby turtle", 4, "plants", "reptile"),
    Animal("frog", "croak", "pond", "tadpole", 4, "flies", "amphibian"),
    Animal("spider", "", "web", "baby spider", 8, "flies", "spider"),
    Animal("snail", "", "garden", "baby snail", 0, "leaves", "snail"),
)
ANIMAL_BY_NAME = {a.name: a for a in ANIMALS}

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
DAYS_IN_MONTH = dict(zip(MONTHS, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
# as the town counts them
SEASONS = {
    "spring": ("March", "April", "May"),
    "summer": ("June", "July", "August"),
    "autumn": ("September", "October", "November"),
    "winter": ("December", "January", "February"),
}
SEASON_OF = {month: season for season, months in SEASONS.items() for month in months}

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
# 0 to 40
NUMBER_WORDS = tuple(
    _ONES
    + [tens + ("" if one == 0 else f"-{_ONES[one]}") for tens in ("twenty", "thirty") for one in range(10)]
    + ["forty"]
)
MARKS = {"plus": "+", "minus": "-", "times": "*", "divided by": "/"}  # of sums, by name


class Country(NamedTuple):
    """A country, its capital, its main language, its continent and one thing it is known for."""

    name: str
    capital: str
    language: str
    continent: str
    known_for: str


COUNTRIES = (
    Country("France", "Paris", "French", "Europe", "bread and cheese"),
    Country("Germany", "Berlin", "German", "Europe", "castles and forests"),
    Country("Italy", "Rome", "Italian", "Europe", "pizza"),
    Country("Spain", "Madrid", "Spanish", "Europe", "oranges and dances"),
    Country("Portugal", "Lisbon", "Portuguese", "Europe", "sunny beaches"),
    Country("Greece", "Athens", "Greek", "Europe", "olives and islands"),
    Country("Poland", "Warsaw", "Polish", "Europe", "dumplings"),
    Country("Sweden", "Stockholm", "Swedish", "Europe", "forests and lakes"),
    Country("Norway", "Oslo", "Norwegian", "Europe", "mountains by the sea"),
    Country("Denmark", "Copenhagen", "Danish", "Europe", "bicycles"),
    Country("Finland", "Helsinki", "Finnish", "Europe", "a thousand lakes"),
    Country("Ireland", "Dublin", "English", "Europe", "green hills"),
    Country("England", "London", "English", "Europe", "tea"),
    Country("Austria", "Vienna", "German", "Europe", "high mountains"),
    Country("Hungary", "Budapest", "Hungarian", "Europe", "hot springs"),
    Country("Egypt", "Cairo", "Arabic", "Africa", "pyramids"),
    Country("Kenya", "Nairobi", "Swahili", "Africa", "lions and elephants"),
    Country("Morocco", "Rabat", "Arabic", "Africa", "markets full of spices"),
    Country("Japan", "Tokyo", "Japanese", "Asia", "fast trains"),
    Country("China", "Beijing", "Chinese", "Asia", "a very long wall"),
    Country("Thailand", "Bangkok", "Thai", "Asia", "golden temples"),
    Country("Cuba", "Havana", "Spanish", "North America", "music and dances"),
    Country("Brazil", "Brasilia", "Portuguese", "South America", "a very big rainforest"),
    Country("Peru", "Lima", "Spanish", "South America", "old stone cities"),
)
COUNTRY_BY_NAME = {c.name: c for c in COUNTRIES}

PLURALS = {
    "mouse": "mice", "child": "children", "goose": "geese", "tooth": "teeth", "foot": "feet", "man": "men",
    "woman": "women", "sheep": "sheep", "fish": "fish", "goldfish": "goldfish", "leaf": "leaves", "wolf": "wolves",
    "knife": "knives", "calf": "calves", "loaf": "loaves", "shelf": "shelves", "half": "halves", "wife": "wives",
    "life": "lives", "ox": "oxen", "person": "people", "potato": "potatoes", "tomato": "tomatoes", "hero": "heroes",
    "thief": "thieves", "scarf": "scarves", "larva": "larvae", "deer": "deer", "fireman": "firemen",
    "snowman": "snowmen", "postman": "postmen", "echo": "echoes", "series": "series",
}

# shape -> number of sides
SHAPES = {"triangle": 3, "square": 4, "rectangle": 4, "pentagon": 5, "hexagon": 6, "circle": 0}

# sense -> the part of the body, and what one does with it
SENSES = {
    "sight": ("eyes", "see"),
    "hearing": ("ears", "hear"),
    "smell": ("nose", "smell"),
    "taste": ("tongue", "taste"),
    "touch": ("fingers", "feel"),
}

# thing -> what it is usually made of
MATERIALS = {
    "a window": "glass", "a book": "paper", "a table": "wood", "a key": "metal", "a sweater": "wool",
    "a shoe": "leather", "a candle": "wax", "a brick": "clay", "a tyre": "rubber", "a shirt": "cotton",
    "a bottle": "glass", "a nail": "metal", "a newspaper": "paper", "a jam jar": "glass", "a pencil": "wood",
    "bread": "flour", "cheese": "milk", "butter": "milk", "a snowman": "snow",
}

# thing -> what one does with it
USES = {
    "a key": "open a door", "a spoon": "eat soup", "a pencil": "write", "a broom": "sweep the floor",
    "an umbrella": "stay dry in the rain", "a needle": "sew", "a hammer": "hit a nail", "a bed": "sleep",
    "a clock": "tell the time", "a knife": "cut bread", "a towel": "get dry", "a lamp": "make light",
    "a boat": "cross the water", "a kettle": "boil water", "a brush": "paint", "a ladder": "climb up high",
    "a saw": "cut wood", "a pan": "fry eggs", "a telescope": "look at the stars", "a bell": "make a loud sound",
    "scissors": "cut paper", "a net": "catch fish", "a map": "find the way", "soap": "wash your hands",
}

# kind of thing -> members, for "list three" and "which does not belong"
GROUPS = {
    "fruit": ("apple", "pear", "plum", "cherry", "banana", "orange", "lemon", "melon", "strawberry", "peach"),
    "vegetable": ("carrot", "potato", "onion", "pea", "cabbage", "bean", "pumpkin", "cucumber"),
    "farm animal": ("cow", "horse", "pig", "sheep", "goat", "hen", "donkey", "duck"),
    "wild animal": ("lion", "tiger", "bear", "wolf", "fox", "elephant", "monkey", "kangaroo"),
    "bird": ("owl", "crow", "sparrow", "swan", "goose", "duck", "hen", "penguin"),
    "colour": ("red", "blue", "green", "yellow", "orange", "purple", "pink", "brown"),
    "tool": ("hammer", "saw", "needle", "broom", "ladder", "brush"),
    "drink": ("milk", "water", "tea", "juice", "lemonade", "cocoa"),
    "instrument": ("piano", "flute", "guitar", "drum", "violin", "trumpet", "cello", "accordion"),
    "piece of clothing": ("hat", "coat", "sock", "shoe", "shirt", "scarf", "glove", "skirt"),
    "piece of furniture": ("table", "chair", "bed", "shelf", "sofa", "desk"),
    "part of the body": ("hand", "foot", "nose", "ear", "eye", "arm", "leg", "knee"),
    "day": DAYS,
    "month": MONTHS,
    "season": ("spring", "summer", "autumn", "winter"),
}
