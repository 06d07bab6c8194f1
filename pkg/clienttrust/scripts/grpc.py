# Calls a method that no server has at the URL given as the argument. Any status
# from the server is an answer over a connection that was accepted.
import os
import sys
import urllib.parse

os.environ["GRPC_VERBOSITY"] = "NONE"

import grpc

REFUSALS = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification Check failed")

target = "dns:///" + urllib.parse.urlsplit(sys.argv[1]).netloc
options = [("grpc.enable_http_proxy", 0)]
with grpc.secure_channel(target, grpc.ssl_channel_credentials(), options) as channel:
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
            print("failed:", error.code().name, details)
