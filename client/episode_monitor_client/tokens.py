"""Bearer tokens for Kafka (SASL mechanism OAUTHBEARER): read from a file or printed by a command, anew for each login
where the last one ends soon. Brokers end a connection when its token has expired; the next login then has a new one.
The monitor's own clients take their tokens from here, too.
"""

import asyncio
import base64
import json
import shlex
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

COMMAND_SECONDS = 10.0
ENDS_SOON_SECONDS = 30.0  # such a token is not used for another login
OPAQUE_SECONDS = 30.0  # how long a token that does not say when it ends is used for further logins
MOST_BYTES = 64 * 1024

FILE_SETTING, COMMAND_SETTING = "KAFKA_SASL_OAUTH_TOKEN_FILE", "KAFKA_SASL_OAUTH_TOKEN_COMMAND"


class NoToken(KafkaConnectionError):  # type: ignore[misc]
    """There is no token to log in with; the message is one sentence for people."""

    def __str__(self) -> str:
        return str(self.args[0])


class TokenSource(AbstractTokenProvider):  # type: ignore[misc]
    """`token` is what aiokafka asks at each login. `now` is the wall clock in seconds."""

    def __init__(self, file: Path | None, command: str, now: Callable[[], float] = time.time) -> None:
        self._file, self._command, self._now = file, command, now
        self._last, self._good_until = "", 0.0

    async def token(self) -> str:
        """A token that does not end soon. Raises NoToken."""
        if self._file is not None:
            return _checked(_text_of(self._file), FILE_SETTING, "write a token into the file", self._now())
        if self._now() < self._good_until:
            return self._last
        self._last = _checked(await _printed_by(self._command), COMMAND_SETTING, "correct the command", self._now())
        ends_at = end_of(self._last)
        self._good_until = self._now() + OPAQUE_SECONDS if ends_at is None else ends_at - ENDS_SOON_SECONDS
        return self._last


@cache
def token_source(file: Path | None, command: str) -> TokenSource:
    """One for all clients of the process, so that one run of the command serves them all."""
    return TokenSource(file, command)


class BearerAuthenticator(OAuthAuthenticator):  # type: ignore[misc]
    """aiokafka takes the broker's refusal, which comes as a challenge, for a success."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Raises SaslAuthenticationFailed."""
        if self._token_sent and payload:
            raise SaslAuthenticationFailed(payload.decode(errors="replace"))
        step: tuple[bytes, bool] | None = await super().step(payload)
        return step


def end_of(token: str) -> float | None:
    """When a JSON Web Token says that it ends, in epoch seconds; None where it does not say."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES).decode("ascii").strip()
    except IsADirectoryError:
        raise NoToken(f"{FILE_SETTING} is a folder; name the file in it that holds the token.") from None
    except OSError as error:
        raise NoToken(f"{FILE_SETTING} cannot be read ({error.strerror}); correct the path or its rights.") from None
    except UnicodeDecodeError:
        raise NoToken(f"{FILE_SETTING} holds no token: a token is ASCII text; write a token into the file.") from None


async def _printed_by(command: str) -> str:
    """What the command prints, without a shell. Raises NoToken; what it says on standard error may be secret."""
    process = None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            printed, _ = await process.communicate()
    except TimeoutError:
        raise NoToken(f"{COMMAND_SETTING} printed no token within {COMMAND_SECONDS:g} s; try it by hand.") from None
    except OSError as error:
        raise NoToken(f"{COMMAND_SETTING} cannot be started ({error.strerror}); correct the command.") from None
    finally:
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NoToken(f"{COMMAND_SETTING} ended with exit code {process.returncode}; try it by hand.")
    return printed[:MOST_BYTES].decode("ascii", errors="replace").strip()


def _checked(token: str, setting: str, mend: str, now: float) -> str:
    if not token:
        raise NoToken(f"{setting} gives an empty token; {mend}.")
    if not token.isprintable() or not token.isascii() or " " in token:
        raise NoToken(f"{setting} gives a text that is no token: it must be one word of ASCII characters; {mend}.")
    ends_at = end_of(token)
    if ends_at is not None and ends_at <= now:
        raise NoToken(f"{setting} gives a token that expired; renew it, or check this machine's clock.")
    return token
