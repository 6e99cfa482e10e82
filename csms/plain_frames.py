"""The short way of a plain message through a WebSocket: a whole, uncompressed text frame, as nearly all of them are.

`websockets` reads a frame byte by byte in generators and sends one through a context manager, which costs more than
everything that is done with most messages. Whatever is not plain (a part of a message, a control frame, what breaks the
protocol) still goes the way of `websockets`, in whole frames, so that the two never meet in the middle of one.
"""

try:
    from websockets.speedups import apply_mask
except ImportError:  # where there is no compiled one
    from websockets.utils import apply_mask

_WHOLE_TEXT = 0x81
"""The first byte of a plain frame: the last of its message, no extension, text."""
_MASKED = 0x80
_SHORT, _TWO_BYTES, _EIGHT_BYTES = 125, 126, 127


def frame_size(data: bytes) -> int | None:
    """The bytes of the frame of a client that begins here, its head included; None when its head is not all there."""
    if len(data) < 2:
        return None
    length = data[1] & 0x7F
    head = 2 + (4 if data[1] & _MASKED else 0)
    if length <= _SHORT:
        return head + length
    width = 2 if length == _TWO_BYTES else 8
    return None if len(data) < 2 + width else head + width + int.from_bytes(data[2 : 2 + width])


def text_of(frame: bytes) -> bytes | None:
    """The message in a whole frame of a client; None for a frame that is not plain."""
    if frame[0] != _WHOLE_TEXT or not frame[1] & _MASKED:
        return None
    length = frame[1] & 0x7F
    start = 2 if length <= _SHORT else 4 if length == _TWO_BYTES else 10
    return apply_mask(frame[start + 4 :], frame[start : start + 4])


def text_frame(message: bytes) -> bytes:
    """A message as the plain frame of a server."""
    length = len(message)
    if length <= _SHORT:
        return bytes((_WHOLE_TEXT, length)) + message
    if length < 2**16:
        return bytes((_WHOLE_TEXT, _TWO_BYTES)) + length.to_bytes(2) + message
    return bytes((_WHOLE_TEXT, _EIGHT_BYTES)) + length.to_bytes(8) + message
