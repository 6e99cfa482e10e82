"""The pages on payments name modules, jobs, plans and orders of the control API; each of them exists."""

import re
from pathlib import Path

from payments.fake_stripe.control import DOINGS, Control
from payments.hold_lifecycle import HoldState

ROOT = Path(__file__).parents[2]
PAYMENTS = (ROOT / "docs" / "payments.md").read_text()
FAKE = (ROOT / "docs" / "fake-stripe.md").read_text()


def test_every_module_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(\w+\.py)`", PAYMENTS))
    assert named <= {path.name for path in (ROOT / "payments").glob("*.py")}
    assert len(named) > 15


def test_every_state_of_a_hold_is_explained() -> None:
    assert set(re.findall(r"`([A-Z_]{4,})`", PAYMENTS)) >= set(HoldState)


def test_every_plan_is_listed() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", FAKE, re.MULTILINE)) - {"do"} == DOINGS


def test_every_order_that_the_page_shows_is_one() -> None:
    orders = {order.replace("-", "_") for order in re.findall(r"/_control/([a-z-]+)", FAKE)} - {"disputes"}
    assert all(hasattr(Control, order) for order in orders)
