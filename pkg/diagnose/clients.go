package diagnose

import (
	"context"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/clienttrust"
)

// ClientReport is what one TLS client of this computer makes of the certificate.
type ClientReport struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Library string `json:"library,omitempty"`
	// RootsFrom is where its roots come from.
	RootsFrom string `json:"rootsFrom,omitempty"`
	// Accepts is absent where its roots or rules are not known.
	Accepts *bool `json:"accepts,omitempty"`
	// Text is what it prints, and Why the same in our words.
	Text string `json:"text,omitempty"`
	Why  string `json:"why,omitempty"`
	// Fix makes it trust the CA.
	Fix string `json:"fix,omitempty"`
	// Predicted tells what was computed from what the client itself said.
	Predicted bool `json:"predicted"`
}

// clientsLimit bounds asking the clients for their versions and roots.
const clientsLimit = time.Second

// findClients asks which TLS clients there are, where a certificate is asked
// about.
func findClients(ctx context.Context, o Options) []clienttrust.Client {
	if o.LookPath == nil || !o.aim().wantsHTTPS() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, clientsLimit)
	defer cancel()
	return clienttrust.Find(ctx, o.Env, o.LookPath)
}

// trust judges the chains that were served. On a tunnel, and with a CA file, by
// the roots that are known; on the user's own road by what the clients there
// have: one that accepts is enough, those that do not are told beside.
func (f *Facts) trust(clients []clienttrust.Client) {
	for _, r := range f.Roads {
		if r.Handshake == nil || len(r.Handshake.Chain) == 0 || r.Handshake.Err != nil {
			continue
		}
		chain, host := r.Handshake.Chain, r.Origin.Hostname()
		roots := f.Computer.Roots
		if r.Own && f.Computer.CAFile == "" {
			roots = nil
		}
		r.Handshake.Trust = accepts(chain, roots, host, f.Now)
		if f.verdicts == nil && (r.Own || f.Aim.URL == nil) {
			f.verdicts = clienttrust.Predict(clients, chain, host, f.caFile(), f.Now)
		}
		if r.Own && f.Computer.CAFile == "" && f.someoneAccepts() {
			r.Handshake.Trust = nil
		}
	}
}

// caFile is the CA file that fixes point clients to: the given one, or the one that
// healTrust writes, where setup published a CA.
func (f *Facts) caFile() string {
	if f.Computer.CAFile == "" && f.Objects != nil && f.Objects.CA.OK() && f.Objects.CA.Value != nil {
		return "ca.crt"
	}
	return f.Computer.CAFile
}

// someoneAccepts tells whether a client of this computer takes the certificate as
// it is.
func (f *Facts) someoneAccepts() bool {
	for _, v := range f.verdicts {
		if v.Known && v.Accepts {
			return true
		}
	}
	return false
}

// runClients lets the clients themselves ask, side by side.
func (f *Facts) runClients(ctx context.Context) {
	if f.Aim.URL == nil {
		return
	}
	var group sync.WaitGroup
	for i := range f.verdicts {
		group.Go(func() {
			if got, err := clienttrust.Run(ctx, f.verdicts[i].Client, f.Aim.URL.String()); err == nil {
				f.verdicts[i] = got
			}
		})
	}
	group.Wait()
}

func (f *Facts) clientReports() []ClientReport {
	reports := make([]ClientReport, 0, len(f.verdicts))
	for _, v := range f.verdicts {
		r := ClientReport{
			Name: v.Client.Name, Version: v.Client.Version, Library: v.Client.Library, RootsFrom: plain(v.Client.RootsFrom),
			Text: plain(v.Text), Why: plain(v.Why), Fix: plain(v.Fix), Predicted: v.Predicted,
		}
		if v.Known {
			accepts := v.Accepts
			r.Accepts = &accepts
		}
		reports = append(reports, r)
	}
	return reports
}
