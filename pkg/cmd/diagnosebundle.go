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
	}{{"--from-file", o.fromFile != ""}, {"--explain", o.explain != ""}, {"--watch", o.watch}} {
		if other.given {
			return fault.New(fault.Usage, "leave one of them out", "--bundle and %s do not go together", other.flag)
		}
	}
	return bundle.Absent(o.bundle)
}

// writeBundle packs what a bug report needs.
func (o *diagnoseOptions) writeBundle(ctx context.Context, d *diagnose.Diagnosis) error {
	if o.bundle == "" {
		return nil
	}
	f := o.factory
	versions := versionReport{APIVersion: gateway.APIVersion, Kind: "Version", ClientVersion: thisBuild()}
	versions.ServerVersion, _ = serverVersion(ctx, f) // a server that does not answer is in the diagnosis
	files := []bundle.File{bundle.Text("diagnosis.txt", o.tableOf(d))}
	for name, value := range map[string]any{"diagnosis.json": d, "objects.json": d.Excerpt(), "version.json": versions} {
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
