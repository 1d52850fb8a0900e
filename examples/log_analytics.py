"""A small log-analytics service: the program that README profiles.

It reads the access logs of one day, several MB that it writes itself from a fixed seed when they are not there yet.
Reader threads parse lines into Record objects and hand them in batches through a queue to aggregator threads: what one
thread allocates another one frees. The printed summary is the same for any number of workers.

    python examples/log_analytics.py [--data DIR] [--lines N] [--workers N]

The service has a memory leak, planted for the profiler to find: see RequestTracker.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import tempfile
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

SEED = 20260301
DAY = datetime(2026, 3, 1)
FILES = 16
BATCH = 250
SESSION_GAP = 30 * 60  # seconds without a request that end a client's session

# ---- the data -------------------------------------------------------------------------------------------------------

ENDPOINTS = [  # method, path ({} is an item's number), share of the requests, usual latency in µs, share of errors
    ("GET", "/", 20, 900, 0.001),
    ("GET", "/api/items/{}", 34, 2_400, 0.004),
    ("GET", "/api/search?q=item+{}", 16, 18_000, 0.03),
    ("POST", "/api/cart/{}", 12, 6_500, 0.01),
    ("POST", "/api/checkout", 4, 45_000, 0.05),
    ("GET", "/static/app.js", 14, 300, 0.0),
]
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/138.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Safari/605.1.15",
    "curl/8.7.1",
]


def time_of_day(share: float) -> timedelta:
    """When the day's request number share * lines comes: the traffic is five times as dense at noon as at midnight."""
    x = 2 * share - 1
    return timedelta(seconds=86_399 * (1 + x * (0.4 + 0.6 * x * x)) / 2)


def generate(directory: Path, lines: int) -> list[Path]:
    """The log files of `lines` requests below `directory`, written now if they are missing.

    Only Random.random() is used: its sequence is the same in every version of Python.
    """
    paths = [directory / f"access-{SEED}-{lines}-{part:02}.log" for part in range(FILES)]
    if all(path.exists() for path in paths):
        return paths
    directory.mkdir(parents=True, exist_ok=True)
    rand = Random(SEED).random
    shares = list(accumulate(endpoint[2] for endpoint in ENDPOINTS))
    clients = [f"10.{int(rand() * 256)}.{int(rand() * 256)}.{int(rand() * 254) + 1}" for _ in range(3000)]
    for part, path in enumerate(paths):
        unfinished = path.with_suffix(f".{os.getpid()}")
        with open(unfinished, "w", encoding="ascii") as file:
            for number in range(lines * part // FILES, lines * (part + 1) // FILES):
                method, target, _, usual, errors = ENDPOINTS[bisect(shares, rand() * shares[-1])]
                time = DAY + time_of_day(number / lines)
                client = clients[int(len(clients) * rand() ** 3)]  # few clients send most of the requests
                status = 500 + int(rand() * 4) if rand() < errors else 404 if rand() < 0.01 else 200
                latency = int(usual * (0.5 + rand() + 30 * rand() ** 24))
                line = (
                    f'{client} [{time.isoformat(timespec="milliseconds")}] "{method} '
                    f'{target.format(int(rand() * 5000))}" '
                    f'{status} {int(200 + 60_000 * rand() ** 4)} {latency} r{number:08x} "{AGENTS[int(rand() * 3)]}"\n'
                )
                file.write(line if number % 9973 else line[:40] + "\n")  # a torn write now and then
        unfinished.replace(path)
    return paths


# ---- the service ----------------------------------------------------------------------------------------------------

LINE = re.compile(r'(\S+) \[([^\]]+)\] "(\S+) ([^"]+)" (\d{3}) (\d+) (\d+) (\w+) "([^"]*)"')
NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class Record:
    """One request, parsed."""

    client: str
    time: datetime
    endpoint: str
    status: int
    sent: int  # bytes
    latency: int  # µs
    request_id: str


class RequestTracker:
    """What the readers know of each request, by its id, until an aggregator has counted it.

    The planted leak: Aggregate.add returns early for server errors and never calls finish() for them, so their entries
    stay here for ever: a dict, the request's id and its whole log line for each answer with status 5xx. They are
    allocated in start() and in read(). Calling finish() before that return would repair it.
    """

    def __init__(self) -> None:
        self._pending: dict[str, dict[str, str]] = {}

    def start(self, request_id: str, line: str, agent: str) -> None:
        self._pending[request_id] = {"line": line, "agent": agent}  # the leaking line

    def finish(self, request_id: str) -> None:
        self._pending.pop(request_id)

    def __len__(self) -> int:
        return len(self._pending)


tracker = RequestTracker()  # one for the service's life


@dataclass
class Aggregate:
    """What one aggregator has counted; any partition of the records merges to the same totals."""

    requests: int = 0
    sent: int = 0
    statuses: Counter = field(default_factory=Counter)
    errors: Counter = field(default_factory=Counter)  # by endpoint
    minutes: Counter = field(default_factory=Counter)
    clients: Counter = field(default_factory=Counter)
    latencies: defaultdict = field(default_factory=lambda: defaultdict(list))  # by endpoint
    visits: defaultdict = field(default_factory=lambda: defaultdict(list))  # seconds of the day, by client

    def add(self, record: Record) -> None:
        self.requests += 1
        self.sent += record.sent
        self.statuses[record.status] += 1
        self.minutes[record.time.strftime("%H:%M")] += 1
        self.clients[record.client] += 1
        self.visits[record.client].append((record.time - DAY).seconds)
        if record.status >= 500:
            self.errors[record.endpoint] += 1
            return  # the bug: tracker.finish() is not reached
        self.latencies[record.endpoint].append(record.latency)
        tracker.finish(record.request_id)

    def merge(self, other: Aggregate) -> None:
        self.requests += other.requests
        self.sent += other.sent
        for name in ("statuses", "errors", "minutes", "clients"):
            getattr(self, name).update(getattr(other, name))
        for name in ("latencies", "visits"):
            for key, values in getattr(other, name).items():
                getattr(self, name)[key].extend(values)


def read(path: Path, batches: queue.Queue) -> int:
    """Parses one file and hands its records on; returns the number of lines that are no request."""
    malformed = 0
    batch = []
    with open(path, encoding="ascii") as file:
        for line in file:
            match = LINE.match(line)
            if match is None:
                malformed += 1
                continue
            client, time, method, target, status, sent, latency, request_id, agent = match.groups()
            endpoint = f"{method} {NUMBER.sub(':id', target.partition('?')[0])}"
            tracker.start(request_id, line, agent)
            batch.append(
                Record(client, datetime.fromisoformat(time), endpoint, int(status), int(sent), int(latency), request_id)
            )
            if len(batch) == BATCH:
                batches.put(batch)
                batch = []
    batches.put(batch)
    return malformed


def aggregate(batches: queue.Queue) -> Aggregate:
    """Counts batches until a None comes."""
    result = Aggregate()
    try:
        while (batch := batches.get()) is not None:
            for record in batch:
                result.add(record)
    except BaseException:
        while batches.get() is not None:  # the readers must not wait for a queue that nobody empties
            pass
        raise
    return result


def analyse(paths: Iterable[Path], workers: int = 2) -> tuple[Aggregate, int]:
    """The totals of all files, and the number of malformed lines, by `workers` readers and as many aggregators."""
    batches: queue.Queue = queue.Queue(maxsize=8 * workers)
    with ThreadPoolExecutor(workers, "aggregator") as aggregators, ThreadPoolExecutor(workers, "reader") as readers:
        parts = [aggregators.submit(aggregate, batches) for _ in range(workers)]
        try:
            readings = [readers.submit(read, path, batches) for path in paths]
            malformed = sum(reading.result() for reading in readings)
        finally:
            readers.shutdown(cancel_futures=True)
            for _ in parts:
                batches.put(None)
        total = Aggregate()
        for part in parts:
            total.merge(part.result())
    return total, malformed


# ---- the summary ----------------------------------------------------------------------------------------------------


def percentile(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def sessions_of(visits: dict[str, list[int]]) -> tuple[int, int]:
    """How many sessions there were, and the length of the longest in seconds."""
    count = longest = 0
    for times in visits.values():
        times = sorted(times)
        start = 0
        for end in range(1, len(times) + 1):
            if end == len(times) or times[end] - times[end - 1] > SESSION_GAP:
                count += 1
                longest = max(longest, times[end - 1] - times[start])
                start = end
    return count, longest


def summary(total: Aggregate, malformed: int) -> str:
    lines = [
        f"{total.requests:,} requests of {len(total.clients):,} clients, {total.sent:,} bytes sent, "
        f"{malformed} malformed lines",
        "statuses: " + ", ".join(f"{status}: {count:,}" for status, count in sorted(total.statuses.items())),
        "",
        f"{'endpoint':<20} {'answered':>9} {'errors':>7} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9}",
    ]
    for endpoint in sorted(total.latencies.keys() | total.errors.keys()):
        ordered = sorted(total.latencies[endpoint])
        times = " ".join(f"{percentile(ordered, share) / 1000:9.2f}" for share in (0.5, 0.95, 0.99))
        lines.append(f"{endpoint:<20} {len(ordered):>9,} {total.errors[endpoint]:>7,} {times}")
    lines += ["", "top clients"]
    for client, count in sorted(total.clients.items(), key=lambda item: (-item[1], item[0]))[:5]:
        lines.append(f"  {client:<15} {count:>7,}")
    if total.minutes:
        minute, count = min(total.minutes.items(), key=lambda item: (-item[1], item[0]))
        sessions, longest = sessions_of(total.visits)
        lines += [
            f"busiest of {len(total.minutes):,} minutes: {minute} with {count:,} requests",
            f"{sessions:,} sessions, the longest of {timedelta(seconds=longest)}",
        ]
    return "\n".join(lines)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="log_analytics.py", description="Analyse a day of access logs, generated on first use."
    )
    parser.add_argument("--data", type=Path, help="where the logs are kept (default: a temporary directory)")
    parser.add_argument("--lines", type=positive, default=200_000, help="size of the generated logs (default: 200000)")
    parser.add_argument("--workers", type=positive, default=2, help="readers, and as many aggregators (default: 2)")
    options = parser.parse_args(arguments)
    with nullcontext(options.data) if options.data else tempfile.TemporaryDirectory() as directory:
        print(summary(*analyse(generate(Path(directory), options.lines), options.workers)))


if __name__ == "__main__":
    main()
