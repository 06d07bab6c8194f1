//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/kftls/kubectl-kftls/test/testbed/additions"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/pki"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/subnet"
)

// userAgent is how the testbed's own requests are known in the audit log.
const userAgent = "kftls-testbed"

// admins is the group that may do everything.
const admins = "system:masters"

// Users of the control plane.
var (
	adminUser       = pki.User{Name: "admin", Groups: []string{admins}}
	testbedUser     = pki.User{Name: "testbed", Groups: []string{admins}}
	controllersUser = pki.User{Name: "system:kube-controller-manager", Groups: []string{admins}}
	// istiod has the name and the groups of its ServiceAccount, and so the rights
	// that Kubeflow's Roles give it.
	istiodUser = pki.User{
		Name:   "system:serviceaccount:istio-system:istiod",
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:istio-system", "system:authenticated"},
	}
)

// start starts everything in order. What it starts lives as long as ctx; the
// start itself ends with limit.
func (s *Supervisor) start(ctx, limit context.Context) error {
	begin := s.Now()
	if err := s.prepare(); err != nil {
		return err
	}
	s.step("keys and certificates on "+s.subnet.String()+".0/24", begin)

	begin = s.Now()
	if err := s.startPlane(); err != nil {
		return err
	}
	if err := s.readObjects(); err != nil { // while the API server starts
		return err
	}
	if err := s.waitPlane(limit); err != nil {
		return err
	}
	s.step("etcd and kube-apiserver", begin)

	begin = s.Now()
	if err := s.startBelow(ctx, limit); err != nil {
		return err
	}
	s.step(fmt.Sprintf("%d objects of %s", len(s.crds)+len(s.shipped)+len(s.additions), s.source()), begin)

	begin = s.Now()
	if err := s.settle(limit); err != nil {
		return err
	}
	s.step("istiod, Envoy, Dex, oauth2-proxy and what lies behind them", begin)
	return s.becomeRunning(limit)
}

// becomeRunning takes the picture to which reset goes back.
func (s *Supervisor) becomeRunning(ctx context.Context) error {
	baseline, err := s.store.Picture(ctx)
	if err != nil {
		return err
	}
	s.baseline = baseline
	s.setPhase(control.Running)
	close(s.running)
	if s.Ready != nil {
		s.Ready(s.Status())
	}
	return nil
}

// prepare claims a network, and makes keys, certificates and kubeconfigs.
func (s *Supervisor) prepare() error {
	network, err := subnet.Claim(neededPorts(s.Replicas))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.subnet = network
	s.mu.Unlock()
	address := network.At(controlOctet)
	now := s.Now()
	plane, err := pki.NewPlane(s.Layout.PKI(), pki.Addresses{Control: address, ServiceIP: controlplane.ServiceIP}, now)
	if err != nil {
		return err
	}
	s.plane = plane
	s.config = controlplane.Config{
		Address: address, Dir: s.Layout.path("controlplane"), LogDir: s.Layout.Logs(), PKI: plane,
		Etcd: s.Programs.Path(programs.Etcd), APIServer: s.Programs.Path(programs.APIServer), Controllers: s.Programs.Path(programs.Controllers),
		ControllersKubeconfig: filepath.Join(s.Layout.PKI(), "controllers.kubeconfig"),
	}
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return fmt.Errorf("make the control plane's folder: %w", err)
	}
	if err := s.writeAuditPolicy(); err != nil {
		return err
	}
	for path, user := range map[string]pki.User{
		s.Layout.Kubeconfig(): adminUser, s.config.ControllersKubeconfig: controllersUser, s.istiodKubeconfig(): istiodUser,
	} {
		if err := plane.WriteKubeconfig(path, s.config.Server(), user, now); err != nil {
			return err
		}
	}
	if s.rest, err = plane.Client(s.config.Server(), testbedUser, userAgent, now); err != nil {
		return err
	}
	return s.link()
}

func (s *Supervisor) istiodKubeconfig() string {
	return filepath.Join(s.Layout.PKI(), "istiod.kubeconfig")
}

func (s *Supervisor) writeAuditPolicy() error {
	if !s.Audit {
		return nil
	}
	s.config.AuditPolicy = filepath.Join(s.config.Dir, "audit-policy.yaml")
	if err := os.WriteFile(s.config.AuditPolicy, []byte(additions.AuditPolicy), 0o600); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}
	return nil
}

// startPlane starts etcd and the API server side by side: the latter asks until
// the former answers.
func (s *Supervisor) startPlane() error {
	if err := s.startPart(s.config.EtcdSpec()); err != nil {
		return err
	}
	return s.startPart(s.config.APIServerSpec())
}

// isGateway finds the Deployment of the ingress gateway.
func isGateway(o *unstructured.Unstructured) bool {
	return o.GetKind() == "Deployment" && o.GetNamespace() == gatewayNamespace && o.GetName() == gatewayName
}

// values fill the templates of what the testbed adds.
func (s *Supervisor) values(stamp string) additions.Values {
	v := additions.Values{Subnet: s.subnet.String(), Control: s.config.Address, ID: s.id, Stamp: stamp}
	for i := range gatewaySlots {
		v.Slots = append(v.Slots, additions.Slot{Index: i, Address: s.subnet.At(firstGatewayOctet + i)})
	}
	return v
}

// startBelow starts what needs the API server, and applies all objects.
func (s *Supervisor) startBelow(ctx, limit context.Context) error {
	var err error
	if s.client, err = kubernetes.NewForConfig(s.rest); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	client, err := dynamic.NewForConfig(s.rest)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if err := s.startPart(s.config.ControllersSpec()); err != nil {
		return err
	}
	s.markReady("controllers")
	kinds, err := objects.DiscoverKinds(limit, discovery.ToDiscoveryInterfaceWithContext(s.client.Discovery()), s.crds)
	if err != nil {
		return err
	}
	s.store = objects.Store{Client: client, Kinds: kinds}
	s.keepKnown(kinds)
	if err := s.setIssuerKeys(limit); err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() { started <- s.startNode(ctx) }()
	applyErr := s.applyAll(limit)
	if err := <-started; err != nil {
		return err
	}
	return applyErr
}

func (s *Supervisor) startNode(ctx context.Context) error {
	n, err := node.Start(ctx, node.Config{
		REST: s.rest, Dir: s.Layout.path("node"), Subnet: s.subnet.String(), ReadinessLag: s.ReadinessLag,
		Programs: map[string]string{
			node.Envoy: s.Programs.Path(programs.Envoy), node.Istiod: s.Programs.Path(programs.Istiod),
			node.OAuth2Proxy: s.Programs.Path(programs.OAuth2Proxy), node.Dex: s.Programs.Path(programs.Dex), node.Upstream: s.Self, node.AuthService: s.Self, node.LDAP: s.Self,
		},
		KubeletCert: s.plane.Kubelet, KubeletClientCA: s.plane.KubeletClients,
		IstiodKubeconfig: s.istiodKubeconfig(),
		Logf:             s.logf, Now: s.Options.Now,
	})
	if err != nil {
		return fmt.Errorf("start the node: %w", err)
	}
	s.mu.Lock()
	s.node = n
	s.mu.Unlock()
	s.showParts()
	return nil
}

// partGrace is how long a part of the control plane may take to end when it is
// started anew.
const partGrace = 3 * time.Second
