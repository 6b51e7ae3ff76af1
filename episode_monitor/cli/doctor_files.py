"""What `doctor` says of the alerting and of the on-call file."""

import time

from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.cli.output import count
from episode_monitor.settings.alerting_files import AlertingFiles, read_files
from episode_monitor.settings.settings import Settings, SettingsError
from streams.routing.shifts import who

_ALERTING, _ON_CALL = "alerting file", "on-call file"


def alerting_files(settings: Settings) -> list[Diagnosis]:
    """One of each file; a fault of the first leaves the second unread. Sinks have lines of their own."""
    try:
        files = read_files(settings, settings.alerting_path, settings.oncall_path)
    except SettingsError as error:
        return [Diagnosis(_ALERTING, DiagnosisLevel.WRONG, str(error))]
    return [_alerting(files), _on_call(files)]


def _alerting(files: AlertingFiles) -> Diagnosis:
    if files.alerting_path is None:
        sentence = "There is none: the settings make the receivers team and on-call."
        return Diagnosis(_ALERTING, DiagnosisLevel.OK, sentence)
    names = ", ".join(receiver.name for receiver in files.receivers)
    return Diagnosis(_ALERTING, DiagnosisLevel.OK, f"{files.alerting_path} can be used; receivers: {names}.")


def _on_call(files: AlertingFiles) -> Diagnosis:
    on_call = files.on_call
    if files.oncall_path is None:
        sentence = "There is none: critical alerts go to on-call after ESCALATE_AFTER_MINUTES."
        if not on_call.chains:
            sentence = "There is none, and the alerting file has no receiver on-call: no alert escalates."
        return Diagnosis(_ON_CALL, DiagnosisLevel.OK, sentence)
    shifts = [who(schedule, time.time_ns() // 1_000_000) for schedule in on_call.schedules]
    empty = [f"{shift.schedule} ({' '.join(shift.empty_layers)})" for shift in shifts if shift.person is None]
    if empty:
        sentence = f"{files.oncall_path}: without overrides nobody is on call now in {', '.join(empty)}"
        return Diagnosis(_ON_CALL, DiagnosisLevel.WRONG, sentence)
    persons = ", ".join(f"{shift.person} in {shift.schedule}" for shift in shifts)
    chains = count(len(on_call.chains), "chain")
    sentence = f"{files.oncall_path} can be used: {chains}; on call now, without overrides: {persons or 'nobody'}."
    return Diagnosis(_ON_CALL, DiagnosisLevel.OK, sentence)
