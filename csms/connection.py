"""The WebSocket of a station: that of `websockets`, with a short way for plain messages (`csms.plain_frames`)."""

from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from csms.backoffice import Admission
from csms.handshake import mend_request_line
from csms.plain_frames import frame_size, text_frame, text_of

_LONGEST_HEAD = 14


class StationConnection(ServerConnection):
    """A WebSocket on its way to a session: who it was admitted as."""

    admission: Admission | None = None
    _begun = False
    _in_frames = False
    """Whether all that came so far were whole frames, so that the next byte begins one."""
    _rest = b""
    """The beginning of a frame whose end has not come."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come; the request line, which comes first, may have to be mended."""
        if self._in_frames and self.protocol.state is State.OPEN:
            self._frames_received(self._rest + data if self._rest else data)
            return
        if not self._begun:
            self._begun = True
            data = mend_request_line(data)
        rest, self._rest = self._rest, b""
        # A request that has frames behind it, before it is answered, may end in the middle of one.
        self._in_frames = self.protocol.state is State.CONNECTING and data.endswith(b"\r\n\r\n")
        super().data_received(rest + data)

    async def send(self, message: Any, *, text: bool | None = None) -> None:
        """Send a message; plain ones go at once, unless the station is slow to take them."""
        if (
            text is True
            and self.protocol.state is State.OPEN
            and self.send_in_progress is None
            and not (self.paused or self.protocol.extensions or self.transport.is_closing())
        ):
            self.transport.write(text_frame(message))
        else:
            await super().send(message, text=text)

    def _frames_received(self, data: bytes) -> None:
        protocol = self.protocol
        longest = (protocol.max_message_size or 0) + _LONGEST_HEAD
        while data:
            size = frame_size(data)
            if size is not None and size > longest:
                self._in_frames, self._rest = False, b""
                return super().data_received(data)  # to be refused
            if size is None or size > len(data):
                break
            frame, data = (data, b"") if size == len(data) else (data[:size], data[size:])
            message = text_of(frame) if protocol.current_size is None and protocol.state is State.OPEN else None
            if message is None:
                super().data_received(frame)
            else:
                self.recv_messages.put(Frame(Opcode.TEXT, message))
        self._rest = data
