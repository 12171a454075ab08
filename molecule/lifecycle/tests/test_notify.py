"""An app's own commands around a switch."""

from __future__ import annotations


def test_command_that_fails_before_the_switch_refuses_it(pair):
    live = pair.host.instance("alpha")
    tell = {"before": ['echo "$WEBSTACK_ACTION over $WEBSTACK_PREVIOUS"; exit 3']}
    run = pair.deploy(pair.alpha("not told", notify=tell)).refused()
    assert "alpha: notify.before[0] failed: " in run.message
    assert f"deploy over {live}" in run.message
    assert pair.host.instance("alpha") == live


def test_command_that_fails_after_the_switch_is_a_warning(pair):
    tell = {"before": ['test "$WEBSTACK_APP" = alpha'], "after": ['echo "now $WEBSTACK_INSTANCE"; exit 4']}
    run = pair.say("told", notify=tell)
    assert "alpha: the switch is done, but notify.after[0] failed: " in run.text
    assert f"now {pair.host.instance('alpha')}" in run.text
