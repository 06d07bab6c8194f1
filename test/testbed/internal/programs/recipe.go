// Package programs builds, finds and fetches the servers that make up the
// testbed: once, into a cache that is keyed by what they are built from.
package programs

import "fmt"

// The names of the programs: the keys of Set.Programs.
const (
	Etcd        = "etcd"
	APIServer   = "kube-apiserver"
	Kubectl     = "kubectl"
	Controllers = "controllers"
	Istiod      = "pilot-discovery"
	Dex         = "dex"
	OAuth2Proxy = "oauth2-proxy"
	Envoy       = "envoy"
)

// dexVersion is the release whose commit programs/go.mod requires: Dex has no
// importable versions after 2.13, so its pseudo-version does not tell.
const dexVersion = "v2.41.1"

// istioVersion is what istiod says of itself. Its module is a commit of the
// development branch that becomes this release.
const istioVersion = "1.31-dev"

// target is a program to build.
type target struct {
	name string
	// pkg is the main package, as given to go build.
	pkg string
	// output is the file name that go build -o DIR/ gives it.
	output string
	// versionOf is the module whose version is the program's; "" for fixed.
	versionOf string
	fixed     string
	// ldflags adds to the linker's flags, given the version.
	ldflags func(version string) string
}

// module is a Go module below the testbed's folder; its targets are built by
// one go build, so that what they share is compiled once.
type module struct {
	dir     string
	targets []target
}

// modules is everything that is built. oauth2-proxy has a module of its own:
// the versions of viper and mapstructure that it needs do not fit the others'.
var modules = []module{
	{dir: "programs", targets: []target{
		{name: APIServer, pkg: "k8s.io/kubernetes/cmd/kube-apiserver", output: "kube-apiserver", versionOf: "k8s.io/kubernetes", ldflags: kubernetesFlags},
		{name: Kubectl, pkg: "k8s.io/kubernetes/cmd/kubectl", output: "kubectl", versionOf: "k8s.io/kubernetes", ldflags: kubernetesFlags},
		{name: Etcd, pkg: "go.etcd.io/etcd/server/v3", output: "server", versionOf: "go.etcd.io/etcd/server/v3"},
		{name: Istiod, pkg: "istio.io/istio/pilot/cmd/pilot-discovery", output: "pilot-discovery", fixed: istioVersion, ldflags: istioFlags},
		{name: Controllers, pkg: "./controllers", output: "controllers", versionOf: "k8s.io/kubernetes", ldflags: kubernetesFlags},
		{name: Dex, pkg: "./dex", output: "dex", fixed: dexVersion, ldflags: func(v string) string { return "-X main.version=" + v }},
	}},
	{dir: "programs/oauth2-proxy", targets: []target{
		{
			name: OAuth2Proxy, pkg: "github.com/oauth2-proxy/oauth2-proxy/v7", output: "oauth2-proxy",
			versionOf: "github.com/oauth2-proxy/oauth2-proxy/v7",
			ldflags:   func(v string) string { return "-X github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION=" + v },
		},
	}},
}

// commonFlags are the linker's flags of every program: no symbol table, no
// debugging information.
const commonFlags = "-s -w"

// buildFlags and buildEnv are the same for every module; they are part of the
// key.
var (
	buildFlags = []string{"-trimpath", "-buildvcs=false"}
	buildEnv   = []string{"CGO_ENABLED=0"}
)

// kubernetesFlags stamps a version as Kubernetes' own build does
// (hack/lib/version.sh). Without it `kubectl version` fails, and the API
// server calls itself v0.0.0-master.
func kubernetesFlags(version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "v%d.%d", &major, &minor); err != nil {
		return ""
	}
	var flags string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += fmt.Sprintf(" -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]d -X %[1]s.gitMinor=%[4]d -X %[1]s.gitTreeState=clean",
			pkg, version, major, minor)
	}
	return flags[1:]
}

func istioFlags(version string) string {
	return "-X istio.io/istio/pkg/version.buildVersion=" + version + " -X istio.io/istio/pkg/version.buildStatus=Modified"
}
