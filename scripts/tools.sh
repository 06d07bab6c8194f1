#!/usr/bin/env bash
# Builds the tools of the checks into the user's cache folder, each once per
# version, and prints the folders to put on the PATH, one a line.
set -euo pipefail

golangci_lint=v2.15.0
goreleaser=v2.15.2
freeze=v0.2.2
actionlint=v1.7.12
krew=v0.4.3 # the newest that is served as a module
syft=v1.57.0
newer_go=go1.27.1 # than the project's, for goreleaser and syft; a toolchain comes through the module proxy

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kftls/tools

# build NAME VERSION PACKAGE builds a tool unless it is there.
build() {
	local dir=$cache/$1@$2
	if [[ ! -x $dir/$1 ]]; then
		echo "building $1 $2 into $dir" >&2
		mkdir -p "$dir"
		GOFLAGS= GOBIN=$dir go install "$3@$2" >&2
	fi
	echo "$dir"
}

case ${1:-lint} in
lint)
	GOTOOLCHAIN=local build golangci-lint "$golangci_lint" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	;;
workflows)
	build actionlint "$actionlint" github.com/rhysd/actionlint/cmd/actionlint
	;;
krew)
	build validate-krew-manifest "$krew" sigs.k8s.io/krew/cmd/validate-krew-manifest
	build krew "$krew" sigs.k8s.io/krew/cmd/krew
	;;
release)
	GOTOOLCHAIN=$newer_go build goreleaser "$goreleaser" github.com/goreleaser/goreleaser/v2
	;;
sbom)
	GOTOOLCHAIN=$newer_go build syft "$syft" github.com/anchore/syft/cmd/syft
	;;
picture)
	build freeze "$freeze" github.com/charmbracelet/freeze
	;;
*)
	echo "usage: $0 [lint|workflows|krew|release|sbom|picture]" >&2
	exit 2
	;;
esac
