"""Who hears what, when, as the fleet file says it: what is right, and each mistake at its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load

END = 'subdomain = "frankfurt"\n'
MAIL = '[[channel]]\nname = "mail"\nkind = "apprise"\ncredential = "mail_url"\n'
OWN = '[[channel]]\nname = "own"\nkind = "ntfy"\nurl = "https://ntfy.example"\ntopic = "alerts"\n'

Written = Callable[..., Path]


def test_channels_routes_and_the_briefing_are_read(fleet_file: Written) -> None:
    text = MAIL + OWN + '[[route]]\nseverities = ["SEV1"]\nchannels = ["ntfy", "mail"]\n[briefing]\nchannel = "own"\n'
    fleet = load(fleet_file((END, END + text)))
    assert [channel.name for channel in fleet.channel] == ["mail", "own"]
    assert (fleet.route[0].channels, fleet.route[0].hours) == (("ntfy", "mail"), "00:00-24:00")
    assert fleet.briefing.channel == "own"


def test_without_a_word_everything_goes_to_ntfy(fleet_file: Written) -> None:
    fleet = load(fleet_file())
    assert (fleet.channel, fleet.route, fleet.briefing.channel) == ((), (), "ntfy")


NIGHT = '[[route]]\nseverities = ["SEV2"]\nchannels = ["ntfy"]\nhours = "07:00-22:00"\n'
MISTAKES = [
    (MAIL + MAIL, "no channel can be called mail"),
    (MAIL.replace('"mail"', '"ntfy"'), "no channel can be called ntfy"),
    (MAIL.replace('"mail"', '"wait"'), "no channel can be called wait"),
    (OWN.replace('topic = "alerts"\n', ""), "needs topic"),
    (MAIL.replace('credential = "mail_url"\n', ""), "needs a credential"),
    (MAIL + 'url = "https://hooks.example/secret"\n', "takes no url"),
    (NIGHT.replace('["ntfy"]', '["pager"]'), "no channel is called pager"),
    (NIGHT + 'otherwise = "pager"\n', "no channel is called pager"),
    ('[briefing]\nchannel = "pager"\n', "no channel is called pager"),
    (NIGHT.replace("22:00", "07:00"), "the hours are empty"),
    (NIGHT.replace("22:00", "25:00"), "is not allowed"),
    (NIGHT.replace("SEV2", "SEV1"), "a SEV1 cannot wait"),
    (NIGHT + 'zone = "Europe/Atlantis"\n', "timezone 'Europe/Atlantis' is not known"),
]


@pytest.mark.parametrize(("text", "what"), MISTAKES)
def test_a_mistake_is_told_once(fleet_file: Written, text: str, what: str) -> None:
    with pytest.raises(FleetProblems) as caught:
        load(fleet_file((END, END + text)))
    assert [what in problem.what for problem in caught.value.problems] == [True], caught.value


def test_a_sev1_outside_of_hours_may_go_elsewhere_at_once(fleet_file: Written) -> None:
    night = NIGHT.replace("SEV2", "SEV1") + 'otherwise = "mail"\n'
    assert load(fleet_file((END, END + MAIL + night))).route[0].otherwise == "mail"
