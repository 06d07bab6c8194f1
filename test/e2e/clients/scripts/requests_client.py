"""Dials URL (argv 1) through the proxy (argv 2). The CA comes from REQUESTS_CA_BUNDLE."""

import sys

import requests

url, proxy = sys.argv[1:3]
try:
    response = requests.get(
        url, proxies={"https": "http://" + proxy}, timeout=30, allow_redirects=False
    )
except requests.exceptions.SSLError as error:
    print("refused:", error)
else:
    print("accepted: HTTP", response.status_code)
