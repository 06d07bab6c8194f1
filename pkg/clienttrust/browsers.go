package clienttrust

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/clienttrust/nssdb"
)

// browsers finds browsers. Each has a list of public CAs in its program, which
// is not read here; on Linux, private CAs come from an NSS database, elsewhere
// from the system's own store. None of them reads a variable or the system's
// bundle.
func (f *finder) browsers(context.Context) []Client {
	var clients []Client
	if program, ok := f.first("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"); ok {
		name := "Chromium"
		if strings.HasPrefix(filepath.Base(program), "google-chrome") {
			name = "Chrome"
		}
		clients = append(clients, f.chromium(name, program))
	}
	if program, ok := f.first("firefox", "firefox-esr"); ok {
		clients = append(clients, f.firefox(program))
	}
	return clients
}

const systemStore = "the system's own store, not read"

// nssRoots gives a browser what an NSS database holds. Its path is shown, for it
// is where a CA has to go.
func (f *finder) nssRoots(c *Client, dir string) {
	store, err := nssdb.Read(dir)
	c.Roots, c.special, c.RootsKnown = store.Anchors, store.Others, err == nil
	c.RootsFrom = "its own, and " + dir
	if err != nil {
		c.RootsFrom += ", which cannot be read"
	}
	if bundle := systemBundle(); bundle != "" {
		c.public, _ = f.files.bundle(bundle) // without it, a public CA is none that is known
	}
}

// undecided tells of a browser that may trust a chain by what is not read here:
// its own list of public CAs, for which the system's stands, and entries of the
// database about this server alone.
func (t *trial) undecided() bool {
	if contains(t.client.special, t.leaf()) {
		return true
	}
	if len(t.client.public) == 0 || t.anchored {
		return false
	}
	public := newTrial(t.client, t.client.public, t.chain, t.host, t.now)
	return public.anchored
}

// chromium has one database for each user (crypto/nss_util.cc): that of the home
// folder if it is there, else one among the user's data.
func (f *finder) chromium(name, program string) Client {
	c := Client{Name: name, Library: "BoringSSL", RootsFrom: systemStore, behaviour: behaviour{text: chromiumText}}
	if runtime.GOOS != "linux" {
		return c
	}
	if policy := chromiumPolicy(); policy != "" {
		c.RootsFrom = "certificates by " + policy + ", not read"
		return c
	}
	dir := f.chromiumStore(program)
	c.behaviour.judge, c.behaviour.fix = judgeChromium, nssFix(dir)
	c.options.partial = true
	f.nssRoots(&c, dir)
	return c
}

func (f *finder) chromiumStore(program string) string {
	home := f.env("HOME")
	if strings.HasPrefix(program, "/snap/") {
		home = filepath.Join(home, "snap", "chromium", "current")
	}
	old := filepath.Join(home, ".pki", "nssdb")
	if isFolder(old) {
		return old
	}
	data := f.env("XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "pki", "nssdb")
}

// chromiumPolicy is where an administrator's policy adds certificates
// (https://chromeenterprise.google/policies/#CACertificates), "" for nowhere.
func chromiumPolicy() string {
	for _, pattern := range []string{
		"/etc/chromium/policies/managed/*.json", "/etc/chromium-browser/policies/managed/*.json", "/etc/opt/chrome/policies/managed/*.json",
	} {
		paths, _ := filepath.Glob(pattern) // the pattern is right
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), `"CACertificates`) {
				return path
			}
		}
	}
	return ""
}

func (f *finder) firefox(program string) Client {
	c := Client{Name: "Firefox", Library: "NSS", RootsFrom: systemStore, behaviour: behaviour{text: firefoxText}}
	if runtime.GOOS != "linux" { // there it takes the system's private CAs, too
		return c
	}
	c.behaviour.judge = judgeFirefox
	c.options.partial = true
	if policy := firefoxPolicy(filepath.Dir(program)); policy != "" {
		c.RootsFrom = "certificates by " + policy + ", not read"
		return c
	}
	dir, err := f.firefoxProfile()
	if err != nil {
		c.RootsFrom = err.Error()
		return c
	}
	if dir == "" {
		c.RootsFrom = "its own; it has no profile yet"
		c.RootsKnown = true
		c.public, _ = f.files.bundle(systemBundle())
		return c
	}
	c.behaviour.fix = nssFix(dir)
	f.nssRoots(&c, dir)
	return c
}

// firefoxPolicy is the file of an administrator that adds certificates to every
// profile (https://mozilla.github.io/policy-templates/#certificates), "" for none.
func firefoxPolicy(programDir string) string {
	for _, path := range []string{
		"/etc/firefox/policies/policies.json",
		"/usr/lib/firefox/distribution/policies.json",
		"/usr/lib/firefox-esr/distribution/policies.json",
		"/usr/lib64/firefox/distribution/policies.json",
		filepath.Join(programDir, "distribution", "policies.json"),
	} {
		text, err := os.ReadFile(path)
		if err == nil && (strings.Contains(string(text), `"Certificates"`) || strings.Contains(string(text), `"SecurityDevices"`)) {
			return path
		}
	}
	return ""
}

// nssFix adds a CA to a database. One that is not there is made.
func nssFix(dir string) func(string) string {
	return func(caFile string) string {
		command := "certutil -d sql:" + shellWord(dir) + " -A -t C,, -n Kubeflow -i " + shellWord(caFile)
		if !isFolder(dir) {
			command = "mkdir -p " + shellWord(dir) + " && " + command
		}
		return command
	}
}
