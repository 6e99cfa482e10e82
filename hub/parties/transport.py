"""Requests to partners over the fast client: what `ocpi.client` sends through when there are many of them."""

from collections.abc import Mapping

import aiohttp

from kit.http import Egress
from ocpi.errors import PeerUnreachable
from ocpi.peer_http import RawAnswer


class FastTransport:
    """An `ocpi.peer_http.Transport` over the guarded aiohttp session, which is opened with the first request."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """One exchange. Raises `PeerUnreachable`."""
        if self._session is None:
            self._session = self._egress.session()
        try:
            async with self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                return RawAnswer(answer.status, answer.headers, await answer.read())
        except TimeoutError:
            raise PeerUnreachable("the peer did not answer in time", timed_out=True) from None
        except (aiohttp.ClientError, ValueError, OSError) as error:  # ValueError: what is no URL
            raise PeerUnreachable(f"the peer could not be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close the connections to partners."""
        if self._session is not None:
            await self._session.close()
