"""Keys and tokens from their files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from feedservice.config import load
from feedservice.service import credentials

CONFIG = """\
site: {title: A, url: 'https://example.org'}
announce:
  indexnow: {key_file: indexnow.key}
  webhooks:
  - {url: 'https://hook.example/', secret_file: hook.key}
  - {url: 'https://social.example/api/v1/statuses', format: mastodon, secret_file: token}
  - {url: 'https://chat.example/', format: slack}
"""


def read(folder: Path, **files: bytes) -> credentials.Credentials:
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return credentials.read(load(folder / "config.yaml", {}))


def test_keys_tokens_and_the_key_of_indexnow(tmp_path: Path) -> None:
    found = read(tmp_path, hook_key=b"whsec_" + b"A" * 32, token=b"t0k\n", indexnow_key=b"abcd-1234\n")
    assert found.problems == ()
    terms = found.terms(datetime(2026, 11, 26, tzinfo=UTC))
    assert [key.version for key in terms.keys["https://hook.example/"]] == ["v1"]
    assert terms.tokens == {"https://social.example/api/v1/statuses": "t0k"}
    assert (terms.indexnow_key, terms.indexnow_location) == ("abcd-1234", "https://example.org/abcd-1234.txt")
    assert "t0k" not in repr(found)


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, hook_key=b"secret", indexnow_key=b"no key")
    assert [(each.rule, each.path, each.message) for each in found.problems] == [
        ("announce.key", "hook.key", "a key begins with whsec_ or whsk_"),
        ("announce.key", "token", "the file cannot be read: No such file or directory"),
        ("announce.key", "indexnow.key", "the key of IndexNow has 8 to 128 letters, digits and hyphens"),
    ]
    assert found.indexnow_key == ""


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    found = read(tmp_path, hook_key=b"\xff\xfe", token=b"t", indexnow_key=b"abcd1234")
    assert [each.message for each in found.problems] == ["the file is no text in UTF-8"]
