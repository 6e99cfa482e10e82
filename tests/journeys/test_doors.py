"""Which door a request goes through, and what stands behind none."""

import httpx
import pytest

from tests.journeys.network import Network

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/ocpi/", "/ocpi/9.9", "/ocpi/9.9/sender/locations", "/ocpi/tokens", "/ocpi/2.2.1x"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_ocpi_that_is_not_served_is_told_in_an_envelope(network: Network, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=network.up.http_url, trust_env=False, timeout=30) as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["status_code"]) == (404, 2000)
    assert "data" not in answer.json()


@pytest.mark.parametrize("path", ["/nothing", "/ocpi", "/api/operator/v1/nothing"])
async def test_what_is_not_served_otherwise_is_a_problem(network: Network, path: str) -> None:
    async with httpx.AsyncClient(base_url=network.up.http_url, trust_env=False, timeout=30) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
