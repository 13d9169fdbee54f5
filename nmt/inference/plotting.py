"""Pictures of the attention, from Python."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nmt.errors import UnusableInput
from nmt.inference.texts import sentences, text_of
from nmt.inference.translation import Translation
from nmt.storage.location import Location

if TYPE_CHECKING:
    from nmt.inference.translator import Translator

log = logging.getLogger(__name__)

Path = str | os.PathLike[str]


def plot_attention(
    translator: Translator,
    text: str | Translation,
    path: Path,
    reference: str | None,
    words: bool,
    options: Mapping[str, Any],
) -> Translation:
    """See `Translator.plot_attention`."""
    if reference is not None and (options or isinstance(text, Translation)):
        what = "a Translation" if isinstance(text, Translation) else "options of the search"
        raise UnusableInput(f"along a reference nothing is searched; leave {what} out")
    target = _picture(path, ".png")
    sentence = text_of(text, "the sentence", Translation)
    if reference is None:
        (translation,) = _translations(translator, [sentence], options)
    else:
        (translation,) = translator.force([sentence], [text_of(reference, "the reference")])
    image = _draw(sentence, translation, words, caption="reference" if reference else "")
    target.write_bytes(image)
    _warn_of_missing_fonts([image])
    return translation


def plot_attentions(
    translator: Translator,
    texts: Iterable[str | Translation],
    path: Path,
    words: bool,
    options: Mapping[str, Any],
) -> list[Translation]:
    """See `Translator.plot_attentions`."""
    from nmt.report.sheet import contact_sheet

    target = _picture(path, ".pdf")
    texts = sentences(texts, also=Translation)
    translations = _translations(translator, texts, options)
    images = [_draw(*pair, words) for pair in zip(texts, translations, strict=True)]
    target.write_bytes(contact_sheet(images))
    _warn_of_missing_fonts(images)
    return translations


def _translations(
    translator: Translator, texts: Sequence[str | Translation], options: Mapping[str, Any]
) -> list[Translation]:
    """The translations of texts; what is a translation already stays as it is."""
    sources = [text for text in texts if not isinstance(text, Translation)]
    if options and texts and not sources:
        raise UnusableInput("a Translation is drawn as it is; leave options of the search out")
    translations = iter(translator.translate(sources, **options))
    return [text if isinstance(text, Translation) else next(translations) for text in texts]


def _picture(path: str | os.PathLike[str], ending: str) -> Location:
    """Where a picture goes.

    Raises:
        UnusableInput: its name does not end as those of its format do.
    """
    location = Location(path)
    if not location.name.lower().endswith(ending):
        raise UnusableInput(f"{location}: the picture is a {ending[1:].upper()}; name it …{ending}")
    return location


def _draw(text: str | Translation, result: Translation, words: bool, caption: str = "") -> bytes:
    """The heatmap of one translation as PNG."""
    from nmt.report.heatmap import attention_heatmap

    if not result.source_tokens or not result.tokens:
        raise UnusableInput("nothing to draw: the sentence or its translation is empty")
    if result.attention is None:
        raise UnusableInput("the model has no attention to draw (model.attention=none)")
    title = text.text if isinstance(text, Translation) else text
    return attention_heatmap(*result.heatmap(words), title=title, caption=caption)


def _warn_of_missing_fonts(pictures: Sequence[bytes]) -> None:
    """Name the package of the characters that pictures could not show."""
    from nmt.report import picture

    if line := picture.warning(pictures):
        log.warning(f"{line}")
