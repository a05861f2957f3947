"""Detects the encoding of a text that does not declare one and is not UTF-8.

    detect("Цапля ждёт".encode("koi8_r"))       -> Detected("koi8_r", ("koi8_r",))
    detect(b"caf\\xe9")                          -> Detected(None, ("cp1252", ...)): too little to go by

charset-normalizer rates how unlike text each decoding looks (its "mess"); that is the first part of a decoding's cost.
It ignores how languages use letters: it cannot tell the French "prés" from the Czech "prčs", and it accepts Hebrew read
as Cyrillic. So letters that no single alphabet has, or that are rare where they should be common, add to the cost. The
encoding is certain if every other plausible decoding gives the same text or costs clearly more.
"""

from __future__ import annotations

import itertools
import logging
import unicodedata
from collections import Counter
from dataclasses import dataclass

import regex

# in order of preference where two give the same text
CANDIDATES = (
    "cp1252", "cp1251", "koi8_r", "cp932", "gb18030", "big5", "cp949", "euc_jp", "iso8859_2", "cp1250", "cp1254",
    "cp1257", "cp1253", "cp1255", "cp1256", "cp874", "cp866", "iso8859_5", "mac_roman",
)  # fmt: skip
NAMES = {
    "cp932": "SHIFT_JIS",
    "koi8_r": "KOI8-R",
    "euc_jp": "EUC-JP",
    "iso8859_2": "ISO-8859-2",
    "iso8859_5": "ISO-8859-5",
    "mac_roman": "MACINTOSH",
    "iso2022_jp": "ISO-2022-JP",
}
ALPHABETS = (  # letters beyond a-z of languages in Latin script
    "äöüßéàè",
    "éèêëàâçùûüîïôœæÿ",
    "ñáéíóúüºª",
    "ãõáâàçéêíóôúüºª",
    "àèéìíòóùúî",
    "áàâéèêëïíîöóôüûú",
    "åäöéü",
    "æøåéèêòôü",
    "áéíóöőúüű",
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "čćđšž",
    "ăâîșțşţ",
    "çğıiöşüâîû",
    "áðéíóúýþæö",
    "äöõüšž",
    "āčēģīķļņšūž",
    "ąčęėįšųūž",
    "çë",
    "àáèéíïòóúüç·ŀ",
    "ċġħż",
)
COMMON = {  # the letters that make up six tenths of a text or more, accents removed
    "CYRILLIC": "оеаинтсрвлі",
    "GREEK": "αοιετσςνηυρ",
    "HEBREW": "יוהלארמתבש",
    "ARABIC": "اليمنوترهبة",
    "THAI": "านรอกเงมยลวดทส",
}
COMMON_HAN = set(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没"
    "日于起还发成事只作当想看这個說們為時這來國會對學後麼沒於還發當過"
)
WESTERN = {"cp1252", "mac_roman"}
LATIN = {*WESTERN, "iso8859_2", "cp1250", "cp1254", "cp1257"}
UNLIKELY = 0.1  # added to the cost of an unlikely encoding,
OTHER_SCRIPT = 0.3  # and of one whose script would appear in more than a few words
TOO_MESSY = 0.2  # charset-normalizer's own limit
MARGIN = 0.08  # minimum lead over the runner-up
MIN_BYTES, SMALL = 3, 500  # minimum number of bytes beyond ASCII, unless the text is longer than SMALL
FEW_ACCENTS = 0.05  # of the letters: more than French and German have, fewer than Polish, Czech, Hungarian or Turkish
FEW_OTHERS = 0.2  # of the letters in lines that contain any: fewer than in a text in another script
_SAMPLE_BYTES = 8192
_WORD = regex.compile(r"[\p{L}\p{M}]{2,}")
_SYMBOL_IN_WORD = regex.compile(r"\p{L}[^\w\s'’‘´`.,:;\-–—­·/&()\[\]\"”“«»]+(?=\p{L})")


@dataclass(frozen=True)
class Detected:
    """`encoding` is a Python codec, None if uncertain; `likely` are up to three codecs, best first."""

    encoding: str | None
    likely: tuple[str, ...]


def detect(data: bytes) -> Detected:
    """The encoding of bytes that are not UTF-8, judged by the lines that contain more than ASCII."""
    sample = _telling_lines(data)
    surcharges = _surcharges(data, sample)
    costs: list[tuple[float, int, str, str]] = []
    for place, encoding in enumerate(CANDIDATES):
        if decoded := _cost(sample, encoding):
            cost = decoded[0] + surcharges.get(encoding, 0.0)
            costs += [(cost, place, encoding, decoded[1])] if cost <= TOO_MESSY + MARGIN else []
    costs.sort()
    by_text: dict[str, str] = {}
    for _, _, encoding, text in costs:
        by_text.setdefault(text, encoding)
    likely = tuple(by_text.values())[:3]
    if not costs or costs[0][0] > TOO_MESSY:
        return Detected(None, likely)
    best, _, encoding, text = costs[0]
    has_rival = any(other - best < MARGIN and decoded != text for other, _, _, decoded in costs[1:])
    is_thin = len(data) < SMALL and sum(byte > 127 for byte in data) < MIN_BYTES
    return Detected(None if has_rival or is_thin else encoding, likely)


def _surcharges(data: bytes, sample: bytes) -> dict[str, float]:
    """Extra cost of encodings because of the line ends, or of how little of the text is beyond ASCII."""
    is_mac = b"\r" in data and b"\n" not in data  # Macs of that time ended lines with CR
    found = {} if is_mac else {"mac_roman": UNLIKELY}
    if _share_beyond(data, 0xC0) < FEW_ACCENTS:
        found |= dict.fromkeys(LATIN - WESTERN, UNLIKELY)
    if _share_beyond(sample, 0x80) < FEW_OTHERS:
        found |= dict.fromkeys(set(CANDIDATES) - LATIN, OTHER_SCRIPT)
    return found


def _share_beyond(data: bytes, first: int) -> float:
    """Share of bytes at or above `first` among letters; most letters of the Latin code pages are 0xC0 or above."""
    beyond = sum(byte >= first for byte in data)
    return beyond / max(1, beyond + sum(65 <= byte & 0xDF <= 90 for byte in data if byte < 128))


def iana(encoding: str) -> str:
    """The name that iconv uses: iana("cp1251") == "WINDOWS-1251"."""
    windows = encoding.removeprefix("cp")
    return NAMES.get(encoding) or (f"WINDOWS-{windows}" if windows.startswith("12") else encoding.upper())


def _telling_lines(data: bytes) -> bytes:
    """Lines with bytes beyond ASCII, about 8 kB of them, whole where they are not too long."""
    found: list[bytes] = []
    size = 0
    for line in regex.split(rb"[\r\n]+", data):
        if not line.isascii():
            found.append(line[:_SAMPLE_BYTES])
            size += len(found[-1])
            if size >= _SAMPLE_BYTES:
                break
    return b"\n".join(found)


def _cost(sample: bytes, encoding: str) -> tuple[float, str] | None:
    """(how unlike text the sample looks in this encoding, the decoded text); None if it cannot be decoded."""
    import charset_normalizer

    logging.getLogger("charset_normalizer").setLevel(logging.ERROR)
    text = sample.decode(encoding, "replace").rstrip("\ufffd")  # the sample's end may have cut a character
    if "\ufffd" in text:
        return None
    match = charset_normalizer.from_bytes(text.encode(encoding), cp_isolation=[encoding]).best()
    if match is None:
        return None
    return match.chaos + _oddness(text) + _rarity(text, encoding), text


def _oddness(text: str) -> float:
    """Share of the characters beyond ASCII that are out of place."""
    others = [char for char in text if char > "\x7f"]
    if not others:
        return 0.0
    odd = sum(not char.isprintable() and char != "\xa0" for char in others)
    odd += sum("\uff61" <= char <= "\uff9f" for char in others)  # half-width katakana: typical of other encodings
    odd += len(_SYMBOL_IN_WORD.findall(text))
    odd += sum(_is_mixed(word) for word in _WORD.findall(text) if not word.isascii())
    accented = [char for char in "".join(others).lower() if char.isalpha() and _script(char) == "LATIN"]
    if accented:
        odd += min(sum(char not in alphabet for char in accented) for alphabet in ALPHABETS)
    return odd / len(others)


def _rarity(text: str, encoding: str) -> float:
    """How far the letters are from the common ones of their script; negative if they are mostly these."""
    letters = [char for char in unicodedata.normalize("NFD", text.lower()) if char > "\x7f" and char.isalpha()]
    if not letters:
        return 0.0
    counts = Counter(map(_script, letters))
    script, num = counts.most_common(1)[0]
    if script in COMMON:
        share = sum(char in COMMON[script] for char in letters) / num
        return max(0.0, 0.6 - share)
    if script == "LATIN" and encoding not in LATIN:
        return UNLIKELY
    kana, hangul = (counts["HIRAGANA"] + counts["KATAKANA"]) / len(letters), counts["HANGUL"] / len(letters)
    if encoding in ("cp932", "euc_jp"):
        return -0.1 if kana > 0.2 else 0.1
    if encoding == "cp949":  # which includes rare syllables, to which bytes of other encodings mostly decode
        syllables = [char for char in text if "\uac00" <= char <= "\ud7a3"]
        num_usual = sum(len(syllable.encode("euc_kr")) == 2 for syllable in syllables)  # the rare ones take 8 bytes
        return -0.1 if num_usual > 0.9 * max(1, len(syllables)) and hangul > 0.8 else 0.1
    if encoding in ("gb18030", "big5"):
        share = sum(char in COMMON_HAN for char in letters) / len(letters)
        return max(kana, hangul) + (-0.1 if share > 0.1 else 0.0)
    return 0.0


def _is_mixed(word: str) -> bool:
    """Whether a word has letters of two scripts, or a capital beyond ASCII after a lower-case letter."""
    scripts = {_script(char) for char in word}
    is_cjk = scripts <= {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "LATIN", "FULLWIDTH"}
    has_late_capital = any(a.islower() and b.isupper() and b > "\x7f" for a, b in itertools.pairwise(word))
    return has_late_capital or (len(scripts) > 1 and not is_cjk)


def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]
