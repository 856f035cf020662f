#!/usr/bin/env python3
"""Asks a real Prometheus every expression of expressions.txt and keeps what it answers.

    ask.py [PROMETHEUS [PROMTOOL]]

Writes series.txt, two hours of samples in OpenMetrics, loads them into a Prometheus of its own by
`promtool tsdb create-blocks-from openmetrics`, asks each expression at an instant and over a range, and
writes answers.jsonl, one line per expression. The test `promql/tests/differential.rs` reads the three
files and needs no Prometheus.

Samples stand at seven seconds past each minute and instants at three, so that no sample lies on the
border of a range: Prometheus 2 counts the sample at its begin and Prometheus 3 does not.
"""

import json
import math
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BEGIN = 1_772_323_200  # 2026-03-01T00:00:00Z
MINUTES = 120
INSTANT = BEGIN + 3_603
RANGE = (BEGIN + 603, BEGIN + 6_363, 720)


def wave(place, minute):
    """A value that moves, of few digits, the same on every machine."""
    return round(0.2 + 0.05 * place + 0.1 * math.sin(minute / (7 + place)), 4)


def series():
    """Name, labels and value by minute; None is no sample."""
    place = 0
    for model in ("a", "b"):
        for version in ("1", "2"):
            for feature in ("x", "y", 'h"o{s}'):
                labels = {"model": model, "version": version, "feature": feature, "window": "1h"}
                yield "psi", labels, lambda minute, place=place: wave(place, minute)
                place += 1
            labels = {"model": model, "version": version}
            yield "rows", labels, lambda minute, place=place: 100 + (minute * place) % 37
            gap = range(20 * place, 20 * place + 11)
            yield "accuracy", labels, lambda minute, place=place, gap=gap: (
                None if minute % 60 in gap else round(0.9 - wave(place, minute) / 10, 4)
            )
    yield "owner", {"model": "a", "team": "red"}, lambda minute: 1
    yield "owner", {"model": "b", "team": "blue"}, lambda minute: 1
    yield "limit", {"model": "a"}, lambda minute: 0.3
    yield "limit", {"model": "b"}, lambda minute: 0.6
    yield "limit", {"model": "c"}, lambda minute: 0.9
    for kind, value in (("nan", math.nan), ("inf", math.inf), ("neg_inf", -math.inf), ("zero", 0), ("neg", -2.5)):
        yield "odd", {"kind": kind}, lambda minute, value=value: value
    yield "some", {"kind": "ends"}, lambda minute: minute if minute < 50 else None
    yield "some", {"kind": "begins"}, lambda minute: minute if minute > 57 else None
    yield "some", {"kind": "rare"}, lambda minute: minute * minute if minute % 9 == 0 else None
    yield "some", {"kind": "nan"}, lambda minute: math.nan if minute % 4 else minute
    for quantile in ("0.5", "0.9", "0.99"):
        labels = {"model": "a", "quantile": quantile}
        yield "latency", labels, lambda minute, quantile=quantile: round(float(quantile) * (1 + minute % 5) / 10, 4)
    yield "saw", {"model": "a"}, lambda minute: minute % 13
    yield "big", {"model": "a"}, lambda minute: 1e100 if minute % 2 else 1
    for kind in ("one", "two"):
        yield "huge", {"kind": kind}, lambda minute: 1.5e308
    yield "const", {"model": "a"}, lambda minute: 0.1


def number(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def write_series(path):
    """OpenMetrics wants the samples of a family together, and one series after the other."""
    families = {}
    for name, labels, value in series():
        families.setdefault(name, []).append((labels, value))
    with path.open("w", encoding="utf-8") as out:
        for name, members in families.items():
            out.write(f"# TYPE {name} gauge\n")
            for labels, value in members:
                quoted = (f'{key}={json.dumps(text)}' for key, text in labels.items())
                head = f"{name}{{{','.join(quoted)}}}"
                for minute in range(MINUTES):
                    sample = value(minute)
                    if sample is not None:
                        out.write(f"{head} {number(sample)} {BEGIN + 60 * minute + 7}\n")
        out.write("# EOF\n")


def ask(url, path, **params):
    """The data of an answer, or the type of its error."""
    request = f"{url}/api/v1/{path}?{urllib.parse.urlencode(params)}"
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        return {"error": json.load(error)["errorType"]}


def expressions():
    lines = (HERE / "expressions.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(prometheus="prometheus", promtool="promtool"):
    write_series(HERE / "series.txt")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        load = ["tsdb", "create-blocks-from", "openmetrics", HERE / "series.txt", folder / "data"]
        subprocess.run([promtool, *load], check=True, stdout=subprocess.DEVNULL)
        (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        server = subprocess.Popen(
            [
                prometheus,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                "--enable-feature=promql-at-modifier,promql-negative-offset",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{url}/-/ready")
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.1)
            version = ask(url, "status/buildinfo")["version"]
            start, end, step = RANGE
            with (HERE / "answers.jsonl").open("w", encoding="utf-8") as out:
                out.write(json.dumps({"prometheus": version}) + "\n")
                for query in expressions():
                    answer = {
                        "query": query,
                        "instant": ask(url, "query", query=query, time=INSTANT),
                        "range": ask(url, "query_range", query=query, start=start, end=end, step=step),
                    }
                    out.write(json.dumps(answer) + "\n")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
