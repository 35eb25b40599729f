from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.store.contract", "tests.store.outbox_contract")
