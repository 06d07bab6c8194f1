#!/usr/bin/env bash
# Makes a release with goreleaser, and fills krew's manifest from it:
#
#   scripts/release.sh snapshot [nosbom]   into dist/, of the last commit, published nowhere
#   scripts/release.sh notes TAG           print what CHANGELOG.md says of a version
#   scripts/release.sh publish TAG         the real one; the release workflow calls it
#
# A snapshot leaves out, by goreleaser's own switches, what needs the outside:
# publishing and signing. With nosbom it leaves the SBOMs out, too, whose syft
# takes minutes to build the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# notes prints the section of a version: "## [0.1.0]" up to the next one.
notes() {
	local section
	section=$(awk -v head="## [${1#v}]" '
		index($0, "## ") == 1 { inside = index($0, head) == 1; next }
		/^\[[^]]+\]: / { next }
		inside' CHANGELOG.md)
	if [[ -z ${section//[[:space:]]/} ]]; then
		echo "CHANGELOG.md has no section ## [${1#v}]" >&2
		return 1
	fi
	printf '%s\n' "$section"
}

goreleaser() {
	local folder
	folder=$(scripts/tools.sh release)
	"$folder/goreleaser" "$@"
}

case ${1:-} in
snapshot)
	skip=publish,announce,sign
	case ${2:-} in
	nosbom)
		skip+=,sbom
		;;
	*)
		PATH=$(scripts/tools.sh sbom):$PATH
		export PATH SYFT_CHECK_FOR_APP_UPDATE=false
		;;
	esac
	if [[ -z $(git remote) ]]; then # goreleaser takes the commit from no repository without one
		export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/kftls/kubectl-kftls
	fi
	goreleaser release --snapshot --clean --skip="$skip"
	go run -buildvcs=false ./scripts/krew dist
	;;
notes)
	notes "${2:?a tag}"
	;;
publish)
	mkdir -p bin
	notes "${2:?a tag}" >bin/release-notes.md
	goreleaser release --clean --release-notes bin/release-notes.md
	go run -buildvcs=false ./scripts/krew dist
	;;
*)
	sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
