"""Text out of tokens: nothing lost, no half characters, nothing after a stop string."""

from hypothesis import given
from hypothesis import strategies as st

from engines.local.written_text import BROKEN, StopStrings, TokenDecoder


def decode_bytes(tokens: list[int]) -> str:
    """A tokenizer with a token for every byte."""
    return bytes(tokens).decode("utf-8", errors="replace")


def written(tokens: list[int]) -> list[str]:
    decoder = TokenDecoder(decode_bytes)
    return [*(decoder.feed(token) for token in tokens), decoder.flush()]


@given(st.text())
def test_every_character_comes_whole_and_once(text: str) -> None:
    pieces = written(list(text.encode()))

    assert "".join(pieces) == text
    assert BROKEN in text or not any(BROKEN in piece for piece in pieces)


@given(st.lists(st.integers(0, 255)))
def test_bytes_that_are_no_text_become_what_the_tokenizer_makes_of_them(tokens: list[int]) -> None:
    assert "".join(written(tokens)) == decode_bytes(tokens)


@given(st.lists(st.text(alphabet="ab。")), st.lists(st.text(alphabet="ab。", min_size=1), max_size=4))
def test_a_text_ends_before_the_first_stop_string(pieces: list[str], strings: list[str]) -> None:
    stops = StopStrings(strings)
    said = ""
    for piece in pieces:
        said += stops.feed(piece)
        if stops.found:
            break
    said += stops.flush()

    whole = "".join(pieces)
    assert whole.startswith(said)
    assert not any(string in said for string in strings)
    assert stops.found == any(string in whole for string in strings)
    if stops.found:
        assert any(whole[len(said) :].startswith(string) for string in strings)
    else:
        assert said == whole


def test_what_cannot_be_part_of_a_stop_string_is_not_held_back() -> None:
    stops = StopStrings(["\n\n"])

    assert [stops.feed(piece) for piece in ("好的", "。\n", "再见", "\n")] == ["好的", "。", "\n再见", ""]
    assert stops.flush() == "\n"
