"""One small round: everything is killed once and more under load, and nothing is lost or doubled."""

import pytest

from payhub.demo.crash.kinds import Kind
from payhub.demo.crash.round import Size, run_round
from payhub.demo.crash.strikes import TARGETS

pytestmark = pytest.mark.heavy

SMALL = Size(kills=6, citizens=4, patient=False)


def test_nothing_is_lost_or_doubled_when_everything_is_killed_under_load(home, left_of):
    said = []
    done = run_round(home, 20261121, SMALL, said.append)
    broken = [str(check) for check in done.checks if not check.holds]
    assert not broken, "\n".join([*said, *broken])
    assert done.kills.total() == SMALL.kills
    assert done.kills.keys() == TARGETS.keys()
    assert done.payments >= 20
    assert done.states["paid"] >= 10
    assert not done.count(Kind.LOST)
    assert not done.count(Kind.DOUBLED)
    assert not left_of(home)
