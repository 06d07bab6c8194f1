package clienttrust

import (
	"cmp"
	"crypto/x509"
	"os"
	"slices"
	"time"
)

// Verdict is what a client says of a chain, or is predicted to say.
type Verdict struct {
	Client Client
	// Known is false for a client of which the roots or rules are not known
	// here. Nothing else is said then but Why, and a Fix to try.
	Known bool
	// Accepts says that it takes the chain.
	Accepts bool
	// Cause is why not; of a client that was run it is not known.
	Cause Cause
	// Text is what the client prints for the cause (in English), without what
	// differs from one run to the next. "" is a client of which the words are not
	// known.
	Text string
	// Why is the cause in our words.
	Why string
	// Fix is what makes this client trust the CA file, "" where trust alone
	// would not help.
	Fix string
	// Predicted tells a prediction from what the client said itself.
	Predicted bool
}

// Predict says what each client would make of a chain, as served (leaf first),
// when host is dialled. caFile is the CA that a Fix points a client to, "" for
// none. Nothing is sent or started.
func Predict(clients []Client, chain []*x509.Certificate, host, caFile string, now time.Time) []Verdict {
	ours := readCA(caFile)
	verdicts := make([]Verdict, 0, len(clients))
	for _, c := range clients {
		v := Verdict{Client: c, Predicted: true}
		if len(chain) > 0 {
			v.predict(chain, host, now)
			v.mend(chain, host, now, caFile, ours)
		} else {
			v.Why = "the server sent no certificate"
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (v *Verdict) predict(chain []*x509.Certificate, host string, now time.Time) {
	c := v.Client
	t := newTrial(c, c.Roots, chain, host, now)
	switch {
	case c.checksNothing:
		v.Known, v.Accepts, v.Why = true, true, "its configuration turns the check off"
	case c.broken != "":
		v.Known, v.Cause, v.Text = true, UnreadableRoots, c.broken
	case c.behaviour.judge == nil:
		v.Why = "whom it trusts is not known here: " + cmp.Or(c.RootsFrom, "rules of its own")
	case !c.RootsKnown:
		v.unknownRoots(chain, host, now)
	case t.undecided():
		v.Why = "whether its own list has this CA is not read here"
	default:
		v.Known = true
		v.Cause = c.behaviour.judge(t)
		v.Accepts = v.Cause == Accepted
	}
	if v.Known && !v.Accepts {
		v.Why = why(t, v.Cause)
		if v.Text == "" {
			v.Text = c.behaviour.text(t, v.Cause)
		}
	}
}

// unknownRoots judges what no roots can mend: the chain that is served, with
// its own top for a root.
func (v *Verdict) unknownRoots(chain []*x509.Certificate, host string, now time.Time) {
	t := newTrial(v.Client, chain[len(chain)-1:], chain, host, now)
	t.client.options.partial = true
	t.build()
	v.Cause = v.Client.behaviour.judge(t)
	if v.Cause == Accepted || v.Cause.byTrust() {
		v.Cause, v.Why = Accepted, "which roots it has is not known here"
		return
	}
	v.Known = true
}

// mend sets the Fix, if trusting the CA file is what this client lacks.
func (v *Verdict) mend(chain []*x509.Certificate, host string, now time.Time, caFile string, ours []*x509.Certificate) {
	c := v.Client
	if caFile == "" || c.behaviour.fix == nil || v.Accepts || v.Known && !v.Cause.byTrust() {
		return
	}
	if len(ours) > 0 && c.behaviour.judge != nil {
		// BadSignature is a CA of the same name among the roots: it goes when
		// the file takes their place.
		t := newTrial(c, ours, chain, host, now)
		if left := c.behaviour.judge(t); left != Accepted {
			if !left.byTrust() {
				v.Why += "; with the CA it would still refuse it: " + why(t, left)
			}
			return
		}
	}
	v.Fix = c.behaviour.fix(caFile)
}

// readCA reads the CA file. One that is not there yet holds nothing, and its
// Fix is given unchecked.
func readCA(path string) []*x509.Certificate {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return slices.Clip(parsePEM(data))
}
