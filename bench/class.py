"""What people paste to get a session cookie, written anew for the comparison.

The same steps as the class in the documentation of Kubeflow Pipelines
(https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/connect-api/):
requests follows every redirect by itself, and the wall is found by its status.
"""

import os
import sys
from urllib.parse import urlsplit

import requests


def page(session, method, url, **options):
    answer = session.request(method, url, allow_redirects=True, **options)
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code} for {method} {urlsplit(url).path}")
    return answer


def cookies(api_url, login, password, auth_type):
    session = requests.Session()
    answer = session.get(api_url, allow_redirects=True)
    if answer.status_code == 403:
        url = urlsplit(answer.url)
        answer = page(session, "GET", f"{url.scheme}://{url.netloc}/oauth2/start", params={"rd": url.path})
    elif answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code} for {api_url}")
    if not answer.history:
        return ""  # no login

    url = urlsplit(answer.url)
    if url.path.endswith("/auth"):
        url = url._replace(path=url.path + "/" + auth_type)
    if not url.path.endswith("/login"):
        url = urlsplit(page(session, "GET", url.geturl()).url)
    answer = page(session, "POST", url.geturl(), data={"login": login, "password": password})
    if not answer.history:
        raise RuntimeError("the login was refused")
    url = urlsplit(answer.url)
    if url.path.endswith("/approval"):
        page(session, "POST", url.geturl(), data={"approval": "approve"})
    return "; ".join(f"{c.name}={c.value}" for c in session.cookies)


sys.stdout.write(cookies(sys.argv[1], os.environ["KFTLS_LOGIN"], os.environ["KFTLS_PASSWORD"], "local"))
