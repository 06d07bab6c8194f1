//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kftls/kubectl-kftls/test/e2e/clients"
)

// cmdClients tries a certificate with the real clients, as clients.Main says.
func cmdClients(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out strings.Builder
	code := clients.Main(ctx, ts.MkAbs("."), args, &out)
	fmt.Fprint(ts.Stdout(), out.String())
	ts.Logf("%s", out.String()) // with its NOT RUN lines, for the runner of all checks
	if (code != 0) != neg {
		ts.Fatalf("clients: exit code %d", code)
	}
}
