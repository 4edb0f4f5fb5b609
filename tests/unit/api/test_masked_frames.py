"""Only masked WebSocket frames reach the parser, however the bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from api.http.masked_frames import MaskedFrames

INVALID = b"\xf0\x80"


class CapturingParser:
    """A parser that keeps its input."""

    def __init__(self) -> None:
        self.received = b""
        self.is_over = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.received += data
        return self.received.endswith(INVALID), b""

    def feed_eof(self) -> None:
        self.is_over = True


def frame(payload: bytes, *, masked: bool = True, first: int = 0x81) -> bytes:
    """Return a frame; the mask is four zeros, which leave the payload as it is."""
    mask, flag = (bytes(4), 0x80) if masked else (b"", 0)
    if len(payload) < 126:
        head = bytes([first, flag | len(payload)])
    elif len(payload) < 2**16:
        head = bytes([first, flag | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, flag | 127]) + len(payload).to_bytes(8, "big")
    return head + mask + payload


payloads = st.integers(0, 300).map(bytes) | st.sampled_from([bytes(125), bytes(126), bytes(2**16)])
cuts = st.lists(st.integers(1, 400), max_size=40)


def feed(frames: MaskedFrames, data: bytes, sizes: list[int]) -> bool:
    """Feed data in pieces; returns whether the last one ended the stream."""
    over = False
    for size in [*sizes, len(data) or 1]:
        piece, data = data[:size], data[size:]
        if piece:
            over, rest = frames.feed_data(piece)
            assert rest == b""
    return over


@given(st.lists(payloads, max_size=5), cuts)
def test_masked_frames_pass_unchanged(sent: list[bytes], sizes: list[int]) -> None:
    parser, data = CapturingParser(), b"".join(map(frame, sent))
    frames = MaskedFrames(parser)
    assert not feed(frames, data, sizes)
    assert parser.received == data
    frames.feed_eof()
    assert parser.is_over


@given(st.lists(payloads, max_size=5), payloads, st.sampled_from([0x81, 0x82, 0x88, 0x89, 0x01]), cuts)  # fmt: skip
def test_nothing_passes_after_an_unmasked_frame(
    before: list[bytes], payload: bytes, first: int, sizes: list[int]
) -> None:
    parser, good = CapturingParser(), b"".join(map(frame, before))
    frames = MaskedFrames(parser)
    feed(frames, good + frame(payload, masked=False, first=first), sizes)
    assert parser.received == good + INVALID
    assert frames.feed_data(frame(b"more")) == (True, b"")
    assert parser.received == good + INVALID
