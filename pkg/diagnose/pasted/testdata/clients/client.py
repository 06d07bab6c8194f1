# Asks for the URL given as the first argument and lets Python say what went wrong.
import sys

import requests

answer = requests.get(sys.argv[1], timeout=float(sys.argv[2]))
print(answer, answer.text)
answer.json() if answer.text.startswith("<") else answer.raise_for_status()
