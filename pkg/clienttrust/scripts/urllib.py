# Asks for the URL given as the argument with Python's own modules.
import ssl
import sys
import urllib.error
import urllib.request


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
try:
    answer = opener.open(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=30)
    print("accepted: HTTP", answer.status)
except urllib.error.HTTPError as error:
    print("accepted: HTTP", error.code)
except urllib.error.URLError as error:
    refused = isinstance(error.reason, ssl.SSLCertVerificationError)
    print("refused:" if refused else "failed:", error)
