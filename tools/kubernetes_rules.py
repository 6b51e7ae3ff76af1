"""Writes the PrometheusRule of `deploy/kubernetes` from `deploy/prometheus-rules.yml`: the same groups, in the shape
that the Prometheus operator reads.

    .venv/bin/python -m tools.kubernetes_rules
"""

from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
TARGET = DEPLOY / "kubernetes" / "prometheus-operator" / "prometheus-rule.yaml"
HEAD = """\
# Made from deploy/prometheus-rules.yml by `python -m tools.kubernetes_rules`; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: episode-monitor
  labels:
    app.kubernetes.io/name: episode-monitor
spec:
"""


def prometheus_rule() -> str:
    """The manifest. Groups are indented as they stand, so that quotes and line breaks stay."""
    lines = (DEPLOY / "prometheus-rules.yml").read_text().splitlines()
    groups = lines[lines.index("groups:") :]
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in groups)


if __name__ == "__main__":
    TARGET.write_text(prometheus_rule())
