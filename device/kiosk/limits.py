"""How much one client may ask. Sans-IO.

    limits = Limits(per_s=20, burst=60)
    limits.allow("192.168.1.7", now_s)      # False: too much, for now

A token bucket each; whoever has been quiet long enough to have a full one is forgotten.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

MOST_CLIENTS = 1_024


@dataclass(slots=True)
class TokenBucket:
    """Holds `burst` at most, gets `per_s` a second."""

    per_s: float
    burst: float
    level: float
    at_s: float

    def allow(self, now_s: float, cost: float = 1.0) -> bool:
        """Take `cost` out, if it is there. A clock that goes back adds nothing."""
        self.level = min(self.burst, self.level + max(0.0, now_s - self.at_s) * self.per_s)
        self.at_s = max(self.at_s, now_s)
        if self.level < cost:
            return False
        self.level -= cost
        return True

    def has(self, now_s: float, cost: float = 1.0) -> bool:
        """Would `allow` allow it?"""
        return self.allow(now_s, 0.0) and self.level >= cost


class Limits:
    """By client. Not thread-safe."""

    def __init__(self, per_s: float, burst: float, most_clients: int = MOST_CLIENTS) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most_clients
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # who was here longest ago first

    def allow(self, client: str, now_s: float, cost: float = 1.0) -> bool:
        """Is there room for this, too?"""
        return self._of(client, now_s).allow(now_s, cost)

    def has_room(self, client: str, now_s: float) -> bool:
        """Would `allow` allow it?"""
        return self._of(client, now_s).has(now_s)

    def _of(self, client: str, now_s: float) -> TokenBucket:
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = TokenBucket(self._per_s, self._burst, self._burst, now_s)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


def client_key(address: str) -> str:
    """Who counts as one client: an IPv4 address; of IPv6 the network of 64 bits, which is one household's."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)
