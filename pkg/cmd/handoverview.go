package cmd

import (
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// result prints what was done on stdout; on stderr where stdout is a patch,
// which is to be piped into a file.
func (v setupView) result(plan *gateway.Plan, format string, args ...any) {
	if len(plan.Handed) > 0 {
		v.ui.Note(format, args...)
		return
	}
	fmt.Fprintf(v.out(), format+"\n", args...)
}

// patches prints, as the result, what is to be done in the source of who keeps
// a Gateway.
func (v setupView) patches(plan *gateway.Plan) error {
	for i, handed := range plan.Handed {
		text, err := handed.Patch()
		if err != nil {
			return err
		}
		if i > 0 {
			text = "---\n" + text
		}
		fmt.Fprint(v.out(), text)
	}
	return nil
}

// awaits ends a run before the server is there: with the patches, and how to go on.
func (v setupView) awaits(plan *gateway.Plan) error {
	if err := v.patches(plan); err != nil {
		return err
	}
	v.ui.Note("")
	what, onStdout := "patch", "patch"
	if v.besideObjects {
		what, onStdout = "server", "Gateway"
	}
	v.ui.Note("Nothing is verified yet: the server comes when %s syncs the %s on stdout.", plan.Handed[0].Manager, onStdout)
	v.ui.Note("Then:     %s setup --wait", v.name)
	v.ui.Note("Undo it:  take the %s out of the source again, let it sync, then %s teardown", what, v.name)
	return nil
}

// comesBack warns that a server that was taken off a Gateway stands in its source.
func (v setupView) comesBack(door *gateway.FrontDoor) {
	if manager := gateway.ManagerOf(door.Gateway); manager != "" {
		v.ui.Warn("%s keeps this Gateway, and its next sync may put the server back: take it out of its source at once", manager)
	}
}
