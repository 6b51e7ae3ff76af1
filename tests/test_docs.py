"""The documents say what the code does: links lead somewhere, names exist, tables are whole, both READMEs are one."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from alert_sinks.limits import Limits
from episode_monitor.cli.app import app
from episode_monitor.exits import ExitCode
from episode_monitor.observe import one_readiness
from episode_monitor.replay_jobs.jobs import MAX_KEPT, MAX_KEPT_BYTES, MAX_WAITING
from episode_monitor.replay_jobs.orders import MAX_RESULT_BYTES
from episode_monitor.settings import generated_docs, korean
from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.settings.settings import Settings, settings_table
from episode_monitor.web.settings import MAX_BODY_BYTES, WebSettings
from models.dead_letter import DeadLetterReason
from models.event import FUTURE_TOLERANCE_MS, MAX_EPISODE_NUMBER, MAX_VALUE_BYTES, EventType
from models.wire import WireEvent
from streams.alerting import rule_types
from streams.alerting.rule import FLEET, MAX_WINDOW_MINUTES, Scope
from streams.alerting.rule_parsing import KEYS, parse_rules
from streams.alerting.verdict import Reason
from streams.numbering import finding_history
from streams.numbering.numbering import MAX_SET_ASIDE
from streams.partition.summary import MAX_ALERTS
from streams.project.project_state import HOURS_KEPT
from streams.project.step import MAX_RETRIES_COUNTED
from streams.rates import dedup_window
from streams.views.project_views import MAX_GAPS_LISTED
from tests.interop.clients import CLIENTS, MURMUR2
from tests.web.fake_views import FakeViews, fake_app
from tools import openapi_document
from tools.http_document import page

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "client" / "README.md",
        *ROOT.glob("examples/**/README.md"),
    ],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
GUIDE_NAMES = (
    "connect",
    "duty",
    "tutorial",
    "find-and-repair",
    "audit",
    "alerting",
    "on-call",
    "rules",
    "runbook",
    "dashboard",
    "settings",
    "metrics",
    "operations",
    "events",
    "client",
    "tracing",
    "reliability",
    "repair",
    "integrity",
    "architecture",
    "backfill",
)
GUIDES = [(f"docs/{name}.md", f"docs/{name}.ko.md") for name in GUIDE_NAMES]
READMES = (ROOT / "README.md", ROOT / "README.ko.md")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
SETTINGS = {row.name: row for row in settings_table()}
# Capital words with an underscore that are no settings of the monitor.
CLIENT_SETTINGS = {
    name
    for module in ("settings", "security", "tokens")
    for name in re.findall(
        r'"([A-Z]+_[A-Z_]+)"', (ROOT / f"client/episode_monitor_client/{module}.py").read_text(encoding="utf-8")
    )
}
OTHER_NAMES = {
    "NAME_FILE",  # of any secret
    "SASL_SSL",  # a value
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "OTEL_TRACES_SAMPLER",
    "TEST_BROKER",
    "METRIC_LABELS",
    "EVENT_FIELDS",
    "ALERT_DISPATCHER",  # of older versions
    "COMPILED_CORE",
    "COMPOSE_PROFILES",
    "POSTGRES_PASSWORD",
    "FAULTS_OLD_VERSION",
    "ROLLS_FROM",
    "FIELD_RULES",
    "NEEDS_EPISODE_ID",
    "NEEDS_EPISODE_NUMBER",
    "ON_THE_PAGE",
    "RULE_TYPES",
    *rule_types.ALERT_TYPES,
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def ids(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def without_code(document: str) -> str:
    return re.sub(r"```.*?```", "", document, flags=re.DOTALL)


def code_blocks(document: str) -> list[tuple[str, str]]:
    """(language, content) of each block."""
    return re.findall(r"```(\w*)\n(.*?)```", document, re.DOTALL)


def headings(document: str) -> list[tuple[int, str]]:
    """(level, words)."""
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) (.*)$", without_code(document), re.MULTILINE)]


def slug(words: str) -> str:
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def links(document: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", without_code(document))


def tables(document: str) -> Iterator[list[list[str]]]:
    """Each table as rows of cells, without the line of dashes."""
    for block in re.findall(r"(?:^\|.*\|$\n?)+", document, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        yield [row for row in rows if not set("".join(row)) <= set("-: ")]


def table(document: str, first_head: str) -> list[list[str]]:
    """The rows below the head of the one table that begins so."""
    (found,) = [rows for rows in tables(document) if rows[0][0] == first_head]
    return found[1:]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- all documents


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_link_inside_the_tree_leads_somewhere(path: Path) -> None:
    for link in links(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if anchor:
            known = [slug(words) for _, words in headings(file.read_text(encoding="utf-8"))]
            assert anchor in known, link


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=lambda path: path.name
)
def test_every_file_that_is_named_exists(path: Path) -> None:
    for name in re.findall(r"`([\w.-]+/[\w./-]*\.(?:css|html|js|md|py|toml|ya?ml))`", path.read_text(encoding="utf-8")):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "client", path.parent)), name


def test_each_list_of_how_to_add_has_a_step_for_each_file_of_code_and_one_for_documents_and_tests() -> None:
    document = text("CONTRIBUTING.md")
    rows = {re.findall(r"\[(.+)\]", what)[0].capitalize(): row for what, *row in table(document, "to add")}
    lists = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", document, re.MULTILINE | re.DOTALL))
    for title, body in lists.items():
        steps = re.findall(r"^\d+\. (?:(If )[^`\n]*)?(`[^`]+`)?", body, re.MULTILINE)
        files = [name for _, name in steps[:-1]]
        needed = sum(not may_be_left_out for may_be_left_out, _ in steps[:-1])
        assert rows.pop(title) == [str(needed) if needed == len(files) else f"{needed} to {len(files)}", files[0]]
        assert all((ROOT / name.strip("`")).exists() for name in files), title
    assert not rows


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_setting_that_is_named_exists(path: Path) -> None:
    if path.is_relative_to(ROOT / "examples"):
        return  # they have settings of their own
    for name in re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", path.read_text(encoding="utf-8")):
        assert name in SETTINGS or name in OTHER_NAMES or (name in CLIENT_SETTINGS and "client" in path.stem), name


def test_the_table_of_the_clients_settings_is_whole() -> None:
    shown = {name for row in table(text("docs/client.md"), "variable") for name in names_in(row[0])}
    assert shown == CLIENT_SETTINGS - {"SASL_PLAINTEXT", "SASL_SSL", "KEY_VALUES_MISMATCH"}  # values


def test_the_table_of_options_of_the_backfill_is_whole() -> None:
    from episode_monitor.cli.backfill import backfill

    shown = {names_in(row[0])[0].split()[0] for row in table(text("docs/backfill.md"), "option")}
    named = {"as_json": "--json"}
    assert shown == {named.get(name, f"--{name.replace('_', '-')}") for name in signature(backfill).parameters}


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_nothing_of_one_machine_is_named(path: Path) -> None:
    assert not re.search(r"/(?:home|root|Users|work)/|pypi\.|npmjs|repo1\.maven", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_no_mark_of_a_merge_is_left(path: Path) -> None:
    assert not re.search(r"^(?:<<<<<<<|>>>>>>>) ", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [READMES[0]]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        for link in links(path.read_text(encoding="utf-8")):
            waiting.append((path.parent / link.partition("#")[0]).resolve())
    ours = {path for path in DOCUMENTS if not path.is_relative_to(ROOT / "examples")}
    assert ours - reached == set()


@pytest.mark.parametrize("path", [*READMES, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_every_verb_of_run_exists(path: Path) -> None:
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    verbs = set(re.findall(r"^  (\w+)  ", usage, re.MULTILINE))
    for verb in re.findall(r"\./run ([a-z]\w*)", path.read_text(encoding="utf-8")):
        assert verb in verbs, verb


# --- the two READMEs


def test_both_readmes_have_the_same_headings_links_and_tables() -> None:
    english, korean = (path.read_text(encoding="utf-8") for path in READMES)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(korean)]
    other = {"README.md": "README.ko.md", **{korean_guide: guide for guide, korean_guide in GUIDES}}
    in_english = [in_other(link, other).replace("-ko-", "-en-") for link in links(korean)]  # pictures
    assert sorted(in_english) == sorted(links(english))
    shapes = [[(len(rows), len(rows[0])) for rows in tables(document)] for document in (english, korean)]
    assert shapes[0] == shapes[1]
    assert english.count("\n- ") == korean.count("\n- ")


def in_other(link: str, other: dict[str, str]) -> str:
    """The same place in the page of the other language; its headings are in the same order."""
    name, _, anchor = link.partition("#")
    if name not in other or not anchor:
        return other.get(link, link)
    place = [slug(words) for _, words in headings(text(name))].index(anchor)
    return f"{other[name]}#{slug(headings(text(other[name]))[place][1])}"


def commands_in(document: str) -> list[str]:
    blocks = [content for language, content in code_blocks(document) if language != "mermaid"]
    return [line.partition("  #")[0].rstrip() for content in blocks for line in content.splitlines()]


def test_both_readmes_have_the_same_commands() -> None:
    english, korean = (path.read_text(encoding="utf-8") for path in READMES)
    assert commands_in(english) == commands_in(korean)


@pytest.mark.parametrize("guides", GUIDES)
def test_both_languages_of_a_guide_have_the_same_headings_commands_and_words_in_code(guides: tuple[str, str]) -> None:
    english, korean = (text(name) for name in guides)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(korean)]
    assert commands_in(english) == commands_in(korean)
    assert set(names_in(without_code(english))) == set(names_in(without_code(korean)))
    shapes = [[(len(rows), len(rows[0])) for rows in tables(document)] for document in (english, korean)]
    assert shapes[0] == shapes[1]
    assert figures(english) == figures(korean)


@pytest.mark.parametrize("guides", GUIDES)
def test_a_korean_page_links_to_the_korean_page_of_a_guide(guides: tuple[str, str]) -> None:
    english, korean = (Path(name).name for name in guides)
    names = {Path(name).name for name, _ in GUIDES} - {english}
    assert names.isdisjoint(link.partition("#")[0] for link in links(text(f"docs/{korean}")))


def figures(document: str) -> set[str]:
    """Its numbers of three and more digits; smaller ones may be words."""
    read = re.sub(r"<!--.*?-->", "", without_code(document), flags=re.DOTALL)
    return {re.sub("[ ,]", "", one) for one in re.findall(r"\d{1,3}(?:[ ,]\d{3})+(?!\d)|\d{3,}", read)}


@pytest.mark.parametrize("name", ["docs/find-and-repair.md", "docs/repair.md", "docs/integrity.md", "docs/audit.md"])
def test_every_command_of_checks_and_repair_is_taken_as_it_is_written(name: str) -> None:
    lines = [line for line in commands_in(text(name)) if line.startswith("episode-monitor ")]
    assert lines
    for line in lines:
        help_of_it = CliRunner().invoke(app, [*shlex.split(line)[1:], "--help"])  # unknown words are refused before it
        assert help_of_it.exit_code == 0, line


def test_both_readmes_name_the_same_things_in_code() -> None:
    english, korean = (set(names_in(without_code(path.read_text(encoding="utf-8")))) for path in READMES)
    assert english == korean


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_defaults_in_the_readme_are_the_settings_own(path: Path) -> None:
    head = {"README.md": "variable", "README.ko.md": "변수"}[path.name]
    for variables, default, _ in table(path.read_text(encoding="utf-8"), head):
        shown, names = names_in(default), names_in(variables)
        if names == ["RULES_FILE"]:
            assert (ROOT / shown[0]).is_file()
        elif shown:
            assert shown == [SETTINGS[name].default for name in names]
        else:
            assert not any(SETTINGS[name].default for name in names)


def test_the_paths_in_the_readme_are_the_applications_own_and_none_is_left_out() -> None:
    shown: list[str] = []
    for cell, _ in table(text("README.md"), "path"):
        for name in names_in(cell):
            path = name.rpartition(" ")[2].partition("?")[0]
            shown.append(f"{shown[-1].rpartition('/')[0]}{path[1:]}" if path.startswith("…") else path)
    by_parameter = "/monitoring/episodes/integrity/project"  # the same view, with the id as a parameter
    jobs = {path for path in public_paths() if path.startswith("/monitoring/episodes/jobs")}  # named below the table
    assert {*shown, by_parameter, *jobs} == public_paths()


def public_paths() -> set[str]:
    app = fake_app(FakeViews(), WebSettings())
    described = {re.sub(r":path\}", "}", path) for path in app.openapi()["paths"]}
    return described | {"/", "/docs", "/openapi.json"}


# --- settings


def test_the_table_of_settings_is_fresh() -> None:
    assert text("docs/settings.md") == generated_docs.settings_markdown(), (
        "run python -m episode_monitor.settings.generated_docs"
    )


def test_every_setting_has_a_korean_text_and_their_page_is_fresh() -> None:
    assert korean.MEANINGS.keys() == SETTINGS.keys()
    assert text("docs/settings.ko.md") == generated_docs.korean_settings_markdown(), (
        "run python -m episode_monitor.settings.generated_docs"
    )


def test_the_example_of_an_env_file_is_fresh() -> None:
    assert text(".env.example") == generated_docs.env_example(), "run python -m episode_monitor.settings.generated_docs"


def test_every_setting_is_read_by_something() -> None:
    sources = "".join(
        path.read_text()
        for package in ("agents", "alert_sinks", "episode_monitor")
        for path in (ROOT / package).rglob("*.py")
    )
    unread = {
        name.upper() for name in Settings.model_fields if not re.search(rf"\b(?:settings|self)\.{name}\b", sources)
    }
    assert unread == set()


# --- rules


def test_the_table_of_rule_keys_is_whole() -> None:
    shown = [name for row in table(text("docs/rules.md"), "key") for name in names_in(row[0])]
    assert sorted(shown) == sorted(KEYS)


def test_the_table_of_alert_types_is_whole() -> None:
    assert [names_in(row[0])[0] for row in table(text("docs/rules.md"), "`alert_type`")] == [*rule_types.RULE_TYPES]


def test_the_table_of_reasons_is_whole() -> None:
    shown = [name for row in table(text("docs/rules.md"), "reason") for name in names_in(row[0])]
    assert sorted(shown) == sorted(reason.value for reason in Reason)


def test_the_settings_over_rules_are_those_that_replace_thresholds() -> None:
    shown = {names_in(row[0])[0]: names_in(row[1])[0] for row in table(text("docs/rules.md"), "setting")}
    environment: dict[str, Any] = {name.lower(): 1 for name in shown}
    overrides = Settings.model_construct(**environment).threshold_overrides
    assert {measure.name for measure in overrides} == set(shown.values())


def test_the_example_of_a_rule_is_one() -> None:
    import yaml

    blocks = code_blocks(text("docs/rules.md"))
    example, of_fleet, _inhibiting, *statistics, _tests = [
        content for language, content in blocks if language == "yaml"
    ]
    (rule,) = parse_rules(yaml.safe_load(example))
    assert (rule.rule_id, rule.min_samples, rule.window_minutes) == ("episode_failure_rate", 20, 15)
    (rule,) = parse_rules(yaml.safe_load(of_fleet))
    assert rule.scope is Scope.FLEET
    assert [parse_rules(yaml.safe_load(each))[0].rule_id for each in statistics] == [
        "episode_slo_fast",
        "episode_failures_quiet",
    ]


def test_the_inhibit_rule_of_the_page_lets_an_alert_about_all_projects_stand_for_the_single_ones() -> None:
    found = next(content for _, content in code_blocks(text("docs/rules.md")) if content.startswith("inhibit_rules"))
    whole = f"{found}route: {{receiver: team}}\nreceivers: [{{name: team}}]\n"
    (inhibit,) = parse_alerting(whole.encode(), "alerting.yaml").alerting.inhibit_rules
    of_all = {"alert_type": "HIGH_FAILURE_RATE", "project_id": FLEET}
    single = {"alert_type": "HIGH_FAILURE_RATE", "project_id": "proj_1"}
    assert inhibit.inhibits(of_all, single)
    assert not inhibit.inhibits(single, of_all)
    assert not inhibit.inhibits(of_all, of_all)
    assert not inhibit.inhibits(of_all, single | {"alert_type": "SLOW_CREATION"})


@pytest.mark.parametrize("name", ["docs/duty.md", "docs/duty.ko.md"])
def test_every_alert_type_has_the_section_that_its_alerts_link_to(name: str) -> None:
    assert {*rule_types.ALERT_TYPES} <= {words for _, words in headings(text(name))}


# --- events


def test_the_table_of_event_fields_is_whole() -> None:
    shown = [name for row in table(text("docs/events.md"), "field") for name in names_in(row[0])]
    assert shown == list(WireEvent.__struct_fields__)


def test_the_table_of_event_types_is_whole() -> None:
    assert [names_in(row[0])[0] for row in table(text("docs/events.md"), "type")] == [kind.value for kind in EventType]


def test_the_table_of_dead_letter_reasons_is_in_the_order_in_which_they_are_looked_for() -> None:
    assert [names_in(row[0])[0] for row in table(text("docs/events.md"), "reason")] == [
        reason.value for reason in DeadLetterReason
    ]


# --- operations


def test_the_table_of_exit_codes_is_whole() -> None:
    assert [int(row[0]) for row in table(text("docs/operations.md"), "code")] == [int(code) for code in ExitCode]


def test_the_table_of_the_parts_of_readiness_is_whole() -> None:
    sources = text("episode_monitor/worker_web.py") + text("episode_monitor/observe/worker_state.py")
    parts = re.findall(r'(?:Probe\(|looked\.append\(\()"(\w+)"', sources)
    parts.append(one_readiness.PART)
    assert sorted(names_in(row[0])[0] for row in table(text("docs/operations.md"), "part")) == sorted(parts)


@pytest.mark.parametrize(
    ("document", "first_head", "row", "bound"),
    [
        ("docs/rules.md", "key", "`window_minutes`", MAX_WINDOW_MINUTES),
        ("docs/architecture.md", "what", "window of a rule", MAX_WINDOW_MINUTES),
        ("docs/architecture.md", "what", "a record's value", MAX_VALUE_BYTES // 1024),
        ("docs/architecture.md", "what", "re-sent events recognised", dedup_window.MAX_SOURCES),
        ("docs/architecture.md", "what", "re-sent events recognised", dedup_window.MAX_INTERVALS),
        ("docs/architecture.md", "what", "implausible numbers set aside", MAX_SET_ASIDE),
        ("docs/architecture.md", "what", "history of findings", finding_history.KEPT),
        ("docs/architecture.md", "what", "gaps listed in an answer", MAX_GAPS_LISTED),
        ("docs/architecture.md", "what", "trend kept", HOURS_KEPT),
        ("docs/architecture.md", "what", "active alerts in a summary", MAX_ALERTS),
        ("docs/architecture.md", "what", "alerts in delivery", Limits().queue_limit),
        ("docs/architecture.md", "what", "alerts in delivery", int(Limits().give_up_seconds / 3600)),
        ("docs/architecture.md", "what", "a request's body", MAX_BODY_BYTES // 1024),
        ("docs/architecture.md", "what", "replays and backtests over HTTP", MAX_WAITING),
        ("docs/architecture.md", "what", "replays and backtests over HTTP", MAX_KEPT),
        ("docs/architecture.md", "what", "replays and backtests over HTTP", MAX_KEPT_BYTES >> 20),
        ("docs/architecture.md", "what", "replays and backtests over HTTP", MAX_RESULT_BYTES >> 20),
        ("docs/events.md", "reason", "`too_large`", MAX_VALUE_BYTES // 1024),
        ("docs/events.md", "reason", "`future_timestamp`", FUTURE_TOLERANCE_MS // 60_000),
        ("docs/events.md", "field", "`retry_count`", MAX_RETRIES_COUNTED),
        ("docs/events.md", "field", "`episode_number`", MAX_EPISODE_NUMBER),
    ],
)
def test_bounds_in_the_documents_are_those_of_the_code(document: str, first_head: str, row: str, bound: int) -> None:
    (cells,) = [cells for cells in table(text(document), first_head) if cells[0] == row]
    numbers = [int(digits) for digits in re.findall(r"\d+", " ".join(cells[1:]))]
    assert bound in numbers


# --- decisions and glossary


@pytest.mark.parametrize("path", DECISIONS, ids=ids(DECISIONS))
def test_a_decision_says_what_why_what_not_and_when_to_look_again(path: Path) -> None:
    document = path.read_text(encoding="utf-8")
    (level, title), *parts = headings(document)
    assert level == 1
    assert title.startswith(path.name[:4])
    assert parts == [(2, "Decision"), (2, "Why"), (2, "Refused"), (2, "Look again when")]


def test_all_decisions_are_in_their_index_under_their_titles() -> None:
    index = text("docs/decisions/README.md")
    for path in DECISIONS:
        title = headings(path.read_text(encoding="utf-8"))[0][1]
        assert f"[{title}]({path.name})" in index
    numbers = [path.name[:4] for path in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_the_glossary_has_one_word_for_one_thing_in_both_languages() -> None:
    rows = table(text("docs/glossary.md"), "term")
    for column in (0, 1):
        words = [row[column] for row in rows]
        assert len(words) == len(set(words))
    assert all(all(row) for row in rows)


# --- HTTP


def test_the_http_reference_is_fresh() -> None:
    made = page(msgspec.json.decode(openapi_document.DOCUMENT.read_bytes()))
    assert text("docs/http.md") == made, "run python -m tools.openapi_document"


# --- clients of others


def test_the_tables_of_clients_are_those_of_the_matrix() -> None:
    names = [f"{client.name} ({client.language})" for client in CLIENTS]
    sends = [
        [
            client.acks,
            "yes" if client.is_idempotent else "no",
            client.own_codec,
            ", ".join(client.codecs),
            client.own_hash,
            "all counted" if client.own_hash == MURMUR2 else "all counted; set murmur2 where others send, too",
        ]
        for client in CLIENTS
    ]
    assert table_of_clients("docs/reliability.md") == [[name, *row] for name, row in zip(names, sends, strict=True)]
    hashes = [[client.own_hash, client.to_murmur2] for client in CLIENTS]
    assert table_of_clients("docs/events.md") == [[name, *row] for name, row in zip(names, hashes, strict=True)]


def table_of_clients(name: str) -> list[list[str]]:
    return table(text(name), "client")


def test_every_scenario_of_the_fault_rounds_is_in_the_document() -> None:
    from faults.scenarios import SCENARIOS

    listed = [
        name
        for rows in tables(text("docs/reliability.md"))
        if rows[0][0] == "scenario"
        for row in rows
        for name in names_in(row[0])
    ]
    assert [name for name in SCENARIOS if name not in listed] == []
