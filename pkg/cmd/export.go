package cmd

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// exportFlags write certificates into a folder of the user's, and the private key
// where that was asked for in so many words.
type exportFlags struct {
	dir       string
	key       bool
	overwrite bool
}

func (e *exportFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&e.dir, "export", "", "Write ca.crt and tls.crt into this folder, too")
	flags.BoolVar(&e.key, "export-key", false, "With --export, write the private key tls.key as well (mode 0600); with -o, print the Secret, too")
	flags.BoolVar(&e.overwrite, "overwrite", false, "With --export, replace files that kubectl kftls did not write")
}

// validate checks the flags; asObjects tells that the result is printed as objects.
func (e *exportFlags) validate(asObjects bool) error {
	switch {
	case e.dir == "" && e.overwrite:
		return fault.New(fault.Usage, "add --export DIR", "--overwrite needs --export")
	case e.dir == "" && e.key && !asObjects:
		return fault.New(fault.Usage, "add --export DIR or -o yaml", "--export-key needs --export or -o: it says that the private key is to be written there, too")
	}
	return nil
}

// check tells before anything is written whether the export will be refused.
func (e *exportFlags) check(p *setup.Proposal) error {
	if e.key && p.Pair == nil {
		return fault.New(fault.Forbidden, "leave --export-key out, or ask for the right to read the Secret",
			"export: the private key lies in a Secret that you may not read")
	}
	files, err := e.files(p)
	if err != nil || e.dir == "" {
		return err
	}
	return state.CheckExport(e.dir, files, e.overwrite)
}

func (e *exportFlags) write(p *setup.Proposal) error {
	files, err := e.files(p)
	if err != nil || e.dir == "" {
		return err
	}
	return state.Export(e.dir, files, e.overwrite)
}

func (e *exportFlags) files(p *setup.Proposal) ([]state.File, error) {
	if e.dir == "" {
		return nil, nil
	}
	if p.Pair == nil {
		return nil, fault.New(fault.Forbidden, "leave --export out, or ask for the right to read the Secret",
			"export: the certificate lies in a Secret that you may not read")
	}
	files := []state.File{
		{Name: "ca.crt", Data: p.Authority.CertificatePEM(), Mode: 0o644, Ours: isExported},
		{Name: "tls.crt", Data: p.Pair.ChainPEM(), Mode: 0o644, Ours: isExported},
	}
	if !e.key {
		return files, nil
	}
	key, err := p.Pair.KeyPEM()
	if err != nil {
		return nil, err
	}
	return append(files, state.File{Name: "tls.key", Data: key, Mode: 0o600, Ours: e.isExportedKey}), nil
}

// isExported tells a certificate that an earlier export wrote: it is signed by
// an authority of ours.
func isExported(present []byte) bool {
	leaf, err := ca.ParseLeaf(present, nil)
	return err == nil && ca.MadeHere(leaf.Certificate)
}

// isExportedKey tells a key by the exported certificate beside it.
func (e *exportFlags) isExportedKey(present []byte) bool {
	chain, err := os.ReadFile(filepath.Join(e.dir, "tls.crt"))
	if err != nil || !isExported(chain) {
		return false
	}
	_, err = ca.ParseLeaf(chain, present)
	return err == nil
}
