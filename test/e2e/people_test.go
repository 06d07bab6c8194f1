//go:build e2e && linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
)

// people are those who can log in, with their passwords: Kubeflow's own user,
// and those of the testbed's variants (docs/testbed.md).
var people = map[string]string{
	"user@example.com":  "12341234",
	"large@example.com": "12341234",
	"alice":             "wonderland-Ldap-7",
	"carol":             `c&r=o+l %41 ü"'\$`,
	"grace":             "hopper-Ldap-7",
	"lena":              "locked-Ldap-7",
}

// writePeople puts the program `as` into a folder: `as LOGIN PROGRAM [ARG…]`
// runs a program with login and password in its environment. The password of
// LOGIN:PASSWORD is that, and not the right one.
func writePeople(folder string) error {
	var script strings.Builder
	script.WriteString("#!/bin/sh\nexport KFTLS_LOGIN=\"${1%%:*}\"\ncase $1 in\n*:*) export KFTLS_PASSWORD=\"${1#*:}\" ;;\n")
	for login, password := range people {
		script.WriteString(login + ") export KFTLS_PASSWORD='" + strings.ReplaceAll(password, "'", `'\''`) + "' ;;\n")
	}
	script.WriteString("*) echo \"nobody knows $1\" >&2; exit 99 ;;\nesac\nshift\nexec \"$@\"\n")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "as"), []byte(script.String()), 0o700)
}
