package clients

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

// Main is the command of stories:
//
//	clients accept -ca FILE -address IP:PORT HOST…
//	clients refuse -ca FILE -key FILE NAME…
//
// accept has every client dial every host at the address, and wants the
// certificate accepted. refuse signs a leaf for the names with the CA's key,
// against its name constraints, serves it on loopback, and wants every client
// to refuse it for that reason, save those that apply no constraints.
//
// Relative file names start from dir. It prints a line for each result, of
// those not run with NOT RUN at its start, and returns 0 if all that ran came
// as expected, 1 if not, 2 for a command line that it does not understand.
func Main(ctx context.Context, dir string, args []string, out io.Writer) int {
	cases, err := readCommand(ctx, dir, args)
	if err != nil {
		fmt.Fprintln(out, "clients:", err)
		return 2
	}
	code, ran := 0, 0
	for _, r := range Run(ctx, Table(), cases) {
		fmt.Fprintln(out, r)
		if r.Verdict == NotRun {
			continue
		}
		ran++
		if !r.OK {
			code = 1
		}
	}
	fmt.Fprintf(out, "%d dials\n", ran)
	return code
}

var errUsage = errors.New("usage: clients accept -ca FILE -address IP:PORT HOST… | clients refuse -ca FILE -key FILE NAME…")

func readCommand(ctx context.Context, dir string, args []string) ([]Case, error) {
	if len(args) == 0 {
		return nil, errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	caFile := flags.String("ca", "", "")
	address := flags.String("address", "", "")
	key := flags.String("key", "", "")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, fmt.Errorf("%w\n%w", err, errUsage)
	}
	if flags.NArg() == 0 || *caFile == "" {
		return nil, errUsage
	}
	switch {
	case args[0] == "accept" && *address != "" && *key == "":
		return acceptCases(within(dir, *caFile), *address, flags.Args())
	case args[0] == "refuse" && *address == "" && *key != "":
		return refuseCases(ctx, within(dir, *caFile), within(dir, *key), flags.Args())
	}
	return nil, errUsage
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func acceptCases(caFile, address string, hosts []string) ([]Case, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, host := range hosts {
		cases = append(cases, Case{Host: host, Address: at, CAFile: caFile, Want: Accepted})
	}
	return cases, nil
}

// refuseCases starts the server of a forged leaf; it ends with ctx.
func refuseCases(ctx context.Context, caFile, keyFile string, hosts []string) ([]Case, error) {
	leaf, err := forgeFrom(caFile, keyFile, hosts)
	if err != nil {
		return nil, err
	}
	at, err := Serve(ctx, leaf)
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, host := range hosts {
		cases = append(cases, Case{Host: host, Address: at, CAFile: caFile, Want: Refused, ByConstraints: true})
	}
	return cases, nil
}

func forgeFrom(caFile, keyFile string, hosts []string) (*ca.Leaf, error) {
	certificate, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	authority, err := ca.ParseAuthority(certificate, key)
	if err != nil {
		return nil, err
	}
	names, err := ca.ParseNames(hosts)
	if err != nil {
		return nil, err
	}
	if authority.Permits(names) == nil {
		return nil, fmt.Errorf("the constraints of the CA permit %v: nothing to refuse", hosts)
	}
	return Forge(authority, names)
}
