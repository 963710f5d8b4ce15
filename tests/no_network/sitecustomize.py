"""Blocks every connection that leaves this machine, in each Python that has this folder on its path."""

import socket

_connect = socket.socket.connect


def _connect_to_this_machine_only(self, address):
    host = address[0] if isinstance(address, tuple) else "localhost"
    if host not in ("localhost", "127.0.0.1", "::1"):
        raise OSError(f"The tests block the network; something tried to reach {host}.")
    return _connect(self, address)


socket.socket.connect = _connect_to_this_machine_only
