"""What the cloud's own error codes mean, and what mends each: by code, never by the words that come with it.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Mapping
from typing import Final

from noc.cloud.errors import (
    CloudRefused,
    CredentialsExpired,
    NoCapacity,
    NotPermittedThere,
    QuotaExhausted,
    RateLimited,
    RegionOff,
    TypeNotOffered,
)

REFUSALS: Final[Mapping[str, tuple[type[CloudRefused], str]]] = {
    "AuthFailure": (CredentialsExpired, "put good credentials on HQ: noc hub secret set aws"),
    "ExpiredToken": (CredentialsExpired, "put fresh credentials on HQ: noc hub secret set aws"),
    "ExpiredTokenException": (CredentialsExpired, "put fresh credentials on HQ: noc hub secret set aws"),
    "InvalidClientTokenId": (CredentialsExpired, "put good credentials on HQ: noc hub secret set aws"),
    "RequestExpired": (CredentialsExpired, "see that HQ's clock is right: timedatectl"),
    "SignatureDoesNotMatch": (CredentialsExpired, "put good credentials on HQ, and see that its clock is right"),
    "UnauthorizedOperation": (NotPermittedThere, "noc preflight --policy prints what the credentials need"),
    "AccessDenied": (NotPermittedThere, "noc preflight --policy prints what the credentials need"),
    "AccessDeniedException": (NotPermittedThere, "noc preflight --policy prints what the credentials need"),
    "OptInRequired": (RegionOff, "noc preflight --enable-regions asks for it and waits"),
    "InvalidInstanceType": (TypeNotOffered, "give the node another instance_type or region"),
    "Unsupported": (TypeNotOffered, "give the node another instance_type or region"),
    "InstanceLimitExceeded": (
        QuotaExhausted,
        "ask for more at the cloud's Service Quotas: running on-demand instances",
    ),
    "VcpuLimitExceeded": (QuotaExhausted, "ask for more at the cloud's Service Quotas: running on-demand instances"),
    "MaxSpotInstanceCountExceeded": (QuotaExhausted, "ask for more at the cloud's Service Quotas"),
    "AddressLimitExceeded": (QuotaExhausted, "release an address that is not used, or ask for more"),
    "InsufficientInstanceCapacity": (NoCapacity, "try again in some minutes"),
    "InsufficientAddressCapacity": (NoCapacity, "try again in some minutes"),
    "RequestLimitExceeded": (RateLimited, "wait a minute, then give the command again"),
    "Throttling": (RateLimited, "wait a minute, then give the command again"),
    "ThrottlingException": (RateLimited, "wait a minute, then give the command again"),
    "TooManyRequestsException": (RateLimited, "wait a minute, then give the command again"),
}


def refusal(code: str, message: str, what: str) -> CloudRefused:
    """The error for a refusal.

    Args:
        code: the cloud's own.
        message: its words; shown, never decided by.
        what: what was asked, in words.
    """
    kind, fix = REFUSALS.get(code, (CloudRefused, ""))
    return kind(what, why=f"{code}: {message}"[:500], fix=fix)
