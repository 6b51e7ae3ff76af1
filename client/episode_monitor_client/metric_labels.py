"""Labels of the metrics that the monitor exports, for programs that make or read the same."""

METRIC_LABELS = {
    "project_id": "The project; _other stands for all that have no label of their own",
    "success": "Whether the creation succeeded (true, false)",
    "retry_reason": "Why a creation was tried again (conflict, timeout, error)",
    "severity": "How severe the alert is (info, warning, critical)",
    "alert_type": "The kind of alert",
}
