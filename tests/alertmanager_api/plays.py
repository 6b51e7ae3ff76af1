"""Plays: what happens at which second, and who is then notified of what, by Alertmanager and by the dispatcher.

Unless its route says otherwise, a group waits 2 s and then looks every 4 s: at 2, 6, 10, ... News come in between.

    0 a fires [critical] [since=-60]    a transition of project `a`; a second firing of the same is `a anew`
    4 s1 silences a|b until 12 [from 8]     4 s1 expires
    2 team a -b                         a message for `team`: `a` fires, `b` has ended
"""

from typing import NamedTuple


class Play(NamedTuple):
    """`expected` of both; where they differ, `theirs` is Alertmanager's, and `why` says why."""

    script: str
    expected: str
    theirs: str = ""
    why: str = ""
    route: str = "group_by: [alertname]"


FORGOTTEN = "an empty group is forgotten at once here; there it lives on for up to 30 s, and with it its interval"
OWES_THE_END = "whoever was notified of a beginning is notified of its end here, also if it was hidden meanwhile"

PLAYS = {
    "news and ends of a group": Play(
        "0 a fires\n0 b fires\n4 c fires\n8 a ends\n12 b ends\n12 c ends",
        "2 team a b\n6 team a b c\n10 team b c -a\n14 team -b -c",
    ),
    "over before the first look": Play("0 a fires\n1 a ends", ""),
    "sent again and again": Play("0 a fires\n4 a fires\n5 a fires\n8 a ends", "2 team a\n10 team -a"),
    "a group of each project": Play(
        "0 a fires\n0 b fires\n4 a ends\n8 b ends",
        "2 team a\n2 team b\n6 team -a\n10 team -b",
        route="group_by: [alertname, project_id]",
    ),
    "a group of each alert": Play("0 a fires\n4 b fires", "2 team a\n6 team b", route="group_by: ['...']"),
    "no grouping": Play("0 a fires\n4 b fires", "2 team a\n6 team a b", route="group_by: [none]"),
    "silenced until it expires": Play("0 s1 silences a until 8\n0.5 a fires", "10 team a"),
    "silenced until a person ends it": Play("0 s1 silences a until 60\n0.5 a fires\n4 s1 expires", "6 team a"),
    "a silence of some": Play(
        "0 s1 silences a|b until 12\n0.5 a fires\n0.5 b fires\n0.5 c fires",
        "2.5 team c\n14.5 team a b c",
    ),
    "a silence that begins later": Play("0 s1 silences a until 16 from 4\n5 a fires", "19 team a"),
    "a silence made while it fires": Play("0 a fires\n4 s1 silences a until 12\n16 a ends", "2 team a\n18 team -a"),
    "ended while silenced": Play(
        "0 a fires\n4 s1 silences a until 60\n8 a ends", "2 team a\n10 team -a", "2 team a", OWES_THE_END
    ),
    "inhibited": Play(
        "0 a fires critical\n0 b fires\n4 a ends\n12 b ends", "2 team a\n6 team b -a\n14 team -b"
    ),
    "inhibited later": Play("0 b fires\n4 a fires critical\n12 a ends", "2 team b\n6 team a\n14 team b -a"),
    "ended while inhibited": Play(
        "0 b fires\n4 a fires critical\n8 b ends\n12 a ends",
        "2 team b\n6 team a\n10 team a -b\n14 team -a",
        "2 team b\n6 team a\n14 team -a",
        OWES_THE_END,
    ),
    "repeated": Play(
        "0 a fires\n21 a ends",
        "2 team a\n7 team a\n12 team a\n17 team a\n22 team -a",
        "2 team a\n10 team a\n18 team a\n22 team -a",
        "repetitions are rounded up to the group interval there; here they have a clock of their own",
        "repeat_interval: 5s",
    ),
    "repeated after news": Play(
        "0 a fires\n8 b fires",
        "2 team a\n10 team a b\n17 team a b\n24 team a b",
        "2 team a\n10 team a b\n18 team a b\n26 team a b",
        "repetitions are rounded up to the group interval there",
        "repeat_interval: 7s",
    ),
    "fires anew in an old group": Play(
        "0 a fires\n4 a ends\n8 a anew\n12 a ends", "2 team a\n6 team -a\n10 team a\n14 team -a"
    ),
    "fires anew between two looks": Play(
        "0 a fires\n4 a ends\n7 a anew\n13 a ends",
        "2 team a\n6 team -a\n9 team a\n13 team -a",
        "2 team a\n6 team -a\n10 team a\n14 team -a",
        FORGOTTEN,
    ),
    "fires anew before its end was sent": Play(
        "0 a fires\n3 a ends\n4.5 a anew\n8 a ends",
        "2 team a\n6 team a -a\n10 team -a",
        "2 team a\n10 team -a",
        "there an alert is its labels; here each firing is one, so its end is sent, and the new one with it",
    ),
    "begun and ended between two looks": Play(
        "0 a fires\n3 b fires\n5 b ends\n8 a ends",
        "2 team a\n10 team -a",
        "2 team a\n6 team a -b\n10 team -a",
        "nobody is notified of the end of what nobody was notified of",
    ),
    "begun long ago": Play(
        "0 a fires since=-60", "2 team a", "0 team a",
        "group_wait counts from when the dispatcher hears of it; there from its beginning",
    ),
    "muted": Play("0 a fires\n4 b fires", "", route="mute_time_intervals: [always]"),
    "never active": Play("0 a fires\n4 b fires", "", route="active_time_intervals: [never]"),
    "two receivers": Play(
        "0 a fires critical\n0 b fires\n5 a ends",
        "0 pager a\n2 team a\n6 team b -a\n8 pager -a",
        route="""routes:
        - matchers: [severity="critical"]
          receiver: pager
          group_wait: 0s
          continue: true
        - receiver: team""",
    ),
}  # fmt: skip
