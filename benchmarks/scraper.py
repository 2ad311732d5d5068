"""A scraper in a process of its own: `python -m benchmarks.scraper PORT`, until it is killed.

It asks every 100 ms, far more often as a Prometheus does, and prints what each took.
"""

import sys
from http.client import HTTPConnection
from time import perf_counter, sleep

EVERY_SECONDS = 0.1


def scrape(port: int) -> float:
    """Ask once; the milliseconds until the last byte."""
    began = perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics", headers={"Accept": "text/plain;version=1.0.0"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    assert b"\nagentd_up 1.0\n" in body
    return (perf_counter() - began) * 1e3


def main() -> None:
    """Scrape on and on."""
    while True:
        took = scrape(int(sys.argv[1]))
        print(took, flush=True)
        sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
