package state

import (
	"errors"
	"slices"
)

// elsewhere is the hint for a folder that cannot be made good in place.
const elsewhere = "set KFTLS_HOME to a folder of your own, on a file system that keeps permissions"

// placeHint is what to do about a part of the state folder in which a file could
// not be written.
func placeHint(dir string, err error) string {
	if isDiskFull(err) {
		return "make room on its disk (df -h " + dir + "), or set KFTLS_HOME to a folder on another one"
	}
	return elsewhere
}

// exportHint is the same for a folder that the user named.
func exportHint(dir string, err error) string {
	if isDiskFull(err) {
		return "make room on its disk (df -h " + dir + "), or export to a folder on another one"
	}
	return "export to another folder"
}

// isDiskFull tells that there is no room for a file: on the disk, within the
// user's quota, or within the limit of this process.
func isDiskFull(err error) bool {
	return slices.ContainsFunc(fullDisk, func(full error) bool { return errors.Is(err, full) })
}
