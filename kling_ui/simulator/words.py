"""Which words a prompt contains, in English and in Chinese."""

import re
import unicodedata


def fold(prompt: str) -> str:
    """The prompt in lower case and without accents: "Café" becomes "cafe"."""
    letters = unicodedata.normalize("NFKD", prompt.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def place(folded: str, word: str) -> int:
    """Where the word first stands in a folded prompt; -1 when it does not.

    An English word must stand alone (a plural ending is allowed), a Chinese one may stand anywhere.
    """
    if not word.isascii():
        return folded.find(word)
    found = re.search(rf"\b{re.escape(word)}(s|es)?\b", folded)
    return found.start() if found else -1


def mentions(folded: str, words: tuple[str, ...]) -> bool:
    return any(place(folded, word) >= 0 for word in words)
