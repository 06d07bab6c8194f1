package clienttrust

import (
	"context"
	_ "embed"
	"encoding/json"
	"strings"
)

// nodeFacts asks Node for its roots, which are part of the program. From 22.15
// it also says what its variables and options make of them.
const nodeFacts = `const tls = require('tls');
console.log(JSON.stringify({
  version: process.versions.node, openssl: process.versions.openssl, all: Boolean(tls.getCACertificates),
  roots: (tls.getCACertificates ? tls.getCACertificates('default') : tls.rootCertificates).join('\n'),
}));`

//go:embed scripts/node.js
var nodeScript string

func (f *finder) node(ctx context.Context) []Client {
	program, ok := f.first("node", "nodejs")
	if !ok {
		return nil
	}
	c := Client{Name: "Node", Program: program, RootsFrom: "its own, not read"}
	c.behaviour = behaviour{judge: judgeNode, text: nodeText, fix: nodeFix, run: runNode}
	var facts struct {
		Version, OpenSSL, Roots string
		All                     bool
	}
	if json.Unmarshal([]byte(f.ask(ctx, program, "-e", nodeFacts)), &facts) != nil {
		return []Client{c}
	}
	c.Version, c.Library, c.RootsKnown = facts.Version, "OpenSSL/"+facts.OpenSSL, true
	c.options.partial = false
	extra := f.env("NODE_EXTRA_CA_CERTS")
	switch {
	case strings.Contains(f.env("NODE_OPTIONS"), "--use-openssl-ca") && !facts.All:
		f.nodeOpenSSL(&c)
	default:
		c.Roots, c.RootsFrom = parsePEM([]byte(facts.Roots)), "its own"
	}
	if extra != "" { // adds; Node warns of a file that it cannot read, and goes on
		certs, _ := f.files.bundle(extra)
		c.Roots = append(c.Roots, certs...)
		c.RootsFrom = c.RootsFrom + ", " + named("NODE_EXTRA_CA_CERTS", extra)
	}
	return []Client{c}
}

// nodeOpenSSL are the roots that the option --use-openssl-ca takes: OpenSSL's
// variables, else the folder that it was built with, which Node does not say.
func (f *finder) nodeOpenSSL(c *Client) {
	file, dir := f.env("SSL_CERT_FILE"), f.env("SSL_CERT_DIR")
	if file == "" && dir == "" {
		c.RootsKnown, c.RootsFrom = false, "--use-openssl-ca, not read"
		return
	}
	name, value := f.firstOf("SSL_CERT_FILE", "SSL_CERT_DIR")
	f.rooted(c, "--use-openssl-ca, "+named(name, value), []string{file}, []string{dir})
}

func nodeFix(caFile string) string { return "NODE_EXTRA_CA_CERTS=" + shellWord(caFile) + " node" }

func runNode(ctx context.Context, c Client, to target) (answer, error) {
	o, err := start(ctx, c.environ, c.Program, "-e", nodeScript, to.url)
	return byWord(o, err)
}
