"""The error tree and its JSON."""

import re

import pytest

import kit.bus
import kit.errors
import kit.http
import kit.idempotency
import kit.money
import kit.problems
from kit.errors import Conflict, InvalidInput, NotFound, Problem, RateLimited, problem_json


def classes(parent: type[Problem] = Problem) -> list[type[Problem]]:
    return [parent, *(found for child in parent.__subclasses__() for found in classes(child))]


def of_kit() -> list[type[Problem]]:
    return [found for found in classes() if found.__module__.startswith("kit.")]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = re.findall(r"[├└]── (\w+)\s+(\d{3})?\s+(\w+)", kit.errors.__doc__ or "")
    assert {(name, code) for name, _, code in drawn} | {("Problem", "internal")} == {
        (found.__name__, found.code) for found in of_kit()
    }
    statuses = {name: int(status) for name, status, _ in drawn if status}
    assert all(getattr(kit.errors, name).status == status for name, status in statuses.items())


def test_every_code_is_used_once() -> None:
    codes = [found.code for found in of_kit()]
    assert len(codes) == len(set(codes))


def test_a_problem_renders_as_rfc_9457_with_its_extensions() -> None:
    error = Conflict("the session has ended", extensions={"session_id": "s1"})
    assert problem_json(error, "/v1/sessions/s1", "c-1") == {
        "type": "urn:plugbridge:problem:conflict",
        "title": "Conflicts with the present state",
        "status": 409,
        "code": "conflict",
        "detail": "the session has ended",
        "instance": "/v1/sessions/s1",
        "correlation_id": "c-1",
        "session_id": "s1",
    }


def test_absent_members_are_left_out() -> None:
    document = problem_json(NotFound(), None, None)
    assert document.keys() == {"type", "title", "status", "code"}


def test_an_extension_cannot_overwrite_a_standard_member() -> None:
    with pytest.raises(ValueError, match="status"):
        InvalidInput("no", extensions={"status": 200})


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert RateLimited(retry_after_s=30).headers == {"Retry-After": "30"}


def test_a_subclass_without_a_proper_code_is_refused() -> None:
    with pytest.raises(TypeError, match="snake case"):
        type("Odd", (Problem,), {"code": "Not A Code"})
