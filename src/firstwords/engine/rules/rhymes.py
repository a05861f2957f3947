"""Which English words rhyme: families of common words, and endings for words that are in none of them.

rhymes_of("moon")   -> ["June", "afternoon", "balloon", ...]
rhymes_of("orange") -> []
"""

from __future__ import annotations

import functools
import re

# A line is a sound. Words that are spelled alike and sound different (love, move) are on different lines.
FAMILIES = """
moon soon noon spoon balloon afternoon June tune raccoon cartoon
cat hat mat bat rat sat fat flat that chat
dog frog log fog hog jog
day play say way stay May gray today away hay tray stray
night light bright right sight tonight white kite bite might fight flight delight
tree see bee free me he she we be three knee tea sea key agree
sky fly high my why cry dry try by eye pie lie tie goodbye July
mouse house blouse
blue two too you do new few true shoe zoo grew flew through
ball small tall fall wall call all hall
bed red said head bread fed led instead ahead
sing ring king spring bring thing wing string swing
cake make take lake snake bake wake awake mistake
rain train plain Spain chain brain lane explain
snow go so know grow slow show low no toe ago below hello
star far car jar are guitar
sun fun run one done won begun someone everyone
boat coat goat float note wrote
book look took cook hook shook
hill will still until fill pill Bill ill spill
well tell bell shell smell fell spell farewell
door floor more before four store shore for roar
hand sand land stand band grand understand
heart part start art smart apart
mind kind find behind blind
ground found round sound around pound
gold old cold told hold bold
nose rose those goes toes close
song long strong along wrong belong
friend end send bend spend
best nest rest west test guest chest
sleep deep keep sheep jeep
green seen queen bean mean clean between
feet sweet street meet eat seat treat
name game same came flame became
place face race space
time rhyme climb dime lime
smile while mile
five alive drive arrive dive
ice nice mice twice rice price advice
hair bear chair there where care air share
near dear year here ear hear
bird word heard third
girl pearl twirl curl
fox box socks rocks
clock rock sock block
top stop hop drop shop
hot not got pot lot forgot
hug bug mug rug
cup up pup
duck truck luck stuck
map nap cap clap lap
back black track pack snack
sad glad dad bad had mad
bag flag rag wag
fish dish wish
pig big dig wig
sit bit hit fit it
pin win in fin chin begin twin
ship trip lip skip
hen ten then men pen again
pet get wet let yet jet net forget
love above dove glove
water daughter
mother brother another other
flower power hour tower shower
funny bunny money sunny honey
better letter sweater
story glory
feather weather together leather
kitten mitten written
yellow fellow hello
fire higher choir
garden pardon
dream team cream stream
cheese please trees knees bees breeze
"""
VOWELS = "aeiouy"


@functools.cache
def _families() -> dict[str, tuple[str, ...]]:
    """The family of each word, in lower case; a word with two sounds has both."""
    found: dict[str, list[str]] = {}
    for line in FAMILIES.strip().splitlines():
        words = line.split()
        for word in words:
            found.setdefault(word.lower(), []).extend(other for other in words if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


def rhymes_of(word: str) -> list[str]:
    """The words that rhyme with a word: those of its family, else those with its ending. Empty if none is known.

    Example: "noon" is in the family of "moon"; "typhoon" is in none, but ends as "moon" does, so it has that family.
    """
    plain, families = word.lower(), _families()
    if plain in families:
        return sorted(families[plain])
    ending = _ending(plain)
    if ending is None:
        return []
    alike = {other for other in families if _ending(other) == ending}
    return sorted(spelled for spelled in set(FAMILIES.split()) if spelled.lower() in alike)


def _ending(word: str) -> str | None:
    """The letters from the last sounded vowels on: "oon" of "typhoon", "ake" of "cake"; None without a vowel."""
    match = re.fullmatch(rf".*?([{VOWELS}]+[^{VOWELS}]+e|[{VOWELS}]+[^{VOWELS}]*)", word)
    return match[1] if match else None
