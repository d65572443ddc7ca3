"""What the service refuses, said so that an operator or a client can act on it."""


class ServiceError(Exception):
    """The service or one of its commands cannot go on. The text says what failed, why, and what mends it."""


class HttpError(Exception):
    """A request that is answered with an error.

    `status` is the HTTP status; the message is shown to the client, so it never holds a secret or a path;
    `retry_after` is in seconds; `url` is the origin to ask instead.
    """

    def __init__(self, status: int, message: str, *, retry_after: int | None = None, url: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after, self.url = status, message, retry_after, url


class DirectoryError(Exception):
    """The fleet's directory, or the key to it, cannot be used. The text says why, for the log alone."""
