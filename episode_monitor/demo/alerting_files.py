"""Where the demo's alerts go, and who is on call: files of `examples/demo`, with the addresses of this demo."""

from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples" / "demo"
_RECEIVER: Final = "http://127.0.0.1:8003"  # in the example


def write_alerting_files(folder: Path, receiver_url: str, webhook_secret: str) -> None:
    """Write them into the worker's folder."""
    secret = folder / "webhook-secret"
    secret.touch(0o600)
    secret.write_text(webhook_secret)
    for name in ("alerting.yaml", "oncall.yaml"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(_RECEIVER, receiver_url), encoding="utf-8")


def settings_of(folder: Path) -> dict[str, str]:
    """The settings that name them."""
    return {"ALERTING_FILE": str(folder / "alerting.yaml"), "ONCALL_FILE": str(folder / "oncall.yaml")}
