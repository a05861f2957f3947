"""Encodings: declared ones are honoured, others detected and said, and what cannot be told is refused with advice that
is right. One rule for line ends, wherever they come from."""

import codecs
import gzip
import os
import subprocess
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.formats import encoding, opening
from firstwords.data.formats.detect import detect
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents
from firstwords.plain_text import clean_row, clean_text, unify_line_ends

CASES = Path(__file__).parents[1] / "cases"
DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TEXTS = {
    "German": "Der Fuchs lief über die Brücke. Müde Mäuse schlafen früh. Die größte Straße führt zum Schloß.\n",
    "French": "Le renard était passé près de la forêt. Où sont les élèves ? Ça dépend de l'été.\n",
    "Polish": "Zażółć gęślą jaźń. Chłopiec poszedł do lasu i znalazł źródło. Święta są piękne.\n",
    "Turkish": "Balıkçıl değirmenin yanında bekliyor. Bir çocuk fırıncıya ekmek getiriyor. Yağmur çatıya düşüyor.\n",
    "Russian": "Цапля ждёт у мельницы. Мальчик несёт хлеб пекарю. Дождь падает на крышу.\n",
    "Greek": "Ο ερωδιός περιμένει δίπλα στον μύλο. Ένα αγόρι φέρνει ψωμί στον φούρναρη.\n",
    "Hebrew": "האנפה מחכה ליד הטחנה. ילד מביא לחם לאופה. הגשם יורד על הגג.\n",
    "Arabic": "ينتظر مالك الحزين بجانب الطاحونة. صبي يحمل الخبز إلى الخباز.\n",
    "Thai": "นกกระสารออยู่ข้างโรงสี เด็กชายนำขนมปังไปให้คนทำขนมปัง\n",
    "Japanese": "サギは水車のそばで待っています。男の子がパン屋にパンを持って行きます。\n",
    "Chinese": "苍鹭在磨坊旁边等候。一个男孩把面包带给面包师。雨落在石板屋顶上。\n",
    "Taiwanese": "蒼鷺在磨坊旁邊等候。一個男孩把麵包帶給麵包師。雨落在石板屋頂上。\n",
    "Korean": "왜가리가 물레방아 옆에서 기다립니다. 소년이 제빵사에게 빵을 가져갑니다.\n",
    "English": "He said “hello” – and it’s the café’s naïve heron that waited for him there all day.\n",
}
LEGACY = [
    ("German", "latin-1", "windows-1252"),
    ("French", "cp1252", "windows-1252"),
    ("French", "mac_roman", "macintosh"),
    ("English", "cp1252", "windows-1252"),
    ("Polish", "cp1250", "windows-1250"),
    ("Polish", "iso8859_2", "iso-8859-2"),
    ("Turkish", "cp1254", "windows-1254"),
    ("Russian", "cp1251", "windows-1251"),
    ("Russian", "koi8_r", "koi8-r"),
    ("Russian", "cp866", "cp866"),
    ("Greek", "cp1253", "windows-1253"),
    ("Hebrew", "cp1255", "windows-1255"),
    ("Arabic", "cp1256", "windows-1256"),
    ("Thai", "cp874", "cp874"),
    ("Japanese", "shift_jis", "shift_jis"),
    ("Japanese", "euc_jp", "euc-jp"),
    ("Japanese", "iso2022_jp", "iso-2022-jp"),
    ("Chinese", "gb18030", "gb18030"),
    ("Taiwanese", "big5", "big5"),
    ("Korean", "euc_kr", "cp949"),
]


def read(path: Path, **options):
    stats = SourceStats()
    return list(documents([str(path)], stats, **options)), stats


@pytest.mark.parametrize(("language", "codec", "name"), LEGACY)
@pytest.mark.parametrize("repeated", [1, 20])
def test_legacy_encodings_are_detected_and_said_once(tmp_path, language, codec, name, repeated):
    text = TEXTS[language] * repeated
    path = tmp_path / "a.txt"
    path.write_bytes(text.replace("\n", "\r" if codec == "mac_roman" else "\n").encode(codec))
    found, stats = read(path)
    assert found == [text]
    assert stats.lines() == [f"{path}: read as {name} (detected)"]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("language", ["English", "Russian", "Chinese", "Arabic"])
@pytest.mark.parametrize("has_mark", [True, False])
def test_utf_16_and_32_with_and_without_a_mark(tmp_path, codec, language, has_mark):
    mark = {
        "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE,
        "utf-32-le": codecs.BOM_UTF32_LE,
        "utf-32-be": codecs.BOM_UTF32_BE,
    }[codec]
    path = tmp_path / "a.txt"
    path.write_bytes(mark * has_mark + TEXTS[language].replace("\n", "\r\n").encode(codec) * 2000)
    found, stats = read(path)
    assert found == [TEXTS[language] * 2000]
    assert bool(stats.lines()) != has_mark  # what was inferred is said, what was declared is not


@pytest.mark.parametrize(
    ("name", "head", "codec"),
    [
        ("a.html", '<meta charset="koi8-r">', "koi8_r"),
        ("a.htm", "<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=windows-1251'>", "cp1251"),
        ("a.xhtml", '<?xml version="1.0" encoding="ISO-8859-5"?><html><body>', "iso8859_5"),
        ("a.html.gz", "<meta charset=x-mac-cyrillic>", "mac_cyrillic"),
    ],
)
def test_declared_encodings_of_pages(tmp_path, name, head, codec):
    words = "Цапля ждёт у мельницы. Мальчик несёт хлеб пекарю."
    data = f"{head}<p>{words}</p><p>Дождь.</p>".encode(codec)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found, stats = read(tmp_path / name)
    assert found == [f"{words}\nДождь."] and not stats.lines()


def test_a_wrong_declaration_is_not_believed(tmp_path):
    path = tmp_path / "a.html"
    for charset, codec in (("utf-8", "cp1251"), ("gb2312", "utf-8"), ("hex", "utf-8")):
        path.write_bytes(f"<meta charset={charset}><p>{TEXTS['Russian'] * 9}</p>".encode(codec))
        assert "Цапля ждёт у мельницы" in read(path)[0][0]


def test_the_coding_line_of_source_code(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes("#!/usr/bin/python\n# -*- coding: koi8-r -*-\nname = 'Цапля'\n".encode("koi8_r"))
    assert "name = 'Цапля'\n" in read(path)[0][0]


def test_case_1251_by_http_equiv():
    found, stats = read(CASES / "h_1251_httpequiv.html")
    assert found[0].startswith("Цапля ждёт у мельницы. Мальчик несёт хлеб пекарю.") and not stats.lines()


def test_the_first_letter_beyond_ascii_may_come_late(tmp_path):
    """Detection looks only at where UTF-8 stops to fit; the text before it is ASCII, which the encodings share."""
    path = tmp_path / "a.txt"
    text = "All in ASCII so far.\n" * 20_000 + TEXTS["French"] * 3000
    path.write_bytes(text.encode("cp1252"))
    found, stats = read(path)
    assert "".join(found) == text and len(stats.lines()) == 1


def test_an_encoding_that_stops_to_fit_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    data = TEXTS["Japanese"].encode("shift_jis") * 5000
    path.write_bytes(data + b"\x81 " + data)
    where = rf"\(byte 0x81 at offset {len(data)}\)"
    with pytest.raises(UserError, match=f"is not SHIFT_JIS text {where}: save it again as UTF-8"):
        read(path)


def test_damaged_utf8_is_not_taken_for_another_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXTS["French"].encode() * 200 + b"\xe9t\xe9 " + TEXTS["French"].encode() * 5)
    with pytest.raises(UserError, match=r"it is damaged UTF-8; iconv -c -f UTF-8 -t UTF-8 a\.txt > new\.txt"):
        read(path)


def test_advice_names_the_likeliest_encodings_and_works(tmp_path):
    """Too little to be certain: refused; the advice of the sentence is carried out, and the text is right."""
    path = tmp_path / "a.txt"
    path.write_bytes("Ça, c'est naïf.".encode("cp1252"))
    with pytest.raises(UserError) as error:
        read(path)
    command = str(error.value).partition("e.g. ")[2].partition(" (or from ")[0]
    assert command.startswith("iconv -f WINDOWS-1252 -t UTF-8 a.txt > new.txt")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "new.txt").read_text() == "Ça, c'est naïf."


def test_noise_is_no_text(tmp_path):
    import random

    noise = random.Random(0).randbytes(20_000).replace(b"\0", b"")
    assert detect(noise).encoding is None
    (tmp_path / "a.txt").write_bytes(noise)
    with pytest.raises(UserError, match="no encoding fits"):
        read(tmp_path / "a.txt")


def test_short_sentences_are_right_or_refused():
    """Real sentences, three at a time: never a wrong encoding, however little there is to go by."""
    path = DATA / "translation" / "tatoeba-en-fr.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    french = [text for text, _ in zip(documents([f"{path}:fr"]), range(1800), strict=False)]
    num_right = 0
    for start in range(0, 1800, 9):
        data = "\n".join(french[start : start + 3]).encode("cp1252", "replace")
        found = detect(data).encoding if not data.isascii() else None
        assert found is None or data.decode(found) == data.decode("cp1252")
        num_right += found is not None
    assert num_right > 10


# ---- line ends ---------------------------------------------------------------------------------------------


def test_one_rule_for_line_ends():
    assert unify_line_ends("a\r\nb\rc\u2028d\u2029e\nf\r\r\ng\x85h\x0ci") == "a\nb\nc\nd\ne\nf\n\ng\x85h\x0ci"
    assert clean_text("\ud800 lone\r") == "? lone\n"
    assert clean_row({"a\r": ["b\r\n", {"c": "\udfff"}, None, 1]}) == {"a\n": ["b\n", {"c": "?"}, None, 1]}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_line_ends_across_two_reads(tmp_path, monkeypatch, size, codec):
    monkeypatch.setattr(encoding, "HEAD_BYTES", max(size, 4))
    monkeypatch.setattr(encoding, "READ_BYTES", size)
    path = tmp_path / "a.txt"
    path.write_bytes("eins\r\nzwei\rdrei\n\r\nvier\u2028fünf\r".encode(codec))
    assert read(path)[0] == ["eins\nzwei\ndrei\n\nvier\nfünf\n"]


def test_case_cr():
    found, _ = read(CASES / "t_cr.txt")
    assert "\r" not in found[0] and found[0].startswith("The heron waits beside the mill.\nA boy brings")


def test_case_crlf_in_rows():
    found, stats = read(CASES / "t_crlf_in_rows.jsonl")
    assert stats.skipped_rows == 0 and len(found) == stats.rows > 20
    assert all("\r" not in text and text.count("\n") == 4 for text in found)


def test_rows_of_all_kinds_follow_the_rule(tmp_path):
    import json

    import pyarrow
    import pyarrow.parquet

    row = {"text": "a\r\nb\u2028c"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\r" + json.dumps(row) + "\r", newline="")
    (tmp_path / "b.csv").write_text('text,label\r\n"a\r\nb\u2028c",1\r\n"a\rb\nc",0\r\n', newline="")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "c.parquet")
    assert read(tmp_path)[0] == ["a\nb\nc"] * 5


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_readers_of_lines_follow_the_rule(tmp_path, line_end):
    """Also where a line end decides what is a line: broken rows, CSV, cues, front matter, comments."""
    contents = {
        "a.jsonl": '{"text": "one"}\n{broken\n{"text": "two"}\n',
        "b.csv": 'label,text\n1,one\n0,"two, or ""2"""\n',
        "c.srt": "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n",
        "d.md": "---\ntitle: x\n---\none\n",
        "e.tex": "one % a remark\n% gone\ntwo",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content.replace("\n", line_end), newline="")
    found, stats = read(tmp_path)
    assert found == ["one", "two", "one", 'two, or "2"', "one\ntwo\n", "one\n", "one \ntwo\n"]
    assert stats.skipped_rows == 1 and stats.notes[0].startswith(f"{tmp_path / 'a.jsonl'}:2: broken JSON")


def test_chats_follow_the_rule(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"prompt": "one\\r\\ntwo", "response": "three\\rfour"}\r\n')
    (chat,) = conversations([str(tmp_path / "a.jsonl")])
    assert [message["content"] for message in chat] == ["one\ntwo", "three\nfour"]


def test_prompts_follow_the_rule():
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.tokenizer.prompts import chat_ids, text_ids

    tokenizer = Tokenizer.train(["one two three"], 300)
    assert text_ids(tokenizer, "a\r\nb") == text_ids(tokenizer, "a\nb")
    chats = [[{"role": "user", "content": text}] for text in ("a\rb", "a\nb")]
    assert chat_ids(tokenizer, chats[0]) == chat_ids(tokenizer, chats[1])
    assert "\ud800" not in tokenizer.decode(text_ids(tokenizer, "a\ud800"))


# ---- compression -------------------------------------------------------------------------------------------


def test_compression_is_known_by_its_first_bytes(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"packed, but not called so"))
    assert read(tmp_path / "a.txt")[0] == ["packed, but not called so"]
    assert opening.plain_name(Path("A.Txt.ZST")) == "a.txt"
