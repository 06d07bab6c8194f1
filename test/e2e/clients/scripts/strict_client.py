"""Dials a server with ssl alone: argv is host, address, port, CA file."""

import socket
import ssl
import sys

host, address, port, ca_file = sys.argv[1:5]
context = ssl.create_default_context(cafile=ca_file)
context.verify_flags |= ssl.VERIFY_X509_STRICT
try:
    with socket.create_connection((address, int(port)), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            status = tls.recv(4096).split(b"\r\n")[0].decode()
            if not status.startswith("HTTP/1.1 "):
                sys.exit("no answer: " + status)
except ssl.SSLCertVerificationError as error:
    print("refused:", error)
else:
    print("accepted:", status)
