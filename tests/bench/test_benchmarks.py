"""The benchmarks run and say what they found. What they found is not judged here: that takes a machine at rest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.postgres import postgres_server

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted(path.stem for path in (ROOT / "bench").glob("bench_*.py"))
LINE = re.compile(r"[a-z0-9_]+ ratio=\d+\.\d\d target=\d+\.\d\d (ok|short)")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_benchmark_prints_a_line_for_each_ratio(benchmark: str) -> None:
    command = [sys.executable, "-m", f"bench.{benchmark}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines
    assert [line for line in lines if LINE.fullmatch(line) is None] == []


def test_a_durable_server_starts_and_is_gone_afterwards() -> None:
    with postgres_server(durable=True) as server:
        assert server.url("some") == f"postgresql://postgres@127.0.0.1:{server.port}/some"
        assert Path(f"/proc/{server.pid}").exists() or sys.platform != "linux"
    assert not Path(f"/proc/{server.pid}").exists()
