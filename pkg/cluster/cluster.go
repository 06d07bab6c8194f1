// Package cluster opens a Kubernetes cluster as kubeconfig and its flags name
// it, with a deadline on every call and errors that say what to do.
package cluster

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// DefaultRequestTimeout bounds one API request where neither --request-timeout
// nor the kubeconfig says otherwise. It leaves room for an admission webhook
// that hangs: the API server waits 10 s for one by default
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts).
const DefaultRequestTimeout = 15 * time.Second

// Cluster is an open cluster: where it is, who asks, and the clients.
type Cluster struct {
	// Context is the kubeconfig context in use; empty inside a pod.
	Context string
	// Server is the URL of the API server.
	Server string
	// Namespace is the context's namespace, for flags that name an object
	// without one.
	Namespace string
	// Config is what the clients were made from.
	Config *rest.Config

	Core          corev1client.CoreV1Interface
	Discovery     discoveryv1client.DiscoveryV1Interface
	Authorization authorizationv1client.AuthorizationV1Interface
	Dynamic       dynamic.Interface

	client *http.Client
	clock  *serverClock
}

// Options are what kubeconfig does not say.
type Options struct {
	// Context is the value of --context, which a kubeconfig loader does not
	// give back.
	Context string
	// ServerGiven tells that --server names the API server, so that a kubeconfig
	// may be missing.
	ServerGiven bool
	// UserAgent is sent with each request and seen in audit logs.
	UserAgent string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Kubeconfig is what a kubeconfig and its flags say: the part of cli-runtime's
// RESTClientGetter that is used here. Its ConfigFlags satisfy it.
type Kubeconfig interface {
	ToRESTConfig() (*rest.Config, error)
	ToRawKubeConfigLoader() clientcmd.ClientConfig
}

// New opens the cluster that the kubeconfig flags name. It sends no request.
// Errors are *fault.Error of reason Usage (no such context, unreadable file).
func New(flags Kubeconfig, o Options) (*Cluster, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	loader := flags.ToRawKubeConfigLoader()
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, configError(err)
	}
	if config, err = hideUser(config); err != nil {
		return nil, configError(err)
	}
	c := &Cluster{Context: o.Context, Server: config.Host, clock: &serverClock{now: o.Now}}
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, configError(err)
	}
	if c.Context == "" {
		c.Context = raw.CurrentContext
	}
	if api.IsConfigEmpty(&raw) && !o.ServerGiven && config.Host == clientcmd.ClusterDefaults.Server {
		return nil, configError(clientcmd.ErrEmptyConfig) // and not kubectl's attempt at localhost:8080
	}
	if c.Namespace, _, err = loader.Namespace(); err != nil {
		return nil, configError(err)
	}
	c.Config = tune(config, o, c.clock)
	return c, c.open()
}

// tune copies a config and sets what this project wants of every client:
// no client-side rate limit (parallel questions would wait for themselves),
// a deadline, and an eye on the API server's clock.
func tune(config *rest.Config, o Options, clock *serverClock) *rest.Config {
	tuned := rest.CopyConfig(config)
	tuned.QPS = -1
	if tuned.Timeout == 0 {
		tuned.Timeout = DefaultRequestTimeout
	}
	if o.UserAgent != "" {
		tuned.UserAgent = o.UserAgent
	}
	tuned.Wrap(clock.watch)
	return tuned
}

// open makes the clients, all over one HTTP client and so one connection.
func (c *Cluster) open() error {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return configError(err)
	}
	c.client = client
	if c.Core, err = corev1client.NewForConfigAndClient(c.Config, client); err != nil {
		return configError(err)
	}
	if c.Discovery, err = discoveryv1client.NewForConfigAndClient(c.Config, client); err != nil {
		return configError(err)
	}
	if c.Authorization, err = authorizationv1client.NewForConfigAndClient(c.Config, client); err != nil {
		return configError(err)
	}
	if c.Dynamic, err = dynamic.NewForConfigAndClient(c.Config, client); err != nil {
		return configError(err)
	}
	return nil
}

func configError(err error) error {
	hint := "see the contexts there are: kubectl config get-contexts"
	if clientcmd.IsEmptyConfig(err) {
		hint = "name a kubeconfig: export KUBECONFIG=FILE, or --kubeconfig FILE"
	}
	return fault.New(fault.Usage, hint, "read kubeconfig: %w", withoutUser(err))
}

// GroupVersions returns the versions of an API group that the server serves,
// the one it prefers first, and none when it does not know the group.
func (c *Cluster) GroupVersions(ctx context.Context, group string) ([]string, error) {
	body, err := c.Core.RESTClient().Get().AbsPath("/apis/" + group).Do(ctx).Raw()
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, Explain(err, "ask for the API group %s", group)
	}
	var answer metav1.APIGroup
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, Explain(err, "read the API group %s", group)
	}
	var versions []string
	for _, v := range append([]metav1.GroupVersionForDiscovery{answer.PreferredVersion}, answer.Versions...) {
		if v.Version != "" && !slices.Contains(versions, v.Version) {
			versions = append(versions, v.Version)
		}
	}
	return versions, nil
}

// ClockOffset is how far the API server's clock is ahead of this computer's
// (negative: behind), as its answers' Date headers told, to about a second.
// It is unknown (false) before the first answer.
func (c *Cluster) ClockOffset() (time.Duration, bool) { return c.clock.offset() }
