"""Is it this machine, or may it be another?

is_loopback("127.0.0.1")            # True
is_loopback("kitchen.lan")          # False
"""

import ipaddress


def is_loopback(host: str) -> bool:
    """Does only this machine reach what listens there? A name other than localhost may mean anything."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
