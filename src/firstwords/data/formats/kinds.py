"""Kinds of files by the endings of their names: which reader takes them, and why the others are passed over."""

from __future__ import annotations

from pathlib import Path

from firstwords.data.formats.opening import plain_name
from firstwords.data.formats.tables import TABLE_SUFFIXES

READERS = {  # in the order in which error messages list them
    ".txt": "text", ".md": "markdown", ".html": "html", ".pdf": "pdf", ".docx": "docx", ".odt": "odt", ".epub": "epub",
    **dict.fromkeys(TABLE_SUFFIXES, "table"), ".tex": "tex", ".srt": "subtitles", ".vtt": "subtitles",
    ".ipynb": "notebook", ".htm": "html", ".xhtml": "html", ".markdown": "markdown", ".mdx": "markdown",
    ".rmd": "markdown", ".qmd": "markdown",
    **dict.fromkeys((".text", ".rst", ".org", ".adoc", ".log"), "text"),
}  # fmt: skip
CODE_SUFFIXES = (
    ".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp",
    ".cs", ".java", ".kt", ".scala", ".groovy", ".go", ".rs", ".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl",
    ".swift", ".m", ".dart", ".hs", ".ml", ".clj", ".ex", ".exs", ".erl", ".el", ".lisp", ".scm", ".f90", ".pas",
    ".asm", ".vb", ".nim", ".zig", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql", ".vue", ".svelte", ".css", ".scss",
    ".proto", ".cmake",
)  # fmt: skip
SHOWN = 12  # endings named in an error message
_REASONS = {
    "an archive: unpack it first": ".zip .tar .tgz .7z .rar",
    "e-mail: export the messages as .txt or as rows of a .csv": ".eml .mbox .msg .pst",
    "XML, whose text is among data of all kinds: convert it to .txt or .jsonl first (of Wikipedia's dumps there are "
    "converted ones: hf:wikimedia/wikipedia)": ".xml .rss .tmx .osm",
    "an old Word or RTF file: save it as .docx": ".doc .rtf .dot",
    "a spreadsheet: save it as .csv": ".xls .xlsx .xlsm .ods .numbers",
    "a presentation: save it as .pdf": ".ppt .pptx .odp .key",
    "an e-book of another kind: convert it to .epub": ".mobi .azw .azw3 .fb2 .lit .djvu",
    "a picture: run it through text recognition first": ".png .jpg .jpeg .gif .webp .svg .tif .tiff .bmp .heic .ico",
    "sound or film: have it written down first": ".mp3 .wav .flac .ogg .m4a .mp4 .mkv .avi .mov .webm",
    "a data set in Arrow's own format: give its folder as hf:FOLDER": ".arrow .feather",
    "a database: export the table as .csv": ".db .sqlite .sqlite3",
    "weights of a model": ".safetensors .gguf .pt .pth .onnx .ckpt .npy .npz .h5",
    "a pickle, which could run code: save the data as .jsonl": ".pkl .pickle",
}
REASONS = {suffix: reason for reason, suffixes in _REASONS.items() for suffix in suffixes.split()}


def suffix(path: Path) -> str:
    """The last ending of a name, in small letters and without that of a compression; "" if there is none.

    suffix(Path("Rows.JSONL.zst")) == ".jsonl"
    """
    return Path(plain_name(path)).suffix


def reader(path: Path) -> str:
    """The kind of reader for a file, "" for an ending that is not known."""
    ending = suffix(path)
    return READERS.get(ending) or ("code" if ending in CODE_SUFFIXES else "")


def why_not(path: Path, suffixes: tuple[str, ...]) -> str:
    """Why a file is of no use, as the end of the sentence "FILE ..."."""
    if suffix(path) in REASONS:
        return f"is {REASONS[suffix(path)]}"
    more = " ..." if len(suffixes) > SHOWN else ""
    return f"is of a kind that is not known here: use {' '.join(suffixes[:SHOWN])}{more}"
