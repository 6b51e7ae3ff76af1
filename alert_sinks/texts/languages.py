"""All languages."""

from alert_sinks.texts.catalogue import Language, Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.korean import KOREAN

_ALL = {each.language: each for each in (ENGLISH, KOREAN)}


def texts_of(language: Language) -> Texts:
    """The words of a language."""
    return _ALL[language]
