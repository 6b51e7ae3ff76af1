"""Labels of the metrics that the monitor exports, for programs that make or read the same."""

METRIC_LABELS = {
    "project_id": "The project; _other is the sum of all projects without a label of their own",
    "success": "Whether the creation succeeded (true, false)",
    "retry_reason": "Why a creation was retried (conflict, timeout, error)",
    "severity": "How severe the alert is (info, warning, critical)",
    "alert_type": "The kind of alert",
}
