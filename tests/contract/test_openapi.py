"""The committed OpenAPI documents are those of the code."""

import json

import pytest

from hub.openapi import FOLDER, documents, render


@pytest.fixture(scope="module")
def current() -> dict[str, str]:
    return {name: render(document) for name, document in documents().items()}


def test_the_committed_documents_are_up_to_date(current: dict[str, str]) -> None:
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert committed == current, "run `make openapi` and commit the difference"


def test_every_operation_is_named_and_needs_a_key(current: dict[str, str]) -> None:
    operator = json.loads(current["operator.json"])
    for path, operations in operator["paths"].items():
        for verb, operation in operations.items():
            assert "_" in operation["operationId"], f"{verb} {path}"
            assert operation["security"], f"{verb} {path}"
