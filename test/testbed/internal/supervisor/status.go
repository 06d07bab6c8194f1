//go:build linux

package supervisor

import (
	"cmp"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
)

// The ingress gateway's Deployment, in every Kubeflow.
const (
	gatewayNamespace = "istio-system"
	gatewayName      = "istio-ingressgateway"
)

// plainPort is where a gateway pod serves the Service's port 80.
const plainPort = "8080"

// Status tells how the testbed is.
func (s *Supervisor) Status() control.Status {
	status := control.Status{
		Phase: s.phaseNow(), Dir: s.Layout.Dir, Profile: s.profile(), PID: os.Getpid(), StartedAt: s.started, ID: s.id,
	}
	s.mu.Lock()
	network := s.subnet
	s.mu.Unlock()
	if network == nil {
		return status
	}
	status.Subnet = network.String() + ".0/24"
	status.Server = "https://" + net.JoinHostPort(network.At(controlOctet), strconv.Itoa(controlplane.APIServerPort))
	status.Kubeconfig = s.Layout.Kubeconfig()
	if s.Audit {
		status.AuditLog = s.config.AuditLog()
	}
	pods := s.pods()
	status.Components = append(s.partsStatus(), s.podsStatus(pods)...)
	status.Gateways = gatewayURLs(pods)
	status.Differences = differences(pods, slices.Concat(objects.Differences(s.installed()), objects.Differences(s.crds), objects.Differences(s.additions), s.noteLines()))
	return status
}

// partsStatus tells about the control plane, in the order of its start.
func (s *Supervisor) partsStatus() []control.Component {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []control.Component
	for _, name := range []string{"etcd", "kube-apiserver", "controllers"} {
		p, ok := s.parts[name]
		if !ok {
			continue
		}
		c := control.Component{
			Name: name, Component: name, Program: name, Version: s.Programs.Programs[name].Version,
			Log: p.spec.Log, Ready: p.ready && p.process.Running(),
		}
		if name != "controllers" {
			c.Address = s.subnet.At(controlOctet)
		}
		if p.process.Running() {
			c.PID, c.StartedAt = p.process.PID(), p.process.StartedAt()
		}
		all = append(all, c)
	}
	return append(all, control.Component{
		Name: "testbed", Component: "testbed", Program: "testbed", PID: os.Getpid(), Address: s.subnet.At(controlOctet),
		Ready: s.node != nil, StartedAt: s.started, Log: s.Layout.Log(),
	})
}

func (s *Supervisor) podsStatus(pods []node.PodStatus) []control.Component {
	var all []control.Component
	for _, p := range pods {
		if p.Program == "" {
			continue // a mirror pod of a part of the control plane
		}
		all = append(all, control.Component{
			Name: p.Name, Component: p.Component, Namespace: p.Namespace, Program: p.Program, Version: s.Programs.Programs[p.Program].Version,
			PID: p.PID, Address: p.Address, PodIP: p.PodIP, Ready: p.Ready, Waiting: p.Waiting, Restarts: p.Restarts, StartedAt: p.StartedAt, Log: p.Log,
		})
	}
	return all
}

// gateways are the gateway pods that do not end, in the order of their places.
func gateways(pods []node.PodStatus) []node.PodStatus {
	var all []node.PodStatus
	for _, p := range pods {
		if p.Program == programs.Envoy && p.Waiting != control.Terminating && p.Address != "" {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b node.PodStatus) int {
		return cmp.Or(cmp.Compare(len(a.Address), len(b.Address)), strings.Compare(a.Address, b.Address))
	})
	return all
}

func gatewayURLs(pods []node.PodStatus) []string {
	var urls []string
	for _, p := range gateways(pods) {
		urls = append(urls, "http://"+net.JoinHostPort(p.Address, plainPort)+"/")
	}
	return urls
}

// differences lists everything that is not as in a cluster, once each, in a
// steady order: programs, objects, control plane.
func differences(pods []node.PodStatus, ofObjects []string) []string {
	seen := map[string]bool{}
	var all []string
	for _, p := range pods {
		for _, text := range p.Differences {
			// Pods of one Deployment differ in their addresses only.
			line := p.Component + ": " + strings.ReplaceAll(text, p.Address, "an address of its own")
			if p.Address != "" && !seen[line] {
				seen[line] = true
				all = append(all, line)
			}
		}
	}
	slices.Sort(all)
	return slices.Concat(all, ofObjects, controlplane.Differences())
}
