"""GETs URL (argv 1) with requests, at ADDRESS (argv 2) if that is not empty, as
curl does with --connect-to. Trusts the CA file (argv 3). The value of the Cookie
header is standard input."""

import sys

import requests
from urllib3.util import connection

url, address, ca = sys.argv[1:4]
if address:
    host, port = address.rsplit(":", 1)
    create = connection.create_connection
    connection.create_connection = lambda _, *args, **kw: create(
        (host, int(port)), *args, **kw
    )
cookie = sys.stdin.read()
try:
    response = requests.get(
        url,
        headers={"Cookie": cookie} if cookie else {},
        verify=ca or None,
        timeout=10,
        allow_redirects=False,
    )
except (requests.exceptions.RequestException, OSError) as error:
    print(type(error).__name__, error)
    sys.exit(1)
print(response.status_code, response.headers.get("location", ""))
print(response.text[:2000])
