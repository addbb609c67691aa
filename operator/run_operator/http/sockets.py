"""The socket a server listens on: one for IPv4 and IPv6 where no address is named."""

from __future__ import annotations

import errno
import socket
from typing import Final

ANY: Final = ("", "::")
NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """Listen. An empty host, or `::`, is every address of both families. Raises OSError when the port is taken."""
    if host not in ANY:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=backlog)
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno not in NO_IPV6:  # the kernel knows IPv6, and no interface has it
                raise
    return socket.create_server(("", port), backlog=backlog)
