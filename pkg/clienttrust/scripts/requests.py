# Asks for the URL given as the argument with requests.
import sys

import requests

session = requests.Session()
session.auth = lambda request: request  # none from ~/.netrc
session.proxies = {"no_proxy": "*"}
try:
    answer = session.head(sys.argv[1], timeout=30, allow_redirects=False)
    print("accepted: HTTP", answer.status_code)
except requests.exceptions.SSLError as error:
    print("refused:" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "failed:", error)
except requests.exceptions.RequestException as error:
    print("failed:", error)
except OSError as error:  # the bundle
    print("refused:", error)
