//go:build linux

// Package node stands in for what a cluster has below its API server: scheduler, kubelet,
// container runtime and pod network, all of one node.
//
// A pod is a process on a loopback address of its own, configured from its pod's spec,
// ConfigMaps and Secrets. The node binds it, starts it, asks for its readiness, writes its
// status, starts it again after a crash and ends it when the pod is deleted; it serves the
// kubelet's port-forward and logs; and it keeps EndpointSlices and Istio's WorkloadEntries,
// by which Services and istiod find the processes. Deployments and the like are the work of
// the real controllers.
package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Name is the node's name in the cluster.
const Name = "kubeflow-node-0"

// AddedLabel marks what the testbed adds to the cluster and Kubeflow has not.
const AddedLabel = "testbed.kftls.github.io/added"

// Ports on the control plane's address.
const (
	KubeletPort   = 10250 // as every kubelet's
	NameProxyPort = 3128
)

// Config says what a node needs.
type Config struct {
	// REST reaches the API server with an administrator's rights.
	REST *rest.Config
	// Dir gets the folders pods and logs.
	Dir string
	// Subnet is the loopback /24 of this testbed, "127.0.71.0/24": .1 is the control
	// plane's and the kubelet's, .11 to .19 are for gateway pods, .21 to .99 for others.
	Subnet string
	// ReadinessLag is how late the cluster learns that a pod is or is not ready.
	ReadinessLag time.Duration
	// Programs are the paths of the executables, by the constants Envoy, Istiod and so on.
	Programs map[string]string
	// KubeletCert is what the kubelet's port serves; the API server checks it.
	KubeletCert tls.Certificate
	// KubeletClientCA signed the certificate with which the API server comes.
	KubeletClientCA *x509.CertPool
	// IstiodKubeconfig is the file with which istiod reaches the API server.
	IstiodKubeconfig string
	// NameProxy is the URL that programs get as HTTP_PROXY, which resolves names inside
	// the cluster. Empty means that the node serves one itself, on NameProxyPort.
	NameProxy string
	// Logf takes what goes wrong with no one to return it to; nil means nowhere.
	Logf func(format string, args ...any)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Node is a running node. It ends with the context that it was started with.
type Node struct {
	config    Config
	subnet    subnet
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	addresses *addresses
	isolation *isolation
	pods      corelisters.PodLister
	services  corelisters.ServiceLister
	slices    discoverylisters.EndpointSliceLister
	entries   cache.SharedIndexInformer

	ctx     context.Context // of the goroutines that events start
	running sync.WaitGroup
	network chan struct{} // a kick: Services, pods or processes changed
	fronts  chan struct{} // a kick: istiod's processes changed

	mu       sync.Mutex
	runs     map[types.UID]*podRun
	byName   map[types.NamespacedName]*podRun // the latest of that name
	statics  map[types.NamespacedName]*staticPod
	isSettle bool
	// serviceFronts are the Services that programs dial by themselves, by namespace/name.
	serviceFronts map[string]*serviceFront
}

// Start registers the node, begins to serve its ports and to run pods, and returns. All of
// it ends with ctx, processes by SIGKILL; Wait returns when it has.
func Start(ctx context.Context, c Config) (*Node, error) {
	n, err := newNode(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := n.listen(ctx); err != nil {
		return nil, err
	}
	if err := n.register(ctx); err != nil {
		return nil, err
	}
	return n, n.follow(ctx)
}

func newNode(ctx context.Context, c Config) (*Node, error) {
	network, err := parseSubnet(c.Subnet)
	if err != nil {
		return nil, err
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NameProxy == "" {
		c.NameProxy = "http://" + network.at(controlPlaneOctet).String() + ":" + itoa(NameProxyPort)
	}
	config := rest.CopyConfig(c.REST)
	config.QPS, config.Burst = 200, 400
	config.UserAgent = "kubelet/testbed"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return assemble(ctx, c, network, client, objects), nil
}

func assemble(ctx context.Context, c Config, network subnet, client kubernetes.Interface, objects dynamic.Interface) *Node {
	return &Node{
		config: c, subnet: network, client: client, dynamic: objects, ctx: ctx,
		addresses: newAddresses(network), isolation: newIsolation(),
		network: make(chan struct{}, 1), fronts: make(chan struct{}, 1),
		runs: map[types.UID]*podRun{}, byName: map[types.NamespacedName]*podRun{},
		statics: map[types.NamespacedName]*staticPod{}, serviceFronts: map[string]*serviceFront{},
	}
}

// follow watches the cluster, and returns when it knows what is there.
func (n *Node) follow(ctx context.Context) error {
	shared := informers.NewSharedInformerFactory(n.client, 0)
	pods, services := shared.Core().V1().Pods(), shared.Core().V1().Services()
	endpoints := shared.Discovery().V1().EndpointSlices()
	n.pods, n.services, n.slices = pods.Lister(), services.Lister(), endpoints.Lister()
	n.entries = n.entryInformer()

	changed := func(any) { kick(n.network) }
	onChange := cache.ResourceEventHandlerFuncs{AddFunc: changed, DeleteFunc: changed, UpdateFunc: func(any, any) { kick(n.network) }}
	_, err1 := pods.Informer().AddEventHandler(onChange)
	_, err2 := services.Informer().AddEventHandler(onChange)
	_, err3 := endpoints.Informer().AddEventHandler(onChange)
	_, err4 := n.entries.AddEventHandler(onChange)
	_, err5 := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.podChanged(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.podChanged(o.(*corev1.Pod)) },
		DeleteFunc: n.podGone,
	})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return fmt.Errorf("watch the cluster: %w", err)
	}
	shared.Start(ctx.Done())
	n.running.Go(func() { n.watchEntries(ctx) })

	limit, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if !cache.WaitForCacheSync(limit.Done(), pods.Informer().HasSynced, services.Informer().HasSynced, endpoints.Informer().HasSynced) {
		return errors.New("watch the cluster: the API server did not list pods, Services and EndpointSlices within 30 s")
	}
	n.running.Go(func() { n.keepNetwork(ctx) })
	n.running.Go(func() { n.keepFronts(ctx) })
	n.running.Go(func() { n.heartbeat(ctx) })
	kick(n.network)
	return nil
}

// listen opens the kubelet's port and the name proxy's, and serves them.
func (n *Node) listen(ctx context.Context) error {
	kubelet := n.controlPlane() + ":" + itoa(KubeletPort)
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{n.config.KubeletCert},
		ClientCAs:    n.config.KubeletClientCA,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}
	if err := n.serve(ctx, "kubelet", kubelet, n.kubelet(), config); err != nil {
		return err
	}
	own := "http://" + n.controlPlane() + ":" + itoa(NameProxyPort)
	if n.config.NameProxy != own {
		return nil
	}
	return n.serve(ctx, "name proxy", n.controlPlane()+":"+itoa(NameProxyPort), n.nameProxy(), nil)
}

// Wait returns when all that the node started has ended.
func (n *Node) Wait() { n.running.Wait() }

func (n *Node) now() time.Time                  { return n.config.Now() }
func (n *Node) logf(format string, args ...any) { n.config.Logf(format, args...) }
func (n *Node) controlPlane() string            { return n.subnet.at(controlPlaneOctet).String() }
func (n *Node) logDir(namespace, pod, container string) string {
	return filepath.Join(n.config.Dir, "logs", namespace+"_"+pod, container)
}

// processesChanged lets those who look at processes look again.
func (n *Node) processesChanged() {
	kick(n.fronts)
	n.settle()
}

// settled tells whether the testbed's start is over: see settle.
func (n *Node) settled() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.isSettle
}

// settle ends the start when every pod that came has been ready once, a gateway among them.
func (n *Node) settle() {
	gateway := false
	for _, r := range n.snapshot() {
		if !r.look().everUp {
			return
		}
		gateway = gateway || r.program.name == Envoy
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isSettle = n.isSettle || gateway
}

// snapshot is the list of pods that run here now.
func (n *Node) snapshot() []*podRun {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*podRun, 0, len(n.runs))
	for _, r := range n.runs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *podRun) int { return a.seen.Compare(b.seen) })
	return all
}

// kick wakes the loop behind the channel, once for many kicks.
func kick(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve runs an HTTP server until ctx ends. With a TLS config it serves HTTPS.
func (n *Node) serve(ctx context.Context, name, address string, handler http.Handler, config *tls.Config) error {
	listener, err := listenTCP(ctx, address)
	if err != nil {
		return fmt.Errorf("listen for the %s: %w", name, err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second, ErrorLog: discardLog}
	n.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.logf("%s: %v", name, err)
		}
	})
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

// itoa is a number in decimal, whatever its integer type.
func itoa[T ~int | ~int32 | ~int64 | ~uint16](number T) string {
	return strconv.FormatInt(int64(number), 10)
}
