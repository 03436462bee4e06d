"""Under which addresses other devices reach a server that listens on all of them; nothing is sent to find out."""

from __future__ import annotations

import socket
import struct
import sys

_SIOCGIFADDR = 0x8915  # Linux: the IPv4 address of an interface
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # reserved for documentation


def other_addresses(family: int) -> list[str]:
    """Return this machine's addresses, without those that only it can use, the usual one first."""
    found = [_address_of_route(family), *(_addresses_of_interfaces() if family == socket.AF_INET else [])]
    return [address for address in dict.fromkeys(found) if address and not address.startswith(("127.", "::1"))]


def _address_of_route(family: int) -> str | None:
    """Return the address from which packets would leave; to connect a datagram socket sends none."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[socket.AddressFamily(family)], 9))
            return str(probe.getsockname()[0])
    except OSError:  # there is no network, or only a local one
        return None


def _addresses_of_interfaces() -> list[str]:
    """Return the IPv4 addresses of the network interfaces; an empty list where the system is not Linux."""
    if sys.platform != "linux":
        return []
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # it has no address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    return found
