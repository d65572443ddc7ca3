"""What every table of the fleet file shares: it cannot be changed, and knows all of its keys."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A table of the fleet file, or an entry of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
