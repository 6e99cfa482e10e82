"""Every setting says what it means, and the deployment page tells of those that a deployment needs."""

import re
from pathlib import Path

from hub.settings import Settings

DEPLOYMENT = Path(__file__).parents[2] / "docs" / "deployment.md"


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_deployment_page_names_only_settings_that_exist() -> None:
    named = {name.lower() for name in re.findall(r"PLUGBRIDGE_([A-Z_]+)", DEPLOYMENT.read_text())}
    assert named - set(Settings.model_fields) == set()
