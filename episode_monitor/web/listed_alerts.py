"""Active alerts as the JSON of a list: each is described once, until anything of it changes."""

from collections.abc import Sequence

import msgspec

from agents.time_slices import Slice
from alert_sinks.texts.catalogue import Language
from alert_sinks.texts.languages import texts_of
from alert_sinks.texts.translation import translated
from episode_monitor.storage.paging import MAX_PAGE_ROWS
from episode_monitor.web.alert_desk import active_alert
from streams.dispatch.views import Seen

KEPT_MOST = 2 * MAX_PAGE_ROWS  # the largest page in two languages: some megabytes

_encode_seen = msgspec.msgpack.Encoder().encode
_encode = msgspec.json.Encoder().encode


class ListedAlerts:
    """Keeps the JSON of alerts by key and language, with the bytes of what each was made of: these are compared."""

    def __init__(self, kept_most: int = KEPT_MOST) -> None:
        self._kept_most = kept_most
        self._kept: dict[tuple[Language, str], tuple[bytes, msgspec.Raw]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def encoded(self, alerts: Sequence[Seen], language: Language) -> list[msgspec.Raw]:
        """Each as an `ActiveAlert`. Gives way to other work now and then."""
        found, one_slice = [], Slice()
        for one in alerts:
            made_of, place = _encode_seen(one), (language, one.alert.alert_key)
            kept = self._kept.get(place)
            if kept is None or kept[0] != made_of:
                kept = made_of, msgspec.Raw(described(one, language))
                self._keep(place, kept)
                await one_slice.step()
            found.append(kept[1])
        return found

    def _keep(self, place: tuple[Language, str], one: tuple[bytes, msgspec.Raw]) -> None:
        """The first to come is the first to go."""
        self._kept.pop(place, None)
        if len(self._kept) >= self._kept_most:
            del self._kept[next(iter(self._kept))]
        self._kept[place] = one


def described(one: Seen, language: Language) -> bytes:
    """The JSON of an alert, made anew."""
    return _encode(translated(active_alert(*one), texts_of(language)).to_dict())
