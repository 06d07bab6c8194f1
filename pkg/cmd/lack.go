package cmd

import (
	"errors"
	"fmt"
	"io"

	"github.com/kftls/kubectl-kftls/pkg/setup"
)

// printRoles prints, as the result of a run that lacks rights, the Roles that
// give them, and passes the error on.
func printRoles(out io.Writer, err error) error {
	if lack, ok := errors.AsType[*setup.LackError](err); ok {
		fmt.Fprint(out, lack.Roles)
	}
	return err
}
