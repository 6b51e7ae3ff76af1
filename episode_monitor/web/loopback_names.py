"""Which host names are this machine. Commands need it too: no web framework is imported here."""

import ipaddress


def is_loopback_name(name: str) -> bool:
    """`localhost`, 127.0.0.0/8, ::1, and ::ffff:127.0.0.0/104; brackets of an IPv6 literal are allowed."""
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
