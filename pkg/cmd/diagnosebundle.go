package cmd

import (
	"bytes"
	"context"
	"io"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/bundle"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// checkBundle looks before the work whether a bundle can come of it.
func (o *diagnoseOptions) checkBundle() error {
	if o.bundle == "" {
		return nil
	}
	for _, other := range []struct {
		flag  string
		given bool
	}{{"--explain", o.explain != ""}, {"--watch", o.watch}} {
		if other.given {
			return fault.New(fault.Usage, "leave one of them out", "--bundle and %s do not go together", other.flag)
		}
	}
	return bundle.Absent(o.bundle)
}

// writeBundle packs what a bug report needs: the diagnosis, nil for none, and
// what was understood of a pasted text, which itself stays out.
func (o *diagnoseOptions) writeBundle(ctx context.Context, d *diagnose.Diagnosis, text *textReport) error {
	if o.bundle == "" {
		return nil
	}
	f := o.factory
	versions := versionReport{APIVersion: gateway.APIVersion, Kind: "Version", ClientVersion: thisBuild()}
	versions.ServerVersion, _ = serverVersion(ctx, f) // a server that does not answer is in the diagnosis
	var files []bundle.File
	values := map[string]any{"version.json": versions}
	if d != nil {
		files = append(files, bundle.Text("diagnosis.txt", o.tableOf(d)))
		values["diagnosis.json"], values["objects.json"] = d, d.Excerpt()
	}
	if text != nil {
		understood := *text
		understood.Diagnosis = nil // it has a file of its own
		values["pasted.json"] = understood
	}
	for name, value := range values {
		file, err := bundle.JSON(name, value)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	if err := bundle.Write(o.bundle, f.Now(), files...); err != nil {
		return err
	}
	f.UI.Note("Wrote %s. It holds names of your cluster, and no secrets: look through it before you pass it on.", o.bundle)
	return nil
}

// tableOf is the table as a file has it: without colours.
func (o *diagnoseOptions) tableOf(d *diagnose.Diagnosis) string {
	var text bytes.Buffer
	aside := *o.factory
	aside.Streams = ui.Streams{In: bytes.NewReader(nil), Out: &text, Err: io.Discard}
	aside.UI = ui.New(aside.Streams, func(name string) string {
		if name == "LC_ALL" {
			return "C.UTF-8"
		}
		return ""
	})
	diagnoseView{&aside}.table(d)
	return text.String()
}
