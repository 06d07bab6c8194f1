# Asks for the URL given as the argument with the client that is inside kfp.
import sys

import kfp_server_api
import urllib3

configuration = kfp_server_api.Configuration(host=sys.argv[1])
configuration.retries = False
rest = kfp_server_api.ApiClient(configuration).rest_client
try:
    answer = rest.pool_manager.request("HEAD", sys.argv[1], timeout=30, redirect=False, retries=False)
    print("accepted: HTTP", answer.status)
except urllib3.exceptions.SSLError as error:
    print("refused:" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "failed:", error)
except urllib3.exceptions.HTTPError as error:
    print("failed:", error)
