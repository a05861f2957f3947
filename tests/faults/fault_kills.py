"""SIGKILL at random moments: a command is killed, completed as its user would, and compared."""

from __future__ import annotations

import http.client
import json
import random
import re
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_scenarios import Homes, Scenario, chats, leftovers, lost, rows, weights
from forks import Child, start


@dataclass
class Tally:
    """How many kills hit a command at work, and what they spoiled."""

    kills: int = 0
    late: int = 0  # the command had ended before
    faults: list[str] = field(default_factory=list)


def kill_often(scenario: Scenario, homes: Homes, count: int, seed: int) -> Tally:
    """Kill a command `count` times, at moments uniform over its processor time; a home is hit up to twice in a row."""
    draw, tally = random.Random(f"{scenario.name} {seed}"), Tally()
    whole = homes.copy(scenario.before)
    child = scenario.start(whole, homes.data)
    seconds = run_until(child, float("inf"))
    code, said = child.done()
    assert code == 0, said
    wanted = scenario.state(whole)
    while tally.kills < count:
        home = homes.copy(scenario.before)
        moments = [draw.uniform(0, seconds) for _ in range(min(2, count - tally.kills))]
        if fault := _killed(scenario, home, homes, moments, wanted, tally):
            tally.faults.append(f"{scenario.name}, killed after {', '.join(f'{m:.2f} s' for m in moments)}: {fault}")
            print(tally.faults[-1], flush=True)
        shutil.rmtree(home, ignore_errors=True)
    return tally


def run_until(child: Child, seconds: float) -> float:
    """Wait until a child's main thread has used that much CPU time, or has ended; returns how much it had used.

    A wall-clock time would be too early or too late on a machine that is also used by others.
    """
    began, used = time.monotonic(), 0.0
    stat = Path(f"/proc/{child.process.pid}/schedstat")  # in nanoseconds: quick commands take a few milliseconds
    while child.is_alive and used < seconds:
        try:
            used = int(stat.read_text(encoding="ascii").split()[0]) / 1e9
        except (OSError, IndexError):  # it has ended, or this kernel does not count
            used = time.monotonic() - began if not Path("/proc/self/schedstat").exists() else used
        time.sleep(0.0002)
    return used


def _killed(scenario: Scenario, home: Path, homes: Homes, moments: list[float], wanted: Any, tally: Tally) -> str:
    """Run a command, killed after each of these times; returns what is wrong at the end, "" if nothing is."""
    before, judged = weights(home), rows(home)
    for number, moment in enumerate(moments):
        if scenario.state(home) == wanted and not scenario.resumed:
            break  # it had ended: running it again would do something else
        child = scenario.start(home, homes.data, resume=bool(number and scenario.resumed))
        run_until(child, moment)
        code = child.kill()
        tally.kills += code == -9
        tally.late += code != -9
        if code not in (-9, 0) and not (code == 2 and "there is no run of" in child.said):
            return f"exit code {code}: {child.said[-1500:]}"
        if missing := lost(before, weights(home), scenario.is_moving):
            return f"lost {missing}"
        if [row for row in judged if row not in rows(home)]:
            return "lost judgements"
    try:
        scenario.finish(home, homes.data, wanted)
    except AssertionError as error:
        return f"cannot be brought to its end: {error}"
    if scenario.state(home) != wanted:
        return f"another result: {scenario.state(home)} instead of {wanted}"
    return f"left {left}" if (left := leftovers(home)) else ""


# ---- the server ------------------------------------------------------------------------------------------------------


def kill_servers(homes: Homes, before: tuple[Any, ...], count: int, seed: int) -> Tally:
    """Kill a server that many times while chats and judgements are written; what it had accepted must be there."""
    draw, tally = random.Random(f"server {seed}"), Tally()
    home = homes.copy(before)
    accepted: list[str] = []
    while tally.kills < count:
        log = home.with_suffix(f".{tally.kills}.log")  # one per server: an earlier one's port must not be found in it
        child = start(["serve", "--port", "0"], home, log)
        port = _port(child)
        writer = threading.Thread(target=_write, args=(port, tally.kills, accepted), daemon=True)
        writer.start()
        wanted, latest = max(1, len(accepted) + draw.randint(0, 5)), time.monotonic() + 60
        while len(accepted) < wanted and time.monotonic() < latest:
            time.sleep(0.005)
        time.sleep(draw.uniform(0.0, 0.2))  # in the middle of whatever it does then
        assert child.kill() == -9, child.said
        tally.kills += 1
        writer.join(30)
        there = chats(home)
        if missing := [text for text in accepted if text not in there]:
            tally.faults.append(f"kill {tally.kills}: lost {missing}")
            break
    asked = start(["serve"], home, home.with_suffix(".log"), hook="fault_requests:ask_everything")
    code, said = asked.done()
    wrong = [line for line in said.splitlines() if line.startswith("5") or "Traceback" in line]
    if code or wrong:
        tally.faults.append(f"afterwards: {code} {wrong[:3]}")
    if not accepted:
        tally.faults.append("no chat was accepted: the kills came too early")
    return tally


def _port(child: Child) -> int:
    end = time.monotonic() + 60
    while not (found := re.search(r"http://[^:]+:(\d+)", child.said)):
        assert child.is_alive and time.monotonic() < end, child.said
        time.sleep(0.02)
    return int(found[1])


def _write(port: int, number: int, accepted: list[str]) -> None:
    """Ask one question after the other, each in a new chat, until the server is gone."""
    try:
        for turn in range(1000):
            text = f"Say {number} {turn}."
            chat = _post(port, "/api/chats", {"model": "pip/sft"})
            params = {"max_tokens": 8, "seed": 1, "temperature": 1.0}
            _post(port, f"/api/chats/{chat['id']}/messages", {"content": text, "params": params})
            accepted.append(text)
    except (OSError, http.client.HTTPException, ValueError):
        return


def _post(port: int, path: str, body: dict[str, Any]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"{answer.status} {data!r}")
    return json.loads(data)
