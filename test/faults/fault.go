// Package faults holds what can break on the road to Kubeflow, as data, and what
// a diagnosis must say of each: the truth that `kubectl kftls diagnose` is
// measured by. It shares no code with the plugin, so that both cannot be wrong
// in the same way. test/e2e makes the faults on a real testbed.
package faults

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/faults/judge"
)

// Fault is one thing that is broken, with the client that suffers from it.
type Fault struct {
	// Name says what is broken: small letters, with hyphens.
	Name string `json:"name"`
	// Code is what the first finding of a diagnosis must be. It is empty for
	// what looks like a fault and does no harm: then no finding may be an error.
	Code string `json:"code"`
	// Also are other codes that are right as well.
	Also []string `json:"also"`
	// Notices are what must be said beside it, or where all is well: codes, and
	// regular expressions for their causes.
	Notices map[string]string `json:"notices"`
	// Silent are codes that must not be found at all.
	Silent []string `json:"silent"`
	// Profile is the Kubeflow; today's if empty.
	Profile string `json:"profile"`
	// Slow keeps it for the long run, since it takes a while to make.
	Slow bool `json:"slow"`
	// IPv6 says that it takes a machine that has it.
	IPv6 bool `json:"ipv6"`
	// Setup is how HTTPS was set up before: none (the default), https by the
	// plugin, hand as on a blog (a CA, a Secret, a server of the Gateway).
	Setup string `json:"setup"`
	// Session says that somebody logged in before; the Cookie header's value is
	// in the file cookie.
	Session bool `json:"session"`
	// Make breaks it. Settle is what it takes until the break is in force: wait
	// (the default; `testbed wait`), none, roll (fresh Envoys), or "restart X".
	Make   []Step `json:"make"`
	Settle string `json:"settle"`
	// Aim are the arguments of the diagnosis.
	Aim []string `json:"aim"`
	// Exit is the diagnosis's exit code, 1 if it is not said; 3 is for fronts
	// that could not be asked at all.
	Exit *int `json:"exit"`
	// Judge is the client that must be broken before, and well after.
	Judge judge.Look `json:"judge"`
	// Heals mends it. Without, all objects are put back as they were.
	Heals []Step `json:"heals"`
	// Fix is "printed" if the commands that the diagnosis prints mend it as they
	// are, "acted" if they do so only with what the user adds (a password). Where
	// neither is said, printed commands are followed if the diagnosis says that
	// they mend it, and Heals otherwise.
	Fix string `json:"fix"`
	// Prints is a regular expression for what the printed commands say themselves,
	// where they are the client.
	Prints string `json:"prints"`
	// Then follows either; what differs for the client that is well afterwards
	// is in Healed.
	Then   []Step      `json:"then"`
	Healed *judge.Look `json:"healed"`
	// Undo is what follows when the objects were put back, if that is not enough
	// because programs remember the fault: reset, variant (as shipped, with the
	// programs that a variant changed), or "restart X".
	Undo string `json:"undo"`
	// After takes away what stays when the objects were put back: kinds of objects.
	After []Step `json:"after"`
	// Note says what is odd about it.
	Note string `json:"note"`
}

// Step is one thing to do; one field is set. $NAME is replaced in all texts:
// FIRST and SECOND (the gateway pods), PORT and OTHER (free ports), SECRET (a
// name that no Envoy has seen), SHIPPED (a file with Kubeflow's own Gateway).
type Step struct {
	// Run is a line for sh.
	Run string `json:"run,omitempty"`
	// Until is such a line, tried until it succeeds.
	Until string `json:"until,omitempty"`
	// Apply is YAML for kubectl apply --server-side.
	Apply string `json:"apply,omitempty"`
	// Certificate writes tls.crt, tls.key and ca.crt.
	Certificate *Certificate `json:"certificate,omitempty"`
	// Secret makes a Secret, of these files if nothing else is said.
	Secret *Secret `json:"secret,omitempty"`
	// Server is the HTTPS server of Kubeflow's Gateway, added or replaced.
	Server *Server `json:"server,omitempty"`
	// Model is the name of an InferenceService as KServe makes it in the namespace of
	// Kubeflow's first user, without the model.
	Model string `json:"model,omitempty"`
	// Listen holds a port of this computer; Close ends that, or a port-forward.
	Listen *Listen `json:"listen,omitempty"`
	Close  string  `json:"close,omitempty"`
	// Relay is a load balancer on a port of this computer. Close ends it.
	Relay *Relay `json:"relay,omitempty"`
	// Clocks are wrong ones: by how much the API server's, in the kubeconfig that the
	// client and the diagnosis have, and the gateway's, at the plain $PORT.
	Clocks *Clocks `json:"clocks,omitempty"`
	// API is what stands before the API server, in the kubeconfig that the client and
	// the diagnosis have: no-upgrades (refuses what tunnels need) or empty (a cluster
	// without any of Kubeflow's kinds).
	API string `json:"api,omitempty"`
	// Forward is a kubectl port-forward to a port of the ingress Service, on
	// $PORT.
	Forward int `json:"forward,omitempty"`
	// Env are variables for the client and the diagnosis; empty ones are unset.
	Env map[string]string `json:"env,omitempty"`
	// Testbed are arguments of the testbed's own program.
	Testbed string `json:"testbed,omitempty"`
}

// Secret is one with certificate and key. Files says which file is under which
// key; an empty name is an empty value.
type Secret struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Type      string            `json:"type"`
	Files     map[string]string `json:"files"`
}

// Server is the HTTPS server of a Gateway. What is not set is as it should be.
type Server struct {
	Hosts          []string `json:"hosts"`
	Mode           string   `json:"mode"`
	CredentialName string   `json:"credentialName"`
}

// Listen is a program on a port of this computer: plain (HTTP), tls, closing
// (takes connections and closes them), silent (takes them and says nothing), proxy
// (refuses every CONNECT) or provider (of logins, which verifies no e-mail address).
type Listen struct {
	Port string `json:"port"`
	As   string `json:"as"`
}

// Relay is a program in front of the gateway. As is tcp (passes bytes on), tls (ends
// TLS with tls.crt and tls.key, and speaks plain HTTP behind) or proxy-header (puts a
// header of the PROXY protocol in front).
type Relay struct {
	// Address is the IP address to listen on, 127.0.0.1 if it is empty. A client
	// reaches that at 0.0.0.0, too, which no program takes for this computer's.
	Address string `json:"address"`
	Port    string `json:"port"`
	// To is where it leads, $FIRST:8443.
	To string `json:"to"`
	As string `json:"as"`
}

// Clocks are how far clocks are ahead of this computer's, "-90s". With both alike it
// is this computer's that is off.
type Clocks struct {
	API     string `json:"api"`
	Gateway string `json:"gateway"`
}

//go:embed *.yaml
var files embed.FS

// All reads every fault, in an order in which those that share a front door
// follow each other.
func All() ([]Fault, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Fault
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			fault := Fault{Profile: "kubeflow-26.03", Setup: "none", Settle: "wait"}
			if err := yaml.UnmarshalStrict([]byte(document), &fault); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			if err := fault.check(); err != nil {
				return nil, fmt.Errorf("%s: fault %q: %w", name, fault.Name, err)
			}
			all = append(all, fault)
		}
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return strings.Compare(a.order(), b.order()) })
	return all, nil
}

// order sorts by Kubeflow and set-up; what needs fresh programs comes last.
func (f Fault) order() string {
	door := "as shipped, by hand"
	if f.Setup == "https" {
		door = "by the plugin"
	}
	return f.Profile + " " + f.Undo + " " + door
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9.]+)+$`)
	codeForm = regexp.MustCompile(`^(KFT[1-9][0-9]{2})?$`)
)

func (f Fault) check() error {
	switch {
	case !nameForm.MatchString(f.Name):
		return errors.New("the name is not words with hyphens")
	case !codeForm.MatchString(f.Code):
		return fmt.Errorf("%q is no code", f.Code)
	case !slices.Contains([]string{"none", "https", "hand"}, f.Setup):
		return fmt.Errorf("there is no setup %q", f.Setup)
	case !slices.Contains([]string{"wait", "none", "roll"}, f.Settle) && !strings.HasPrefix(f.Settle, "restart "):
		return fmt.Errorf("it cannot settle by %q", f.Settle)
	case !slices.Contains([]string{"", "reset", "variant"}, f.Undo) && !strings.HasPrefix(f.Undo, "restart "):
		return fmt.Errorf("there is no undo %q", f.Undo)
	case !slices.Contains([]string{"", "printed", "acted"}, f.Fix):
		return fmt.Errorf("there is no fix %q", f.Fix)
	}
	return f.Judge.Check()
}

// Right tells whether a code names this fault.
func (f Fault) Right(code string) bool {
	return code == f.Code || slices.Contains(f.Also, code)
}

// MayBeOnItsWay tells whether a client could be broken only because a change has
// not yet reached the gateway.
func (f Fault) MayBeOnItsWay() bool {
	return f.Settle == "none" && slices.ContainsFunc(f.Make, func(s Step) bool { return s.Secret != nil || s.Server != nil })
}

// WantedExit is the exit code of a diagnosis.
func (f Fault) WantedExit() int {
	switch {
	case f.Exit != nil:
		return *f.Exit
	case f.Code == "":
		return 0
	}
	return 1
}
