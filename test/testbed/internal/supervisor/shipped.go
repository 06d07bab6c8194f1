//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"os"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kftls/kubectl-kftls/test/testbed/additions"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/manifests"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// readObjects reads what will be applied: Istio's CRDs, the profile or the manifests with
// their variants, and what the testbed adds.
func (s *Supervisor) readObjects() error {
	data, err := os.ReadFile(s.Programs.CRDs)
	if err != nil {
		return fmt.Errorf("read Istio's CRDs: %w", err)
	}
	if s.crds, err = objects.Parse(data); err != nil {
		return fmt.Errorf("read Istio's CRDs: %w", err)
	}
	if err := s.readShipped(); err != nil {
		return err
	}
	for _, o := range s.shipped {
		if isGateway(o) {
			if err := unstructured.SetNestedField(o.Object, int64(s.Replicas), "spec", "replicas"); err != nil {
				return fmt.Errorf("set the number of gateways: %w", err)
			}
		}
	}
	s.additions, err = objects.Render(additions.Files, ".", s.values("0"))
	return err
}

func (s *Supervisor) readShipped() error {
	read := s.readProfile
	if s.Manifests != "" {
		read = s.readManifests
	}
	shipped, err := read()
	if err != nil {
		return err
	}
	if s.shipped, err = withVariants(shipped, s.Variants); err != nil {
		return err
	}
	s.setInstalled(s.shipped)
	return nil
}

func (s *Supervisor) readProfile() ([]*unstructured.Unstructured, error) {
	return objects.Load(s.Objects, ".")
}

// readManifests reads a folder of rendered manifests. The profile lends istiod its rights.
func (s *Supervisor) readManifests() ([]*unstructured.Unstructured, error) {
	set, err := manifests.Load(os.DirFS(s.Manifests))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(set.Objects, isGateway) {
		return nil, fmt.Errorf("the manifests in %s have no Deployment %s/%s: without a gateway there is no front door", s.Manifests, gatewayNamespace, gatewayName)
	}
	profile, err := s.readProfile()
	if err != nil {
		return nil, err
	}
	set.Grant(profile)
	s.crds = append(s.crds, set.CRDs...)
	s.notes = set.Notes
	return set.Objects, nil
}

// keepKnown leaves out the manifests of kinds that the API server does not know.
func (s *Supervisor) keepKnown(kinds objects.Kinds) {
	if s.Manifests == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shipped = s.notes.Keep(s.shipped, kinds)
	for _, o := range s.shipped {
		if !runs(o) {
			s.notes.Add("not run, the testbed has no such program", o)
		}
	}
	s.applied = s.shipped
}

// runs tells whether the node runs the pods of a workload; true for what is none.
func runs(o *unstructured.Unstructured) bool {
	switch o.GetKind() {
	case "DaemonSet", "Job", "CronJob":
		return false
	case kindDeployment, kindStatefulSet:
		var d appsv1.Deployment // a StatefulSet's template is in the same place
		_ = runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"spec": map[string]any{"template": template(o)}}, &d)
		return node.Runs(d.Spec.Template.Spec)
	}
	return true
}

func template(o *unstructured.Unstructured) map[string]any {
	found, _, _ := unstructured.NestedMap(o.Object, "spec", "template")
	return found
}

// applyAll applies everything. Of manifests, what the API server refuses is left out; nothing
// else may be.
func (s *Supervisor) applyAll(ctx context.Context) error {
	store := s.store
	if s.Manifests != "" {
		store.Refused = func(o *unstructured.Unstructured, err error) error {
			if o.GetLabels()[objects.AddedLabel] != "" {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notes.Add(fmt.Sprintf("left out, the API server refuses it (%v)", err), o)
			return nil
		}
	}
	err := store.Apply(ctx, slices.Concat(s.crds, s.shipped, s.additions))
	if s.Note != nil {
		for _, line := range append(objects.Differences(s.shippedManifests()), s.noteLines()...) {
			s.Note(line)
		}
	}
	return err
}

// shippedManifests are the objects of manifests, nothing of a profile's.
func (s *Supervisor) shippedManifests() []*unstructured.Unstructured {
	if s.Manifests == "" {
		return nil
	}
	return slices.Concat(s.crds, s.shipped)
}

func (s *Supervisor) noteLines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes.Lines()
}

// source is what the objects come from, as messages name it.
func (s *Supervisor) source() string {
	if s.Manifests != "" {
		return s.Manifests
	}
	return "profile " + s.Profile
}

// profile is what `status` shows as the profile.
func (s *Supervisor) profile() string {
	if s.Manifests != "" {
		return s.Manifests
	}
	return s.Profile
}
