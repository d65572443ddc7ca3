"""The stand-in for Telegram's Bot API, as a program."""

from noc.lab.services.options import arguments, read_place
from noc.lab.services.telegram.server import Server


def main() -> None:
    """Serve until the process is stopped."""
    place = read_place(arguments(__doc__).parse_args())
    Server(place.address, place.token, place.tls).serve_forever()


if __name__ == "__main__":
    main()
