"""Values and thresholds with their units, as each language writes them."""

from alert_sinks.texts.catalogue import Texts
from models.alert import Alert, AlertInputs
from models.wording import MOST_DIGITS, apart, number
from streams.alerting.rule import FLEET
from streams.alerting.rule_types import FAILURE_RATE, SLOW_SHARE, alert_type


def value_of(alert: Alert, texts: Texts) -> str:
    """The value of an alert, in as many digits as distinguish it from its threshold. Of a rule on all projects that has
    no value in the unit of its threshold, the share that it was judged by."""
    inputs = alert.inputs
    rate = inputs.rate if isinstance(inputs, AlertInputs) else None
    if alert.value is None and alert.project_id == FLEET and rate is not None:
        return written(FAILURE_RATE.name, rate, float(SLOW_SHARE), texts)
    return written(alert.alert_type, alert.value, alert.threshold, texts)


def threshold_of(alert: Alert, texts: Texts) -> str:
    """The threshold of an alert."""
    shown = alert_type(alert.alert_type)
    if not texts.units:
        return shown.format_threshold(alert.threshold)
    return with_unit(shown.unit, number(alert.threshold, MOST_DIGITS), texts)


def written(type_name: str, value: float | None, threshold: float, texts: Texts) -> str:
    """A value of a type of alert, apart from a threshold."""
    shown = alert_type(type_name)
    if value is None:
        return texts.say("no_data")
    if not texts.units:
        return shown.format_value(value, threshold)
    return with_unit(shown.unit, apart(value, threshold, shown.unit == "%"), texts)


def with_unit(unit: str, text: str, texts: Texts) -> str:
    """A written number with a unit of `RuleType.unit`."""
    return texts.units.get(unit, "{0}").format(text)
