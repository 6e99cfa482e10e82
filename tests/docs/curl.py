"""As much of curl as the pages use, for machines that have none."""

import argparse
import sys

import httpx


def main() -> None:
    """Send the request of the command line and print what is answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    asked = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.headers)
    answer = httpx.request(asked.method, asked.url, headers=headers, content=asked.body, trust_env=False, timeout=60)
    sys.stdout.buffer.write(answer.content)


if __name__ == "__main__":
    main()
