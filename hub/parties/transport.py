"""Requests to partners over the fast client: what `ocpi.client` sends through when there are many of them."""

from collections.abc import Mapping

import httpx

from kit.http import Direct, Egress
from ocpi.errors import PeerUnreachable
from ocpi.peer_http import Fields, RawAnswer


class FastTransport:
    """An `ocpi.peer_http.Transport` over the guarded fast client, which is made for the first request."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._direct: Direct | None = None

    async def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        standing: Fields = (),
    ) -> RawAnswer:
        """One exchange. Raises `PeerUnreachable`."""
        if self._direct is None:
            self._direct = self._egress.direct()
        try:
            answer = await self._direct.request(
                method, url, headers, body or b"", timeout_s=timeout_s, standing=standing
            )
        except httpx.TimeoutException:
            raise PeerUnreachable("the peer did not answer in time", timed_out=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # ValueError: a name or a header
            raise PeerUnreachable(f"the peer could not be reached ({type(error).__name__})") from None
        return RawAnswer(*answer)

    async def close(self) -> None:
        """Close the connections to partners."""
        if self._direct is not None:
            await self._direct.aclose()
