package clienttrust

import (
	"context"
	_ "embed"
	"encoding/json"
	"strings"
)

//go:embed scripts/facts.py
var factsScript string

//go:embed scripts/urllib.py
var urllibScript string

//go:embed scripts/requests.py
var requestsScript string

//go:embed scripts/kfp.py
var kfpScript string

//go:embed scripts/grpc.py
var grpcScript string

// pythonFacts is what scripts/facts.py prints.
type pythonFacts struct {
	Executable, Version, OpenSSL string
	// CAFile and CAPath are OpenSSL's, or its variables', as far as they are
	// there; EnvFile is the variable, whatever it names.
	CAFile, CAPath, EnvFile string
	SSL, URLLib3            pythonOptions
	Modules                 map[string]string
	Certifi, GRPC           string
}

type pythonOptions struct{ Strict, Partial, CommonName bool }

func (o pythonOptions) options() options {
	return options{partial: o.Partial, strict: o.Strict, commonName: o.CommonName}
}

// python finds the clients of the python3 on the PATH by one start of it. It is
// not isolated from the user's own modules: they are what the user runs.
func (f *finder) python(ctx context.Context) []Client {
	program, ok := f.first("python3", "python")
	if !ok {
		return nil
	}
	var facts pythonFacts
	if json.Unmarshal([]byte(f.ask(ctx, program, "-c", factsScript)), &facts) != nil {
		return []Client{{Name: "Python ssl", Program: program, RootsFrom: "its own, not read"}}
	}
	clients := []Client{f.pythonSSL(facts)}
	if version := facts.Modules["requests"]; version != "" {
		clients = append(clients, f.requests(facts, version))
	}
	if version := facts.Modules["kfp"]; version != "" {
		clients = append(clients, f.kfp(facts, version))
	}
	if version := facts.Modules["grpcio"]; version != "" {
		clients = append(clients, f.grpc(facts, version))
	}
	return clients
}

// client is one of this Python's, with OpenSSL.
func (p pythonFacts) client(name, version string, o pythonOptions, b behaviour) Client {
	library := "OpenSSL"
	if words := strings.Fields(p.OpenSSL); len(words) > 1 { // OpenSSL 3.0.19 27 Jan 2026
		library = words[0] + "/" + words[1]
	}
	b.judge = judgePython
	return Client{Name: name, Version: version, Library: library, Program: p.Executable, behaviour: b, options: o.options()}
}

func (f *finder) pythonSSL(facts pythonFacts) Client {
	c := facts.client("Python ssl", facts.Version, facts.SSL,
		behaviour{text: urllibText, fix: sslFix, run: runScript(&urllibScript)})
	from, file := facts.CAFile, facts.CAFile
	switch {
	case facts.EnvFile != "":
		file, from = facts.EnvFile, named("SSL_CERT_FILE", facts.EnvFile)
	case from == "":
		from = facts.CAPath
	}
	folder := facts.CAPath
	if dir := f.env("SSL_CERT_DIR"); dir != "" { // may be a list, of which Python says nothing
		folder = dir
		from += ", " + named("SSL_CERT_DIR", dir)
	}
	f.rooted(&c, from, []string{file}, []string{folder})
	return c
}

// requests takes a bundle or a folder from two variables, else certifi's.
func (f *finder) requests(facts pythonFacts, version string) Client {
	c := facts.client("Python requests", version, facts.URLLib3,
		behaviour{text: requestsText, fix: requestsFix, run: runScript(&requestsScript)})
	name, value := f.firstOf("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
	if name == "" {
		f.certifi(&c, facts)
		return c
	}
	c.RootsFrom, c.RootsKnown = named(name, value), true
	certs, err := f.files.bundle(value)
	switch {
	case isFolder(value):
		certs = f.files.hashed(value)
	case err != nil:
		c.broken = "Could not find a suitable TLS CA certificate bundle, invalid path: " + value
	}
	c.Roots = certs
	return c
}

// kfp has certifi's roots and no variable: its client passes them by itself.
func (f *finder) kfp(facts pythonFacts, version string) Client {
	c := facts.client("kfp (certifi)", version, facts.URLLib3,
		behaviour{text: requestsText, fix: kfpFix, run: runScript(&kfpScript)})
	f.certifi(&c, facts)
	return c
}

func (f *finder) certifi(c *Client, facts pythonFacts) {
	f.rooted(c, "certifi "+facts.Certifi, []string{facts.Certifi}, nil)
	c.RootsKnown = facts.Certifi != ""
}

// grpc has BoringSSL and roots of its own.
func (f *finder) grpc(facts pythonFacts, version string) Client {
	c := Client{Name: "Python gRPC", Library: "BoringSSL", Version: version, Program: facts.Executable}
	c.behaviour = behaviour{judge: judgeBoring, text: grpcText, fix: grpcFix, run: runScript(&grpcScript)}
	from, file := "its own "+facts.GRPC, facts.GRPC
	if value := f.env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"); value != "" {
		file, from = value, named("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", value)
	}
	f.rooted(&c, from, []string{file}, nil)
	c.RootsKnown = file != ""
	return c
}

func sslFix(caFile string) string      { return "SSL_CERT_FILE=" + shellWord(caFile) + " python3" }
func requestsFix(caFile string) string { return "REQUESTS_CA_BUNDLE=" + shellWord(caFile) + " python3" }

func kfpFix(caFile string) string { return "kfp.Client(ssl_ca_cert=" + pythonString(caFile) + ")" }

func grpcFix(caFile string) string {
	return "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=" + shellWord(caFile) + " python3"
}

// runScript runs one of Python's scripts. It takes a pointer because what is
// embedded is a variable.
func runScript(script *string) func(context.Context, Client, target) (answer, error) {
	return func(ctx context.Context, c Client, to target) (answer, error) {
		o, err := start(ctx, c.environ, c.Program, "-c", *script, to.url)
		return byWord(o, err)
	}
}

// pythonString writes a string literal of Python: JSON's is one of its own.
func pythonString(s string) string {
	data, _ := json.Marshal(s) // a string is always encoded
	return string(data)
}
