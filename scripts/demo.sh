#!/usr/bin/env bash
# The whole story on this machine: a Kubeflow front door without HTTPS, then one
# with a certificate that nobody trusts; curl fails, setup, curl works, undone.
# It builds what it needs, starts a testbed of its own and stops it. No cluster
# is touched: it works with a kubeconfig, home and state folder of its own, and
# stops unless the API server is the testbed's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
	echo "demo: $*" >&2
	exit 1
}

[[ $(uname -s) == Linux ]] || fail "it needs Linux: only there a machine has more than one loopback address"
for program in go make git curl openssl awk; do
	command -v "$program" >/dev/null || fail "$program is not on the PATH"
done
free=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
((free >= 1500)) || fail "1.5 GB of free memory are needed, and there are $free MB"

echo "Building the plugin and the testbed (the first time: 10 to 20 minutes on two cores)."
make -s build testbed

work=$(mktemp -d "${TMPDIR:-/tmp}/kftls-demo.XXXXXX")
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} # where the testbed's programs are
export HOME=$work/home KFTLS_HOME=$work/state KUBECONFIG=$work/none
unset XDG_CONFIG_HOME CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
mkdir -p "$HOME"
testbed=(bin/testbed --dir "$work/testbed")

forward=
cleanup() {
	status=$?
	[[ -z $forward ]] || kill "$forward" 2>/dev/null || true
	"${testbed[@]}" down >/dev/null 2>&1 || true
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
	bold='' dim='' plain=''
fi
say() { printf '\n%s# %s%s\n' "$dim" "$*" "$plain"; }

# show prints a command as a user would type it, and runs it.
show() {
	printf '%s$ %s%s\n' "$bold" "$1" "$plain"
	bash -c "$1"
}

# fails is show for a command that must fail, with a text in what it says.
fails() {
	local output
	printf '%s$ %s%s\n' "$bold" "$1" "$plain"
	if output=$(bash -c "$1" 2>&1); then
		fail "this should have failed: $1"
	fi
	echo "$output"
	[[ $output == *"$2"* ]] || fail "it failed in another way than with $2"
}

# reach starts a port-forward to the gateway and learns its local port.
reach() {
	[[ -z $forward ]] || { kill "$forward" 2>/dev/null && wait "$forward" 2>/dev/null; } || true
	local log=$work/forward.log local_port=8443
	if (exec 3<>/dev/tcp/127.0.0.1/8443) 2>/dev/null; then
		local_port= # somebody listens there: take a free one
	fi
	printf '%s$ kubectl kftls port-forward %s:443 &%s\n' "$bold" "$local_port" "$plain"
	: >"$log"
	kubectl kftls port-forward "$local_port:443" >"$log" 2>&1 &
	forward=$!
	for _ in {1..200}; do
		port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$log")
		[[ -z $port ]] || break
		kill -0 "$forward" 2>/dev/null || fail "port-forward ended: $(cat "$log")"
		sleep 0.1
	done
	[[ -n $port ]] || fail "port-forward did not start: $(cat "$log")"
	cat "$log"
}

say "A Kubeflow front door from its real programs, on loopback addresses."
"${testbed[@]}" up --detach
eval "$("${testbed[@]}" env)"
"${testbed[@]}" guard

say "As Kubeflow ships: the gateway serves no HTTPS."
reach
fails "curl -sS https://localhost:$port/" "curl: (35)"

say "One command. It shows what it would do and asks; --yes answers."
show "kubectl kftls setup --yes"
show "curl -sS --cacert \"\$(kubectl kftls ca -o path)\" -o /dev/null -w 'HTTPS works: the login answers %{http_code}\n' https://localhost:$port/"

say "Again, it changes nothing."
show "kubectl kftls setup --yes"

say "And back."
show "kubectl kftls teardown --yes"

say "The other start: somebody followed a blog. HTTPS, and a certificate that nobody trusts."
"${testbed[@]}" guard
export blog=$work/blog
mkdir "$blog"
show "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=localhost -addext subjectAltName=DNS:localhost \\
    -keyout \$blog/tls.key -out \$blog/tls.crt 2>/dev/null"
show "kubectl -n istio-system create secret tls by-hand --cert \$blog/tls.crt --key \$blog/tls.key"
show "kubectl -n kubeflow patch gateways.networking.istio.io kubeflow-gateway --type json -p '[{\"op\": \"add\", \"path\": \"/spec/servers/-\",
    \"value\": {\"port\": {\"number\": 443, \"name\": \"https\", \"protocol\": \"HTTPS\"}, \"hosts\": [\"*\"],
    \"tls\": {\"mode\": \"SIMPLE\", \"credentialName\": \"by-hand\"}}}]'"
"${testbed[@]}" wait
fails "curl -sS https://localhost:$port/" "curl: (60)"

say "A server that is there already is not replaced by accident:"
fails "kubectl kftls setup --yes" "--force"
show "kubectl kftls setup --yes --force"
show "curl -sS --cacert \"\$(kubectl kftls ca -o path)\" -o /dev/null -w 'HTTPS works: the login answers %{http_code}\n' https://localhost:$port/"

say "Undone by content: the server by hand has its own certificate again."
show "kubectl kftls teardown --yes"
"${testbed[@]}" wait
fails "curl -sS https://localhost:$port/" "curl: (60)"

say "That was all. Nothing is left running; this machine's kubeconfig was never read."
