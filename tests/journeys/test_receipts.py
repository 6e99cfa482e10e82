"""What a driver gets for a session: a receipt with its number, as JSON, as a page and as a file, and by a link."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from facturx import get_xml_from_pdf, xml_check_xsd

from ocpi.endpoint import Interface
from payments.ledger.check import check
from tests.journeys.apps import NO_FEES, App, Bank, driver_app, guest_app, hub_with_cards
from tests.journeys.network import LOCATION, Json, Network, eventually
from tests.journeys.peers import hub_with
from tests.journeys.test_roaming import prepare_partner_charger

pytestmark = pytest.mark.anyio

SELLER: Json = {
    "name": "Canal Charging B.V.",
    "street": "Canal Street 2",
    "postal_code": "3511AB",
    "city": "Utrecht",
    "country": "NL",
    "vat_ids": {"NL": "NL123456789B01"},
    "complaint": {"email": "help@canal.example", "dispute_body": "De Geschillencommissie"},
}


@pytest.fixture
async def shop(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[tuple[Network, Bank]]:
    async with hub_with_cards(tmp_path, migrated_database_url) as opened:
        await opened[1].control("settings", NO_FEES)
        yield opened


async def charged(app: App, start: Json) -> None:
    """Let a session take some energy, then end it."""
    await app.until(start, "CHARGING")

    async def some_energy() -> bool:
        return float((await app.see(start))["energy_kwh"] or 0) > 0.01

    await eventually(some_energy)
    await app.stop(start)
    await app.until(start, "ENDED")


async def receipt(app: App, start: Json) -> Json:
    """The receipt once it is there."""

    async def there() -> Json | None:
        answer = await app.http.get(f"/starts/{start['id']}/receipt")
        if answer.status_code == 404:
            assert answer.json()["code"] == "receipt_not_ready"
            return None
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    found: Json = await eventually(there)
    return found


def added(lines: list[Json], name: str) -> Decimal:
    return sum((Decimal(line[name]) for line in lines), Decimal(0))


async def test_a_guest_gets_a_receipt_that_adds_up_to_what_was_taken(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    page = await guest_app(network)
    start = await page.start(await page.quote(energy_kwh=5), language="de")
    guest = await guest_app(network, start["token"])
    early = await guest.http.get(f"/starts/{start['id']}/receipt")
    assert (early.status_code, early.json()["code"]) == (404, "receipt_not_ready")
    await bank.enter_card(start["payment"]["client_secret"])
    await charged(guest, start)
    found = await receipt(guest, start)

    assert (found["kind"], found["title"]) == ("RECEIPT", "Quittung (Kleinbetragsrechnung)")
    assert found["number"].startswith("R-NL-")
    assert found["number"].endswith("-000001")
    assert found["country"] == "NL"
    assert (await guest.see(start))["cost"] == found["gross"], "what was seen while charging"
    assert added(found["lines"], "net") == Decimal(found["net"])
    assert added(found["vat_totals"], "vat") == Decimal(found["vat"])
    assert Decimal(found["net"]) + Decimal(found["vat"]) == Decimal(found["gross"])
    assert {line["code"] for line in found["lines"]} >= {"FLAT", "ENERGY"}
    [evidence] = found["evidence"]
    assert (evidence["verdict"], evidence["attachment"]) == ("none", None)
    means = found["payment"]
    assert (means["method"], means["card_brand"], means["card_last4"]) == ("card", "visa", "4242")
    assert means["taken"] == found["gross"]
    assert Decimal(means["held"]) == Decimal(means["taken"]) + Decimal(means["released"])

    answer = await guest.http.get(f"/starts/{start['id']}/receipt.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert found["number"] in answer.text
    first = await guest.http.get(f"/starts/{start['id']}/receipt.pdf")
    again = await guest.http.get(f"/starts/{start['id']}/receipt.pdf")
    assert first.content.startswith(b"%PDF-1.7")
    assert first.content == again.content, "always the same bytes"
    assert (await guest.http.get(f"/starts/{start['id']}/signed-meter-values.xml")).status_code == 404

    anybody = await guest_app(network)
    shared = await anybody.http.get(found["url"])
    assert shared.content == answer.content
    assert (await anybody.http.get(f"{found['url']}.pdf")).content == first.content
    assert (await anybody.http.get(f"{found['url']}0")).status_code == 404
    assert (await anybody.http.get(f"{found['url']}/signed-meter-values.xml")).status_code == 404, "there are none"
    for app, status in ((anybody, 401), (await driver_app(network), 404)):
        for form in ("", ".html", ".pdf"):
            assert (await app.http.get(f"/starts/{start['id']}/receipt{form}")).status_code == status


async def test_a_driver_with_an_invoice_and_a_free_one_each_get_their_own(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await network.station()
    kinds: dict[str, Any] = {}
    for payment in ("invoice", "free"):
        app = await driver_app(network, payment=payment, language="nl", reference=f"K-{payment}")
        start = await app.start(await app.quote())
        await charged(app, start)
        kinds[payment] = await receipt(app, start)
        listed = (await app.http.get("/documents")).json()
        assert [each["id"] for each in listed["items"]] == [kinds[payment]["id"]]
        one = (await app.http.get(f"/documents/{kinds[payment]['id']}")).json()
        assert one["lines"] == kinds[payment]["lines"]
    assert kinds["invoice"]["kind"] == "INVOICE"
    assert kinds["invoice"]["buyer"]["reference"] == "K-invoice"
    assert kinds["free"]["kind"] == "RECORD"
    assert kinds["free"]["gross"] == "0.00"
    assert Decimal(kinds["free"]["lines"][1]["quantity"]) > 0
    assert (await app.http.get(f"/documents/{kinds['invoice']['id']}")).status_code == 404, "another's"


async def test_what_others_wrote_is_shown_and_does_nothing(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    hostile = "<script>alert(1)</script> & Zoë 漢"
    await network.send("PUT", "/locations/LOC1", {**LOCATION, "name": hostile})
    await network.station()
    app = await driver_app(network, payment="invoice")
    start = await app.start(await app.quote())
    await charged(app, start)
    await receipt(app, start)
    page = (await app.http.get(f"/starts/{start['id']}/receipt.html")).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Zoë 漢" in page
    assert (await app.http.get(f"/starts/{start['id']}/receipt.pdf")).content.startswith(b"%PDF")


async def entered(network: Network, **changes: Any) -> None:
    await network.send("PUT", "/seller", {**SELLER, **changes})


async def test_a_refund_that_has_succeeded_has_a_credit_note(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await entered(network, prefix="PB-")
    await network.station()
    page = await guest_app(network)
    start = await page.start(await page.quote(energy_kwh=5))
    guest = await guest_app(network, start["token"])
    await bank.enter_card(start["payment"]["client_secret"])
    await charged(guest, start)
    found = await receipt(guest, start)
    assert found["number"].startswith("PB-R-NL-")
    assert found["seller"]["vat_id"] == "NL123456789B01"
    assert found["complaint"]["dispute_body"] == "De Geschillencommissie"

    async def captured() -> bool:
        return bool((await guest.see(start))["payment"]["state"] == "CAPTURED")

    await eventually(captured)
    path = f"/starts/{start['id']}/refunds"
    asked: Json = {"amount": "0.20", "reason": "The charger was slow"}
    key = {"Idempotency-Key": "refund-1"}
    first = await network.send("POST", path, asked, expect=202, headers=key)
    again = await network.send("POST", path, asked, expect=202, headers=key)
    assert [each["id"] for each in first] == [each["id"] for each in again]
    reused = await network.send("POST", path, {**asked, "amount": "0.30"}, expect=422, headers=key)
    assert reused["code"] == "idempotency_key_reused"

    async def noted() -> Json | None:
        seen = await receipt(guest, start)
        return seen if seen["credit_notes"] else None

    seen = await eventually(noted)
    [note] = seen["credit_notes"]
    assert (note["kind"], note["gross"], note["corrects"]) == ("CREDIT_NOTE", "0.20", found["id"])
    assert note["number"].startswith("PB-C-NL-")
    assert {name: seen[name] for name in ("number", "gross", "lines")} == {
        name: found[name] for name in ("number", "gross", "lines")
    }, "the receipt stays as it was"
    whole = await network.get(f"/documents/{note['id']}")
    assert whole["reason"] == "The charger was slow"
    assert found["number"] in whole["lines"][0]["text"]
    assert found["number"] in (await guest.http.get(note["url"])).text

    rest = Decimal(found["gross"]) - Decimal("0.20")
    more: Json = {"amount": f"{rest + Decimal('0.01'):f}", "reason": "All of it"}
    refused = await network.send("POST", path, more, expect=409, headers={"Idempotency-Key": "refund-2"})
    assert refused["code"] == "over_refund"
    await network.send(
        "POST", path, {**more, "amount": f"{rest:f}"}, expect=202, headers={"Idempotency-Key": "refund-3"}
    )

    async def all_back() -> Json | None:
        seen = await receipt(guest, start)
        return seen if len(seen["credit_notes"]) == 2 else None

    seen = await eventually(all_back)
    assert seen["credited"] == found["gross"]
    assert sum(Decimal(each["vat"]) for each in seen["credit_notes"]) == Decimal(found["vat"])
    assert [each["state"] for each in await network.get(path)] == ["SUCCEEDED", "SUCCEEDED"]

    async def even() -> bool:
        checked = await check(network.up.hub.db)
        assert checked.findings == ()
        kinds = {account.kind for (account, _), amount in checked.balances.items() if amount}
        return not {"driver_receivable", "vat", "provider_clearing"} & kinds

    await eventually(even)
    missing = await network.api.post("/starts/none/refunds", json=asked, headers=key)
    assert missing.status_code == 404


async def test_an_addressed_invoice_has_its_electronic_form_and_is_credited(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await entered(network, iban="NL91ABNA0417164300")
    await network.station()
    app = await driver_app(network, payment="invoice", reference="K-1001")
    buyer = {"name": "Fleet GmbH", "street": "Weg 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    address = f"/drivers/{app.driver_id}/invoice-address"
    assert (await network.api.get(address)).status_code == 404
    await network.send("PUT", address, buyer)
    assert (await network.get(address))["name"] == "Fleet GmbH"
    start = await app.start(await app.quote())
    await charged(app, start)
    found = await receipt(app, start)
    assert found["buyer"]["name"] == "Fleet GmbH"

    xml = (await app.http.get(f"/documents/{found['id']}/xml")).content
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")
    assert found["number"].encode() in xml
    pdf = (await network.api.get(f"/documents/{found['id']}/pdf")).content
    assert get_xml_from_pdf(pdf)[1] == xml
    path, key = f"/documents/{found['id']}/credit-notes", {"Idempotency-Key": "credit-1"}
    asked = {"amount": "0.10", "reason": "Kulanz"}
    note = await network.send("POST", path, asked, expect=201, headers=key)
    again = await network.send("POST", path, asked, expect=201, headers=key)
    assert (note["id"], note["number"]) == (again["id"], again["number"])
    assert xml_check_xsd((await network.api.get(f"/documents/{note['id']}/xml")).content, flavor="factur-x")
    refused = await network.send(
        "POST", path, {**asked, "amount": "500"}, expect=409, headers={"Idempotency-Key": "credit-2"}
    )
    assert refused["code"] == "over_refund"
    refund = await network.send(
        "POST", f"/starts/{start['id']}/refunds", asked, expect=409, headers={"Idempotency-Key": "credit-3"}
    )
    assert refund["code"] == "nothing_paid"
    both = await network.get("/documents", driver_id=app.driver_id)
    assert [each["kind"] for each in both["items"]] == ["CREDIT_NOTE", "INVOICE"]
    assert (await network.get("/documents", kind="RECEIPT"))["total"] == 0
    await network.api.delete(address)
    assert (await network.api.get(address)).status_code == 404


async def test_a_seller_is_read_back_and_nonsense_is_refused(own_network: Network) -> None:
    network = own_network
    assert (await network.api.get("/seller")).status_code == 404
    sent = await network.send("PUT", "/seller", SELLER)
    assert await network.get("/seller") == sent
    for wrong in ({"country": "Netherlands"}, {"vat_ids": {"NL": "<script>"}}, {"name": ""}, {"payment_days": -1}):
        assert (await network.api.put("/seller", json={**SELLER, **wrong})).status_code == 422


@pytest.mark.parametrize("payment", ["card", "invoice"])
async def test_a_session_that_its_operator_takes_back_is_given_back(shop: tuple[Network, Bank], payment: str) -> None:
    network, bank = shop
    cpo = await prepare_partner_charger(network)
    app = await driver_app(network, payment=payment)
    start = await app.start(await app.quote(location_id="BE-1", cpo="BE*CPO"))
    if payment == "card":
        await bank.enter_card(start["payment"]["client_secret"])
    await app.until(start, "ENDED")
    found = await receipt(app, start)
    [billed] = [each["cdr"] for each in (await network.get("/cdrs"))["items"]]
    costs = {
        name: {kind: -amount for kind, amount in billed[name].items()} for name in billed if name.endswith("_cost")
    }
    back = {**billed, **costs, "id": "CREDIT-1", "credit": True, "credit_reference_id": billed["id"]}
    for _ in range(2):
        await cpo.hub.client().post("cdrs", Interface.RECEIVER, body=orjson.dumps(back))

    async def noted() -> Json | None:
        seen = await receipt(app, start)
        return seen if seen["credited"] == found["gross"] else None

    seen = await eventually(noted)
    [note] = seen["credit_notes"]
    whole = await network.get(f"/documents/{note['id']}")
    assert whole["reason"] == "The operator of the charger took the session back"

    async def even() -> bool:
        checked = await check(network.up.hub.db)
        assert checked.findings == ()
        return not any(checked.balances.values())

    await eventually(even)


async def test_by_the_month_a_session_has_a_statement(tmp_path: Path, migrated_database_url: str) -> None:
    async with hub_with(
        tmp_path, migrated_database_url, invoice_every="month", driver_requests_per_s=0, session_update_interval_s=0.2
    ) as network:
        await network.publish()
        await network.station()
        app = await driver_app(network, payment="invoice")
        start = await app.start(await app.quote())
        await charged(app, start)
        found = await receipt(app, start)
        assert (found["kind"], found["number"][:5]) == ("STATEMENT", "T-NL-")
        assert Decimal(found["gross"]) > 0
        assert "This is no invoice" in (await app.http.get(f"/starts/{start['id']}/receipt.html")).text
