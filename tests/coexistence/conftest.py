"""Shows what an assertion of the shared suite compared."""

import pytest

pytest.register_assert_rewrite("tests.coexistence.harness")
