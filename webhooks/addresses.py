"""Where a webhook may point: outside. Otherwise whoever sets one up could reach what only our machines can reach."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from webhooks.errors import AddressRefused

MAX_URL = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """The parts of a URL that a connection needs."""

    host: str
    port: int


def read_url(url: str) -> Target:
    """The target of a webhook's URL.

    Raises:
        AddressRefused: it is not an http or https URL, or carries a user, a password or a fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("This is not a URL. Use one such as https://example.org/accord.") from None
    if any(letter.isspace() or not letter.isprintable() for letter in url) or len(url) > MAX_URL:
        raise _refused(f"A webhook's URL has at most {MAX_URL} characters and no spaces.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _refused("Use a URL that begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise _refused("Leave the user and the password out of the URL: the signature says who calls.")
    if parts.fragment:
        raise _refused("Leave out what follows the #: it is never sent.")
    return Target(parts.hostname, port or (443 if parts.scheme == "https" else 80))


def allowed_addresses(target: Target) -> list[str]:
    """The IP addresses behind the name, every one of them allowed; connect to these and to no name.

    Raises:
        AddressRefused: the name is unknown, or one of its addresses is not on the outside.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(f"The name {target.host} cannot be found. Check the URL.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_allowed(address):
            raise _refused(
                f"{target.host} leads to {address}, which is not a public address. "
                + (
                    "Link-local addresses are never called."
                    if settings.WEBHOOKS_ALLOW_PRIVATE
                    else "Whoever runs Accord can allow private networks with WEBHOOKS_ALLOW_PRIVATE=1."
                )
            )
    return addresses


def is_allowed(address: str) -> bool:
    """Whether to connect to the address. Link-local ones, where clouds hand out credentials, are refused always."""
    ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return bool(settings.WEBHOOKS_ALLOW_PRIVATE) or (ip.is_global and not ip.is_reserved)


def _inner(ip: _IPAddress) -> _IPAddress:
    """The IPv4 address that an IPv6 one stands for: a gateway would connect to that."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def _refused(sentence: str) -> AddressRefused:
    return AddressRefused(sentence, fields={"url": sentence})
