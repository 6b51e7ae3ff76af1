"""Real parts for the tests: a Kafka broker, PostgreSQL, names that no other test uses.

Every server listens on loopback alone and ends with pytest, however that ends.
"""

import itertools
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from episode_monitor.demo.embedded import EmbeddedBroker, EmbeddedPostgres
from testbed import properties
from testbed.apache_kafka import ApacheKafka
from testbed.databases import Databases
from tests import slow

BROKER_KIND = os.environ.get("TEST_BROKER") or "embedded"
Broker = EmbeddedBroker | ApacheKafka

_BROKER_FIXTURES = {"broker", "private_broker"}
_run = uuid.uuid4().hex[:6]
_count = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --all."""
    parser.addoption("--all", action="store_true", help="the slow tests too, and all examples of the property tests")


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a wrong TEST_BROKER at once, instead of in every test."""
    if BROKER_KIND not in ("embedded", "apache"):
        raise pytest.UsageError(f"TEST_BROKER is {BROKER_KIND!r}; it must be 'embedded' or 'apache'.")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script, and children inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    properties.set_default(is_all=config.getoption("--all"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes a core, because tests of brokers and sessions wait most of their time. On Apache Kafka one more
    than cores: each has a broker and workers in processes of their own, whose sessions end when they starve."""
    cores = os.cpu_count() or 2
    return min(6, cores + 1 if BROKER_KIND == "apache" else 2 * cores)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says what runs, and on which broker."""
    broker = f"broker: {BROKER_KIND}" + ("" if BROKER_KIND == "apache" else " (TEST_BROKER=apache for Apache Kafka)")
    left = slow.left_out(_chosen(config), slow.EMBEDDED_SUFFICES) if BROKER_KIND == "apache" else {}
    only_embedded = [f"  only on the embedded broker: {name}" for name in left]
    return [*slow.header(_chosen(config), is_all=config.getoption("--all")), broker, *only_embedded]


def _chosen(config: pytest.Config) -> list[str]:
    """The paths and ids of the command line, relative to the tree."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    folder, root = config.invocation_params.dir, config.rootpath
    return [os.path.relpath(folder / argument, root) for argument in config.args]


def _leave_out_tests(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow ones, and on Apache Kafka those that are not about it. Of the others the slow ones come first, so that no
    process is left alone with one at the end."""
    chosen = _chosen(config)
    left = slow.left_out(chosen, slow.ALONE if config.getoption("--all") else slow.SLOW | slow.ALONE)
    if BROKER_KIND == "apache":
        left |= slow.left_out(chosen, slow.EMBEDDED_SUFFICES)
    out = [item for item in items if slow.is_in(item.nodeid, left)]
    items[:] = [item for item in items if not slow.is_in(item.nodeid, left)]
    items.sort(key=lambda item: not slow.is_in(item.nodeid, slow.SLOW))
    if out:
        config.hook.pytest_deselected(items=out)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves slow tests to --all; marks what uses a broker by its fixtures; skips, with the reason, what needs Apache
    Kafka and has it not."""
    _leave_out_tests(config, items)
    for item in items:
        needs_apache = item.get_closest_marker("apache") is not None
        if needs_apache or not _BROKER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)
        if needs_apache and BROKER_KIND != "apache":
            item.add_marker(pytest.mark.skip(reason="needs Apache Kafka: run with TEST_BROKER=apache"))


@pytest.fixture(scope="session")
def broker_kind() -> str:
    """`embedded` or `apache`."""
    return BROKER_KIND


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The `host:port` of a broker that all tests share. Use names of `topic_prefix`; do not stop it."""
    with _broker() as server:
        yield server.bootstrap_servers


@pytest.fixture
def private_broker() -> Iterator[Callable[[], Broker]]:
    """Makes started brokers of this test's own, to be killed and restarted at will."""
    with ExitStack() as stack:

        def start() -> Broker:
            server = _broker()
            stack.enter_context(server)
            return server

        yield start


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server that all tests share."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Databases:
    """The databases of that server that tests have had."""
    return Databases(postgres)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, databases: Databases) -> Iterator[str]:
    """The address of an empty database of this test alone."""
    name = databases.take()
    yield postgres.url(name)
    databases.give_back(name)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics, groups and application ids that no other test has used on this broker."""
    return f"t{_run}-{next(_count)}-"


def _broker() -> Broker:
    return ApacheKafka() if BROKER_KIND == "apache" else EmbeddedBroker()
