"""A server's settings: addresses, keys and limits. `commands/serve.py` fills it from flags."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from firstwords.config import UserError, WeightFormat

OWNER = "owner"  # the user of all chats if no keys are given


@dataclass(frozen=True)
class Settings:
    """Raises UserError for a public address without a key."""

    host: str = "127.0.0.1"
    port: int = 8000
    model: str | None = None  # for requests that name no model; None: the newest
    keys: dict[str, str] = field(default_factory=dict)  # key -> user
    allowed_hosts: tuple[str, ...] = ()  # additional host names for the server
    allowed_origins: tuple[str, ...] = ()  # other sites whose pages may use the API; `origins.parse_origins`
    allow_private: bool = False  # read web pages of this machine and its own network as documents
    weights: WeightFormat = "auto"  # see `api.load`
    num_slots: int = 32  # rows decoded together for one model
    max_waiting: int = 256  # queued requests over all models; beyond: 503 with Retry-After
    memory_bytes: int = 4 * 2**30  # for weights and caches; the least recently used model is unloaded first
    max_body: int = 2**20  # bytes of a request
    max_import: int = 256 * 2**20  # bytes of a body with files: an export, or text to train on
    max_seconds: float = 600.0  # per answer

    def __post_init__(self) -> None:
        if not self.is_loopback and not self.keys:
            raise UserError(f"--host {self.host} can be reached from other machines: give --key, or use 127.0.0.1")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def user_names(self) -> list[str]:
        return sorted(set(self.keys.values())) or [OWNER]


def parse_keys(words: list[str]) -> dict[str, str]:
    """`--key SECRET` (the owner's) or `--key NAME:SECRET`, as {secret: name}. Raises UserError for a secret that is too
    short."""
    keys: dict[str, str] = {}
    for word in words:
        name, colon, secret = word.partition(":")
        name, secret = (name, secret) if colon else (OWNER, word)
        if not name or len(secret) < 8:
            raise UserError("a --key is SECRET or NAME:SECRET, and the secret has at least 8 characters")
        if secret in keys:
            raise UserError(f"{keys[secret]} and {name} have the same key: give each their own")
        keys[secret] = name
    return keys
