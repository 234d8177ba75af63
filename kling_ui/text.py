"""A sentence a user reads, in every language the page speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Lang = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in English and in Chinese; ``{name}`` marks a place for `fill`."""

    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en

    def fill(self, **values: object) -> Text:
        """Both sentences with their places filled; a value that is itself a `Text` is put in
        in the language of the sentence around it."""
        return Text(
            *(
                sentence.format(
                    **{k: v.of(lang) if isinstance(v, Text) else v for k, v in values.items()}
                )
                for lang, sentence in ((_EN, self.en), (_ZH, self.zh))
            )
        )

    def __add__(self, other: Text) -> Text:
        """Two sentences after one another; Chinese needs no space between them."""
        return Text(f"{self.en} {other.en}", f"{self.zh}{other.zh}")


_EN: Lang = "en"
_ZH: Lang = "zh"
