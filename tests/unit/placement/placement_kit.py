"""What the tests of placement share: a small fleet over four continents, rosters of it, and strategies for both."""

from pathlib import Path

from hypothesis import strategies as st

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.placing import Placement
from noc.placement.roster import Candidate, Load, Seen, roster

PLAN = load(Path(__file__).parents[3] / "fleet")
TERMS = Placement(groups={"eu": ("DE", "ES", "FR", "SE"), "dach": ("AT", "CH", "DE")}, left_out=("saopaulo",))
FLEET: Fleet = PLAN.model_copy(update={"placement": TERMS})
NAMES = [node.name for node in FLEET.nodes]
RESIDENCIES = sorted({each for node in FLEET.nodes for each in TERMS.residencies(node.country)})
IDLE = Load(db_mb=100, ram_mb=100, sessions=10)

tenants = st.binary(min_size=16, max_size=16).map(bytes.hex)
loads = st.builds(Load, st.floats(0, 3_000), st.floats(0, 600), st.integers(0, 700))
states = st.builds(
    Seen,
    live=st.sampled_from([True, True, True, False]),
    maintenance=st.sampled_from([False, False, False, True]),
    incident=st.sampled_from([False, False, False, True]),
    load=st.none() | loads | loads | loads,
)
rosters = st.dictionaries(st.sampled_from(NAMES), states, min_size=1).map(lambda seen: roster(FLEET, seen))
"""Every node of the fleet, in all states; those that hypothesis does not mention are not live."""
samples = st.lists(st.floats(1, 400), min_size=1, max_size=5)
trips = st.dictionaries(st.sampled_from(NAMES), samples, max_size=5)


def well(*names: str, load: Load = IDLE) -> tuple[Candidate, ...]:
    """A roster in which some nodes, or all of them, are live and idle; the others are not live."""
    return roster(FLEET, {name: Seen(live=True, load=load) for name in names or NAMES})
