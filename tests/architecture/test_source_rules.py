"""Rules of the house that can be read off the source: each is tried on what it is for, then on the whole project."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("kit", "ocpi", "auth", "payments", "csms", "hub", "simulators")
OURS = (*PACKAGES, "bench", "tests", "docs", "openapi", ".ci")

# Reading one of these is reading the machine's wall clock, whether it is called here or passed on.
WALL_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "sqlalchemy.func.now",
    "sqlalchemy.func.current_timestamp",
}

MAX_LINES = 400
MAX_LINES_OF_A_TEST = 600  # a list of cases is read one case at a time
LONGER = {"hub/migrations/versions": "a migration lists a whole schema, is written once and never changed"}

# A package registry's host, or a path of somebody's machine.
PLACES = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates)\.(?:org|com|io)\b|(?<![\w./}>-])/(?:work|tmp|root|home)\b(?!\.)"
)


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commits(source: str) -> list[int]:
    """The lines that commit a transaction, or hand the method on."""
    if "commit" not in source:
        return []  # as nearly all: it need not be parsed
    return [n.lineno for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute) and n.attr == "commit"]


def clock_readings(source: str) -> list[int]:
    """The lines that read the wall clock, under whatever name it was imported."""
    tree = ast.parse(source)
    meaning: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                meaning[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def dotted(node: ast.AST) -> str:
        if isinstance(node, ast.Attribute):
            return f"{dotted(node.value)}.{node.attr}"
        return meaning.get(node.id, "") if isinstance(node, ast.Name) else ""

    return sorted(
        {n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Attribute) and dotted(n) in WALL_CLOCK}
    )


@pytest.mark.parametrize("expression", ["session.commit()", "await self.session.commit()", "run(connection.commit)"])
def test_a_commit_is_seen(expression: str) -> None:
    assert commits(f"async def f(self):\n    {expression}") == [2]


def test_only_the_unit_of_work_commits() -> None:
    found = {name(path) for path in sources(*PACKAGES) if commits(path.read_text())}
    assert found == {"kit/tx.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "from datetime import datetime\ndatetime.now(tz)",
        "from datetime import datetime as moment\nmoment.utcnow()",
        "from datetime import date\ndate.today()",
        "import time\ntime.time()",
        "import time as t\nt.time_ns()",
        "from time import time\ntime()",
        "from time import time as seconds\nfield(default_factory=seconds)",
        "def f():\n    from datetime import datetime\n    return datetime.today",
        "from sqlalchemy import func\ncolumn(server_default=func.now())",
    ],
)
def test_a_reading_of_the_wall_clock_is_seen(source: str) -> None:
    assert clock_readings(source)


@pytest.mark.parametrize(
    "source",
    [
        "clock.now()",
        "from kit.clock import Clock\ndef f(clock: Clock): return clock.now()",
        "from datetime import datetime\ndatetime.fromisoformat(text)",
        "from datetime import time\ntime(8, 30)",
        "import time\ntime.monotonic()",
        "class Tx:\n    now: int\nTx().now",
    ],
)
def test_time_that_is_passed_in_is_no_reading(source: str) -> None:
    assert not clock_readings(source)


def test_only_the_clock_reads_the_wall_clock() -> None:
    found = {name(path) for path in sources(*PACKAGES) if clock_readings(path.read_text())}
    assert found == {"kit/clock.py"}


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    def allowed(path: str) -> int:
        return MAX_LINES_OF_A_TEST if path.startswith("tests/") else MAX_LINES

    lengths = {name(path): len(path.read_text().splitlines()) for path in sources(*PACKAGES, "bench", "tests")}
    too_long = {path for path, lines in lengths.items() if lines > allowed(path)}
    assert {path for path in too_long if not path.startswith(tuple(LONGER))} == set()


@pytest.mark.parametrize("text", ["see https:||pypi~org|simple", "cd |work|main", "--hash |tmp|x", "(|root|.cache)"])
def test_a_place_outside_the_project_is_seen(text: str) -> None:
    assert PLACES.search(text.replace("|", "/").replace("~", "."))


@pytest.mark.parametrize("text", ["network/worker", "{base}/tmp", "https://example.com/home", "var/lib/plugbridge"])
def test_a_place_inside_a_url_or_a_word_is_none(text: str) -> None:
    assert not PLACES.search(text)


def test_no_text_names_a_package_registry_or_somebodys_machine() -> None:
    # In a worktree, `.git` is a file that names its place.
    texts = [path for path in ROOT.iterdir() if path.is_file() and path.suffix != ".db" and path.name != ".git"]
    for folder in OURS:
        texts += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    found = [
        f"{name(path)}:{number}: {line.strip()[:100]}"
        for path in texts
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []
