"""Secrets that are files: read with or without a line break at the end; what cannot be one is one sentence."""

from pathlib import Path

import pytest

from episode_monitor.settings.env_file import notices
from episode_monitor.settings.settings import SECRET_NAMES, Settings, SettingsError, load_settings


def written(folder: Path, content: bytes) -> str:
    (folder / "secret").write_bytes(content)
    return str(folder / "secret")


@pytest.mark.parametrize("content", [b"hush-hush-hush-hush", b"hush-hush-hush-hush\n", b"hush-hush-hush-hush\r\n"])
def test_a_secret_is_read_and_a_line_break_at_its_end_is_none_of_it(tmp_path: Path, content: bytes) -> None:
    settings = load_settings({"INTERNAL_TOKEN_FILE": written(tmp_path, content)})
    assert settings.internal_token is not None
    assert settings.internal_token.get_secret_value() == "hush-hush-hush-hush"
    assert "hush" not in str(settings.public()["INTERNAL_TOKEN"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "INTERNAL_TOKEN_FILE is empty; write the secret into it."),
        (b" \n", "INTERNAL_TOKEN_FILE is empty; write the secret into it."),
        (
            b"hush\nhush\n",
            "INTERNAL_TOKEN_FILE has several lines; a secret is one line, so write nothing else into it.",
        ),
        (b"h" * 65_537, "INTERNAL_TOKEN_FILE has several lines; a secret is one line, so write nothing else into it."),
        (b"\xff\xfe", "INTERNAL_TOKEN_FILE is no text in UTF-8; write the secret into it as text."),
    ],
)
def test_what_holds_no_secret_is_said_without_repeating_it(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"INTERNAL_TOKEN_FILE": written(tmp_path, content)})
    assert str(raised.value) == sentence


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, why in (
        (tmp_path, "is a folder; name the file in it that holds the secret."),
        (tmp_path / "no", "cannot be read (No such file or directory); correct the path or the rights of the file."),
        (loop, "cannot be read (Too many levels of symbolic links); correct the path or the rights of the file."),
    ):
        with pytest.raises(SettingsError) as raised:
            load_settings({"KAFKA_SASL_PASSWORD_FILE": str(path)})
        assert str(raised.value) == f"KAFKA_SASL_PASSWORD_FILE {why}"


def test_a_file_that_its_rights_keep_closed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, b"hush")
    monkeypatch.setattr(Path, "open", refuse)  # root, as whom tests may run, is refused nothing
    with pytest.raises(SettingsError, match=r"^DATABASE_URL_FILE cannot be read \(Permission denied\); correct"):
        load_settings({"DATABASE_URL_FILE": path})


def test_a_secret_is_given_once_and_the_check_of_the_setting_holds(tmp_path: Path) -> None:
    path = written(tmp_path, b"short\n")
    with pytest.raises(SettingsError, match=r"^INTERNAL_TOKEN and INTERNAL_TOKEN_FILE are both set; unset one of them"):
        load_settings({"INTERNAL_TOKEN_FILE": path, "INTERNAL_TOKEN": "hush-hush-hush-hush"})
    with pytest.raises(SettingsError, match="INTERNAL_TOKEN must be at least 16 printable ASCII characters") as raised:
        load_settings({"INTERNAL_TOKEN_FILE": path})
    assert "short" not in str(raised.value)


def test_the_environment_and_dotenv_name_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPERATOR_TOKEN_FILE", written(tmp_path, b"of-environment\n"))
    (tmp_path / "other").write_text("of-dotenv-0123456789")
    (tmp_path / ".env").write_text(f"INTERNAL_TOKEN_FILE={tmp_path / 'other'}\n")
    settings = load_settings()
    assert settings.operator_token is not None
    assert settings.internal_token is not None
    assert settings.operator_token.get_secret_value() == "of-environment"
    assert settings.internal_token.get_secret_value() == "of-dotenv-0123456789"
    assert notices(tmp_path / ".env", {"OPERATOR_TOKEN_FILE": "x"}, Settings.model_fields) == []


def test_every_secret_may_be_a_file_but_tokens_whose_file_has_another_form() -> None:
    assert "SLACK_WEBHOOK_URL" in SECRET_NAMES
    assert "API_TOKENS" not in SECRET_NAMES, "API_TOKENS_FILE holds hashes"
