#!/usr/bin/env bash
# Makes a virtual environment with the Python clients of the stories in the
# user's cache folder, anew when their list or Python changes, and prints the
# folder to put on the PATH. Takes a minute the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements=test/e2e/clients/requirements.txt
stamp=$(python3 --version | cat - "$requirements" | sha256sum | cut -c1-12)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/kftls/python-$stamp
if [[ ! -f $venv/complete ]]; then
	echo "installing $requirements into $venv" >&2
	rm -rf "$venv"
	python3 -m venv "$venv" >&2
	"$venv/bin/pip" install -q --disable-pip-version-check -r "$requirements" >&2
	touch "$venv/complete"
fi
echo "$venv/bin"
