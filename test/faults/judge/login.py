"""Logs in at URL (argv 1) as a browser does, with requests, at ADDRESS (argv 2) if
that is not empty, as LOGIN and PASSWORD (argv 4 and 5; Kubeflow's own user if not
given). Trusts the CA file (argv 3). Prints what it ends with."""

import html
import re
import sys
from urllib.parse import urljoin

import requests
from urllib3.util import connection

url, address, ca = sys.argv[1:4]
login, password = (sys.argv[4:6] + ["user@example.com", "12341234"])[:2]
if len(sys.argv) < 6:
    login, password = "user@example.com", "12341234"
if address:
    host, port = address.rsplit(":", 1)
    create = connection.create_connection
    connection.create_connection = lambda _, *args, **kw: create(
        (host, int(port)), *args, **kw
    )
session = requests.Session()
session.verify = ca or None


def finish(response):
    print(response.status_code, response.url)
    print(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.text))[:2000])
    sys.exit(0 if response.status_code == 200 else 1)


page = session.get(urljoin(url, "/oauth2/start?rd=%2F"), timeout=10)
form = re.search(r'<form method="post" action="([^"]*)"', page.text)
if page.status_code != 200 or not form:
    finish(page)
finish(
    session.post(
        urljoin(page.url, html.unescape(form.group(1))),
        data={"login": login, "password": password},
        timeout=10,
    )
)
