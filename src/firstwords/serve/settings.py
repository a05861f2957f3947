"""What a server is started with: addresses, keys and limits. `commands/serve.py` fills it from flags."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from firstwords.config import UserError

OWNER = "owner"  # whose chats they are where no keys are given


@dataclass(frozen=True)
class Settings:
    """Raises UserError for a public address without a key."""

    host: str = "127.0.0.1"
    port: int = 8000
    model: str | None = None  # what requests get that name no model; None: the newest
    keys: dict[str, str] = field(default_factory=dict)  # key -> user
    allowed_hosts: tuple[str, ...] = ()  # further names under which the server may be reached
    allowed_origins: tuple[str, ...] = ()  # other sites whose pages may use the API; `origins.parse_origins`
    num_slots: int = 32  # rows decoded together for one model
    max_waiting: int = 256  # requests in line over all models; beyond: 503 with Retry-After
    memory_bytes: int = 4 * 2**30  # of weights and caches; the model used longest ago leaves first
    max_body: int = 2**20  # bytes of a request
    max_import: int = 256 * 2**20  # bytes of a body that holds files: an export, or text to train on
    max_seconds: float = 600.0  # that one answer may take

    def __post_init__(self) -> None:
        if not self.is_loopback and not self.keys:
            raise UserError(
                f"--host {self.host} can be reached from other machines: give --key, or stay with 127.0.0.1"
            )

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
    """`--key SECRET` (the owner's) or `--key NAME:SECRET`, as {secret: name}. Raises UserError for a short one."""
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
