"""`noc openclaw doctor`: whether what OpenClaw runs by is still as safe as the kit."""

from pathlib import Path

from noc.agent.openclaw.asking import offered_finding
from noc.agent.openclaw.chatrules import chat_findings
from noc.agent.openclaw.errors import BadLiveConfig
from noc.agent.openclaw.finding import Document, Finding
from noc.agent.openclaw.foreign import anthropic_finding
from noc.agent.openclaw.installed import installed_findings
from noc.agent.openclaw.json5 import MAX_CHARS, NotJson5, loads
from noc.agent.openclaw.modelrules import endpoint, model_findings
from noc.agent.openclaw.placerules import place_findings
from noc.agent.openclaw.places import HQ, Places
from noc.agent.openclaw.toolrules import tool_findings
from noc.errors import NotPermitted

_WRITE_ANEW = f"noc openclaw init {HQ.kit} --linked"


def examine(config: Path, places: Places = HQ) -> list[Finding]:
    """Look at the live configuration, the files around it, what is installed, the endpoint, and foreign credentials.

    Args:
        config: the configuration that OpenClaw runs by.
        places: where the agent's things lie.

    Raises:
        BadLiveConfig: it cannot be read.
        NotPermitted: it is somebody else's to read.
    """
    live = read_live(config)
    return [
        *tool_findings(live, places),
        *chat_findings(live),
        *model_findings(live),
        *place_findings(live, config, places),
        *installed_findings(places),
        anthropic_finding(),
        offered_finding(endpoint(live)),
    ]


def read_live(config: Path) -> Document:
    """The live configuration as data. Raises BadLiveConfig; NotPermitted where it is somebody else's to read."""
    try:
        with config.open(encoding="utf-8") as file:
            document = loads(file.read(MAX_CHARS + 1))
    except PermissionError:
        raise NotPermitted(f"{config} is not yours to read", fix="as root on HQ: noc openclaw doctor") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise BadLiveConfig(f"{config} cannot be read", why=why or "", fix=_WRITE_ANEW) from None
    except NotJson5 as error:
        raise BadLiveConfig(f"{config} is no JSON5", why=str(error), fix=_WRITE_ANEW) from None
    if not isinstance(document, dict):
        raise BadLiveConfig(f"{config} holds no object", fix=_WRITE_ANEW)
    return document
