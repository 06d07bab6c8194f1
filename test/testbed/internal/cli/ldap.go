package cli

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/ldap"
)

// ldapCommand is a directory server; the node starts it.
func (a *app) ldapCommand() *cobra.Command {
	file, address := "", ""
	cmd := &cobra.Command{
		Use:    "ldap",
		Short:  "Answer LDAP binds and searches from a file",
		Hidden: true,
		Args:   args(cobra.NoArgs),
		RunE:   func(cmd *cobra.Command, _ []string) error { return a.serveLDAP(cmd.Context(), file, address) },
	}
	cmd.Flags().StringVar(&file, "directory", "", "YAML file with accounts and people")
	cmd.Flags().StringVar(&address, "address", "", "IP:PORT to listen on, loopback")
	return cmd
}

func (a *app) serveLDAP(ctx context.Context, file, address string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	directory, err := ldap.Parse(data)
	if err != nil {
		return err
	}
	bound, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || !bound.IP.IsLoopback() {
		return fmt.Errorf("listen on %q: not a loopback address", address)
	}
	listener, err := net.ListenTCP("tcp", bound)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	fmt.Fprintf(a.streams.Out, "listening on %s\n", listener.Addr())
	return ldap.New(directory, a.streams.Out).Serve(ctx, listener)
}
