"""File types by extension: which reader handles them, and why others are skipped."""

from __future__ import annotations

from pathlib import Path

from firstwords.data.formats.opening import plain_name
from firstwords.data.formats.tables import TABLE_SUFFIXES

READERS = {  # in the order in which error messages list them
    ".txt": "text",
    ".md": "markdown",
    ".html": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".odt": "odt",
    ".epub": "epub",
    **dict.fromkeys(TABLE_SUFFIXES, "table"),
    ".tex": "tex",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".ipynb": "notebook",
    ".htm": "html",
    ".xhtml": "html",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".rmd": "markdown",
    ".qmd": "markdown",
    **dict.fromkeys((".text", ".rst", ".org", ".adoc", ".log"), "text"),
}
CODE_SUFFIXES = (
    ".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp",
    ".cs", ".java", ".kt", ".scala", ".groovy", ".go", ".rs", ".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl",
    ".swift", ".m", ".dart", ".hs", ".ml", ".clj", ".ex", ".exs", ".erl", ".el", ".lisp", ".scm", ".f90", ".pas",
    ".asm", ".vb", ".nim", ".zig", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql", ".vue", ".svelte", ".css", ".scss",
    ".proto", ".cmake",
)  # fmt: skip
SHOWN = 12  # extensions listed in an error message
_REASONS = {
    "an archive: unpack it first": ".zip .tar .tgz .7z .rar",
    "e-mail: export the messages as .txt or as rows of a .csv": ".eml .mbox .msg .pst",
    "XML, which mixes text with other data: convert it to .txt or .jsonl first (for Wikipedia there are "
    "converted dumps: hf:wikimedia/wikipedia)": ".xml .rss .tmx .osm",
    "an old Word or RTF file: save it as .docx": ".doc .rtf .dot",
    "a spreadsheet: save it as .csv": ".xls .xlsx .xlsm .ods .numbers",
    "a presentation: save it as .pdf": ".ppt .pptx .odp .key",
    "an e-book in another format: convert it to .epub": ".mobi .azw .azw3 .fb2 .lit .djvu",
    "a picture: run it through text recognition first": ".png .jpg .jpeg .gif .webp .svg .tif .tiff .bmp .heic .ico",
    "audio or video: transcribe it first": ".mp3 .wav .flac .ogg .m4a .mp4 .mkv .avi .mov .webm",
    "a dataset in Arrow's own format: give its folder as hf:FOLDER": ".arrow .feather",
    "a database: export the table as .csv": ".db .sqlite .sqlite3",
    "model weights": ".safetensors .gguf .pt .pth .onnx .ckpt .npy .npz .h5",
    "a pickle, which could run code: save the data as .jsonl": ".pkl .pickle",
}
REASONS = {suffix: reason for reason, suffixes in _REASONS.items() for suffix in suffixes.split()}


def suffix(path: Path) -> str:
    """The extension of a name in lower case, ignoring a compression suffix; "" if there is none.

    suffix(Path("Rows.JSONL.zst")) == ".jsonl"
    """
    return Path(plain_name(path)).suffix


def reader(path: Path) -> str:
    """The reader for a file, "" for an unknown extension."""
    ending = suffix(path)
    return READERS.get(ending) or ("code" if ending in CODE_SUFFIXES else "")


def why_not(path: Path, suffixes: tuple[str, ...]) -> str:
    """Why a file cannot be used, as the end of the sentence "FILE ..."."""
    if suffix(path) in REASONS:
        return f"is {REASONS[suffix(path)]}"
    more = " ..." if len(suffixes) > SHOWN else ""
    return f"has an unsupported type: use {' '.join(suffixes[:SHOWN])}{more}"
