"""Calls a method that no server has: argv is host:port, proxy, CA file.

Any status from the server is an answer over a connection that was accepted.
"""

import sys

import grpc

REFUSALS = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification Check failed")

target, proxy, ca_file = sys.argv[1:4]
with open(ca_file, "rb") as file:
    credentials = grpc.ssl_channel_credentials(file.read())
options = [("grpc.http_proxy", "http://" + proxy)]
with grpc.secure_channel("dns:///" + target, credentials, options) as channel:
    call = channel.unary_unary("/kftls.Client/Try")
    try:
        call(b"", timeout=30)
        print("accepted: OK")
    except grpc.RpcError as error:
        details = error.details() or ""
        if any(words in details for words in REFUSALS):
            print("refused:", details)
        elif error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            print("accepted:", error.code().name, details)
        elif "Received http2 header with status" in details:
            print("accepted:", error.code().name, details)
        else:
            sys.exit("%s: %s" % (error.code().name, details))
