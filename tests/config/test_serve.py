from __future__ import annotations

import pytest
from pydantic import ValidationError

from feedservice.config.serve import Serve


@pytest.mark.parametrize("host", ["*", "feeds.example.org", "localhost:8080", "[::1]", "[::1]:80", "日本語.jp"])
def test_good_hosts(host: str) -> None:
    assert Serve.model_validate({"hosts": [host]}).hosts == [host]


@pytest.mark.parametrize("host", ["https://example.org", "a b", "a/b", "user@example.org", "a:b", ""])
def test_bad_hosts(host: str) -> None:
    with pytest.raises(ValidationError, match="host"):
        Serve.model_validate({"hosts": ["example.org", host]})


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.0.0.0/8", "10.1.2.3/8", "::1", "fd00::/8", "unix:", "unix"])
def test_good_proxies(proxy: str) -> None:
    assert Serve.model_validate({"trusted_proxies": [proxy]}).trusted_proxies == [proxy]


@pytest.mark.parametrize("proxy", ["nginx", "10.0.0.0/33", "300.1.1.1", "*", "1.2.3.4:80"])
def test_bad_proxies(proxy: str) -> None:
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        Serve.model_validate({"trusted_proxies": ["127.0.0.1", proxy]})
