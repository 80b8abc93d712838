"""Some of the studies with random settings; `python tests/workflow/random_studies.py` judges hundreds."""

from __future__ import annotations

import pytest
from random_studies import judge

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("number", range(8))
def test_what_the_check_calls_correct_plans_and_all_else_is_refused(number, tmp_path):
    judged = judge(number, tmp_path)
    assert not judged.wrong, str(judged)
