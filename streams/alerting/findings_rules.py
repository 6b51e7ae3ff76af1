"""A rule on findings made ready to be judged by their number."""

from mypy_extensions import mypyc_attr

from streams.alerting.verdict import Reason, Verdict
from streams.numbering.numbering import Numbering


def findings_of(numbering: Numbering, split: tuple[int, ...]) -> int:
    """Those that count. A number that a split project lacks in one partition may be in another, so it has none.
    `split`: its partitions, where there are several."""
    return 0 if split else numbering.anomalies.findings


@mypyc_attr(acyclic=True)
class FindingsRule:
    """More than `most` open gaps and duplicates are too many."""

    __slots__ = ("most", "rule_id")

    def __init__(self, rule_id: str, most: int) -> None:
        self.rule_id = rule_id
        self.most = most

    def verdict(self, numbering: Numbering, split: tuple[int, ...]) -> Verdict:
        """On a project's numbers; see `findings_of`."""
        findings = findings_of(numbering, split)
        reason = Reason.SPLIT if split else Reason.BACK_TO_NORMAL
        return Verdict(findings > self.most, findings, reason, numbering.episodes.count)
