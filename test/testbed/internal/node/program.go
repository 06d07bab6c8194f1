package node

import (
	"context"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The programs that the node can run, as the keys of Config.Programs.
const (
	Envoy       = "envoy"
	Istiod      = "pilot-discovery"
	OAuth2Proxy = "oauth2-proxy"
	Dex         = "dex"
	Upstream    = "upstream"
	LDAP        = "ldap"
	// AuthService says what it is wherever it shows.
	AuthService = "authservice-stand-in"
)

// program says how a container image is run without its image.
type program struct {
	name string // key in Config.Programs
	// images are what an image's name must end with, registry, tag and digest left out.
	images []string
	// only limits the program to some pods with that image; nil means all.
	only func(*corev1.Pod) bool
	// wantsNames says that it talks to Services by name.
	wantsNames bool
	// wantsAPI says that it asks the API server, as its ServiceAccount.
	wantsAPI bool
	// dialsNames says that it dials Services whose names are in its configuration, and asks
	// no proxy.
	dialsNames bool
	// command turns the container's configuration into this machine's.
	command func(*Node, *sandbox) (command, error)
	// hold returns the reason why the program must not start yet, "" if it may.
	hold func(*Node) string
	// drain asks the program to let go of its clients before SIGTERM, and returns when it
	// may be ended; nil means SIGTERM alone.
	drain func(ctx context.Context, address string)
}

// command is how a program is started in its sandbox.
type command struct{ args []string }

// programs is the whole table. A container whose image is not here is not run: its pod
// stays Pending and says so.
var programs = []*program{
	{name: Dex, images: []string{"dexidp/dex"}, dialsNames: true, command: dexCommand},
	{name: OAuth2Proxy, images: []string{"oauth2-proxy/oauth2-proxy"}, wantsNames: true, command: plainCommand},
	{name: Istiod, images: []string{"istio/pilot", "istio-release/pilot"}, wantsNames: true, command: istiodCommand, hold: (*Node).holdIstiod},
	{name: Envoy, images: []string{"istio/proxyv2", "istio-release/proxyv2"}, only: isGateway, command: envoyCommand, hold: (*Node).holdGateway, drain: drainEnvoy},
	{name: AuthService, images: []string{"oidc-authservice"}, wantsNames: true, wantsAPI: true, command: authserviceCommand},
	{name: LDAP, images: []string{"kftls-testbed/ldap"}, command: ldapCommand},
	{name: Upstream, images: []string{
		"kubeflow/central-dashboard", "kubeflow/centraldashboard", "kubeflownotebookswg/centraldashboard", "dashboard/dashboard",
		"kubeflow/kfp-frontend", "ml-pipeline/frontend",
		"kubeflow/kfp-api-server", "ml-pipeline/api-server",
	}, command: upstreamCommand},
}

// programOf finds how a pod is run; nil if it is not.
func programOf(pod *corev1.Pod) *program {
	if len(pod.Spec.Containers) == 0 {
		return nil
	}
	image := imageName(pod.Spec.Containers[0].Image)
	for _, p := range programs {
		for _, known := range p.images {
			if (image == known || strings.HasSuffix(image, "/"+known)) && (p.only == nil || p.only(pod)) {
				return p
			}
		}
	}
	return nil
}

// Runs tells whether the node runs pods like this one. Others stay Pending.
func Runs(pod corev1.PodSpec) bool { return programOf(&corev1.Pod{Spec: pod}) != nil }

// imageName is an image without tag and digest: quay.io/oauth2-proxy/oauth2-proxy.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image = image[:colon]
	}
	return image
}

// imageTag is an image's tag, "latest" if it has none.
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if tag := strings.TrimPrefix(image[len(imageName(image)):], ":"); tag != "" {
		return tag
	}
	return "latest"
}

// isGateway tells an ingress gateway's pod: pilot-agent is told to run a router.
func isGateway(pod *corev1.Pod) bool {
	args := pod.Spec.Containers[0].Args
	return len(args) >= 2 && args[0] == "proxy" && args[1] == "router"
}

// plainCommand runs the container's arguments as they are, with addresses and paths of
// this machine.
func plainCommand(_ *Node, s *sandbox) (command, error) {
	return command{args: s.localArgs()}, nil
}

// localArgs are the container's arguments without the program itself, expanded.
func (s *sandbox) localArgs() []string {
	words := s.container.Args
	if len(s.container.Command) > 0 {
		words = append(s.container.Command[1:len(s.container.Command):len(s.container.Command)], words...)
	}
	args := make([]string, 0, len(words))
	for _, word := range words {
		args = append(args, s.localize(expand(word, s.lookup), "argument"))
	}
	return args
}

// dexCommand runs Dex, which the testbed builds as a library with its state in memory.
func dexCommand(_ *Node, s *sandbox) (command, error) {
	s.differ("storage: in memory, whatever config.yaml says")
	return command{args: s.localArgs()}, nil
}

// upstreamCommand runs the stand-in for whatever is behind the front door.
func upstreamCommand(_ *Node, s *sandbox) (command, error) {
	image := s.container.Image
	component := "centraldashboard"
	switch base := path.Base(imageName(image)); {
	case strings.Contains(base, "frontend"):
		component = "ml-pipeline-ui"
	case strings.Contains(base, "api-server"):
		component = "ml-pipeline"
	}
	port := "8080"
	if len(s.container.Ports) > 0 {
		port = itoa(s.container.Ports[0].ContainerPort)
	}
	s.differ("program: a stand-in for %s, without its arguments", image)
	return command{args: []string{
		"upstream", "--component=" + component, "--pipelines-version=" + imageTag(image),
		"--address=" + s.address.String() + ":" + port,
	}}, nil
}

// authserviceCommand runs the stand-in for oidc-authservice, with the container's environment.
func authserviceCommand(_ *Node, s *sandbox) (command, error) {
	s.differ("program: a stand-in for %s, which keeps its sessions in memory", s.container.Image)
	return command{args: []string{"authservice", "--address=" + s.address.String()}}, nil
}

// ldapCommand runs the testbed's own directory server, with the arguments of its Deployment.
func ldapCommand(_ *Node, s *sandbox) (command, error) {
	s.differ("program: a directory server of the testbed's own, with a few people")
	return command{args: append([]string{"ldap"}, s.localArgs()...)}, nil
}
