"""What a project id and a title may look like; the same for paths, queries and bodies."""

from typing import Annotated

from pydantic import StringConstraints

# No control characters: consumers of the events refuse them, and an episode they refuse is one they never count.
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]+$"

ProjectId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
EpisodeId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Title = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
