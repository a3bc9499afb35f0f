"""Text that may be printed: names of files can hold what a terminal would act upon."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """The text with control characters, line ends, marks of direction and bytes that are not UTF-8 as Python escapes.

    Args:
        text: to be printed.
        keep: characters that stay as they are, such as the line ends of a text of several lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    """Python's escape, with the byte that stands for itself in a name that is not UTF-8."""
    byte = ord(character) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode("ascii")
