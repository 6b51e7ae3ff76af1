"""Which pages are run on what. Pages of one system are run one after the other on the same one, in this order."""

from pathlib import Path

from tests.docs_commands.pages import ROOT
from tools.site.build import documents

# `alone`: nothing but the tree. `demo`: beside one `./run demo`. `kafka`: beside a downloaded
# Apache Kafka that the page starts. `clients`: beside an Apache Kafka, with the compilers of other languages.
PLAN = {
    "alone": ["README.md"],
    "demo": [
        "docs/audit.md",
        "docs/find-and-repair.md",
        "docs/integrity.md",
        "docs/on-call.md",
        "docs/alerting.md",
        "docs/duty.md",
        "docs/operations.md",
        "docs/repair.md",
        "docs/client.md",
        "docs/backfill.md",
    ],
    "kafka": ["docs/tutorial.md"],
    "clients": ["docs/connect.md"],
}


def english_pages() -> list[Path]:
    """All pages that are not translations; their commands are those of the translations."""
    return [path for path in documents() if not path.name.endswith(".ko.md")]


def page(name: str) -> Path:
    """Its file."""
    return ROOT / name
