"""A folder as Apache Kafka's download has it, as far as the tutorial uses it: programs of the same names, on
the jars that Maven brings."""

from pathlib import Path

from testbed.apache_kafka import jars, java

_PROGRAMS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}
_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRefs = console
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
"""


def make_distribution(folder: Path) -> None:
    """Writes it. Raises ServerError where Java or the jars cannot be had."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    logging = folder / "log4j2.properties"
    logging.write_text(_LOGGING)
    for name, main_class in _PROGRAMS.items():
        options = f"-Xmx512m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile='{logging}'"
        logs = " 2>/dev/null" if name == "kafka-storage.sh" else ""
        (programs / name).write_text(
            f"#!/bin/sh\nexec '{java()}' {options} -cp '{jars()}/*' {main_class} \"$@\"{logs}\n"
        )
        (programs / name).chmod(0o755)
