"""Structured logs: JSON lines or coloured text on stderr, with the correlation id, without secrets.

Every line of ours and of the libraries passes `kit.redact`: values under telling names are replaced at any depth,
credentials inside texts are cut out, and objects show their type alone.
"""

import io
import logging
import sys
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from kit.redact import redact_mapping

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""What ties together all that happens because of one request, tap or job. Bound to each line."""

# They write whole URLs, queries included, or a line for each statement or font.
_QUIET = (
    *("httpx", "httpcore", "uvicorn.access", "aiosqlite", "sqlalchemy", "websockets", "asyncio", "nats"),
    *("fontTools", "fpdf"),
)


class bind_correlation:
    """Set the correlation id of this task from now on; used with `with`, until the block is left."""

    def __init__(self, value: str | None) -> None:
        self._token: Token[str | None] = correlation_id.set(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        correlation_id.reset(self._token)


def get(name: str) -> FilteringBoundLogger:
    """The logger of a module: `get("kit.bus").info("words", key=value)`: constant words, and what varies by name."""
    logger: FilteringBoundLogger = structlog.get_logger(logger_name=name)
    return logger


def configure(level: str = "INFO", json: bool = True, *, stream: TextIO | None = None) -> None:
    """Send the logs of this process, and of the libraries in it, to `stream` (stderr) as JSON lines or as text."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    target = stream or _CurrentStderr()
    renderer = _render(json, colors=target.isatty())
    _configure_structlog(threshold, renderer, target)
    handler = _Handler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_library_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_shared(), renderer],
        )
    )
    root = logging.getLogger()
    for other in [other for other in root.handlers if type(other) in (_Handler, logging.StreamHandler)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


class _Handler(logging.StreamHandler[TextIO]):
    """Ours among the handlers of the root logger, to be told from those of others."""


class _CurrentStderr(io.TextIOBase, TextIO):
    """Whatever stderr is at the moment of writing: tests and supervisors replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def _configure_structlog(threshold: int, renderer: Processor, stream: TextIO) -> None:
    structlog.configure(
        processors=[_own_name, *_shared(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: structlog.WriteLogger(stream),
        cache_logger_on_first_use=False,
    )


def _shared() -> list[Processor]:
    return [
        _add_correlation,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_line,
    ]


def _render(json: bool, *, colors: bool) -> Processor:
    if json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=colors)


def _add_correlation(_logger: object, _method: str, line: EventDict) -> EventDict:
    if (value := correlation_id.get()) is not None:
        line.setdefault("correlation_id", value)
    return line


def _own_name(_logger: object, _method: str, line: EventDict) -> EventDict:
    line["logger"] = line.pop("logger_name", None)
    return line


def _library_name(_logger: object, method: str, line: EventDict) -> EventDict:
    record: logging.LogRecord = line["_record"]
    line["logger"] = record.name
    return line


def redact_line(_logger: object, _method: str, line: EventDict) -> EventDict:
    """The last processor before the renderer: no secret passes."""
    return dict(redact_mapping(line))


if not structlog.is_configured():
    # A program that forgot to configure its logs must not leak either.
    _configure_structlog(logging.WARNING, _render(json=True, colors=False), _CurrentStderr())
