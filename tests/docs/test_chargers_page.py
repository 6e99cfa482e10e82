"""The page about chargers names what there is."""

from pathlib import Path
from typing import get_args

from csms.commands import CommandStatus
from hub.stations.operation_schemas import INTENTS

PAGE = (Path(__file__).parents[2] / "docs" / "chargers.md").read_text()


def test_every_operation_and_every_outcome_is_on_the_page() -> None:
    for intent in INTENTS:
        name = get_args(intent.model_fields["operation"].annotation)[0]
        assert f"`{name}`" in PAGE, name
    for status in CommandStatus:
        assert f"`{status.value}`" in PAGE, status
