#!/usr/bin/env bash
# Makes docs/demo.svg anew, the picture of a terminal in the README: a run of the
# demo on a pseudo-terminal, from the first failing curl to the first that works.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v script >/dev/null || { echo "picture: script (util-linux) is not on the PATH" >&2; exit 1; }
freeze=$(scripts/tools.sh picture)/freeze
transcript=$(mktemp)
trap 'rm -f "$transcript"' EXIT

# What a line showed before it was written again ("\r", erase) is left out.
TERM=xterm-256color LANG=C.UTF-8 script -qec scripts/demo.sh /dev/null </dev/null |
	sed -E $'s/\r$//; s/^.*\r\x1b\\[K//' |
	awk '/# As Kubeflow ships/ {on = 1} /# Again, it changes nothing/ {on = 0} on' >"$transcript"
grep -q 'HTTPS works' "$transcript" || { echo "picture: the demo did not come to its end" >&2; exit 1; }

"$freeze" --language ansi --wrap 116 --window --padding 20 --border.radius 8 --font.size 14 --font.ligatures=false \
	--output docs/demo.svg "$transcript"
