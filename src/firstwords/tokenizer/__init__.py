"""Text to ids and back: `fast` (Rust speed), `bpe` (its readable twin) and `chat` (messages to ids and loss mask)."""
