"""The stand-in for Discord, as a program."""

import argparse
import asyncio

from noc.lab.services.discord.server import Server
from noc.lab.services.discord.service import Discord
from noc.lab.services.options import arguments, read_place


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is stopped."""
    place = read_place(options)
    await Server(Discord(place.token, options.guild, options.channel), place.tls).start(*place.address)
    await asyncio.Event().wait()


def main() -> None:
    """Serve as the arguments say."""
    parser = arguments(__doc__)
    parser.add_argument("--guild", required=True, help="the guild's id")
    parser.add_argument("--channel", required=True, help="the id of its channel")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
