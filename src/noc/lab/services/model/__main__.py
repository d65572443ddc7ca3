"""The stand-in for a model, as a program."""

from noc.lab.services.model.server import Server
from noc.lab.services.options import arguments, read_place


def main() -> None:
    """Serve until the process is stopped."""
    parser = arguments(__doc__)
    parser.add_argument("--model", action="append", required=True, help="a model that is offered")
    options = parser.parse_args()
    place = read_place(options)
    Server(place.address, place.token, tuple(options.model), place.tls).serve_forever()


if __name__ == "__main__":
    main()
