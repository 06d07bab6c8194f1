package profiles_test

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// madeByIstiod is a ConfigMap that istiod writes into every namespace.
const madeByIstiod = "istio-ca-root-cert"

// workload is a Deployment or a StatefulSet.
type workload struct {
	metav1.ObjectMeta
	selector *metav1.LabelSelector
	pod      corev1.PodTemplateSpec
}

// workloads are all Deployments and StatefulSets.
func (p profile) workloads() []workload {
	var all []workload
	for _, d := range typed[*appsv1.Deployment](p) {
		all = append(all, workload{d.ObjectMeta, d.Spec.Selector, d.Spec.Template})
	}
	for _, s := range typed[*appsv1.StatefulSet](p) {
		all = append(all, workload{s.ObjectMeta, s.Spec.Selector, s.Spec.Template})
	}
	return all
}

func TestWorkloadsFindWhatTheirPodsAreMadeOf(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		workloads := p.workloads()
		if len(workloads) == 0 {
			t.Fatal("no Deployments")
		}
		for _, w := range workloads {
			if !selects(w.selector.MatchLabels, w.pod.Labels) {
				t.Errorf("%s/%s does not select its own pods", w.Namespace, w.Name)
			}
			if account := w.pod.Spec.ServiceAccountName; account != "" && !p.has("ServiceAccount", w.Namespace, account) {
				t.Errorf("%s/%s: no ServiceAccount %s", w.Namespace, w.Name, account)
			}
			for _, missing := range append(p.missingVariables(w), p.missingVolumes(w)...) {
				t.Errorf("%s/%s: no %s", w.Namespace, w.Name, missing)
			}
		}
	})
}

// keys are the keys of a ConfigMap or Secret, and whether there is one.
func (p profile) keys(kind, namespace, name string) (keys []string, ok bool) {
	if kind == "ConfigMap" && name == madeByIstiod {
		return []string{"root-cert.pem"}, true
	}
	for _, o := range p.kind(kind) {
		if o.GetNamespace() != namespace || o.GetName() != name {
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			values, _ := o.Object[field].(map[string]any)
			for key := range values {
				keys = append(keys, key)
			}
		}
		return keys, true
	}
	return nil, false
}

// lacks names what is missing of a ConfigMap or Secret and, unless key is "", of its keys; "" means nothing is.
func (p profile) lacks(kind, namespace, name, key string, optional *bool) string {
	if optional != nil && *optional {
		return ""
	}
	keys, ok := p.keys(kind, namespace, name)
	if !ok {
		return kind + " " + name
	}
	if key != "" && !slices.Contains(keys, key) {
		return fmt.Sprintf("key %s in %s %s", key, kind, name)
	}
	return ""
}

// missingVariables are the ConfigMaps, Secrets and keys that containers' variables refer to and that are not there.
func (p profile) missingVariables(w workload) []string {
	var missing []string
	note := func(lack string) {
		if lack != "" {
			missing = append(missing, lack)
		}
	}
	for _, container := range w.pod.Spec.Containers {
		for _, variable := range container.Env {
			if variable.ValueFrom == nil {
				continue
			}
			if ref := variable.ValueFrom.ConfigMapKeyRef; ref != nil {
				note(p.lacks("ConfigMap", w.Namespace, ref.Name, ref.Key, ref.Optional))
			}
			if ref := variable.ValueFrom.SecretKeyRef; ref != nil {
				note(p.lacks("Secret", w.Namespace, ref.Name, ref.Key, ref.Optional))
			}
		}
		for _, from := range container.EnvFrom {
			if ref := from.ConfigMapRef; ref != nil {
				note(p.lacks("ConfigMap", w.Namespace, ref.Name, "", ref.Optional))
			}
			if ref := from.SecretRef; ref != nil {
				note(p.lacks("Secret", w.Namespace, ref.Name, "", ref.Optional))
			}
		}
	}
	return missing
}

// missingVolumes are the ConfigMaps and Secrets that are mounted and not there, keys that are mounted as one file
// included, and mounts without a volume.
func (p profile) missingVolumes(w workload) []string {
	var missing []string
	for _, container := range w.pod.Spec.Containers {
		for _, mount := range container.VolumeMounts {
			volumes := w.pod.Spec.Volumes
			at := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
			if at < 0 {
				missing = append(missing, "volume "+mount.Name)
				continue
			}
			lack := ""
			if source := volumes[at].ConfigMap; source != nil {
				lack = p.lacks("ConfigMap", w.Namespace, source.Name, mount.SubPath, source.Optional)
			}
			if source := volumes[at].PersistentVolumeClaim; source != nil && !p.has("PersistentVolumeClaim", w.Namespace, source.ClaimName) {
				lack = "PersistentVolumeClaim " + source.ClaimName
			}
			if source := volumes[at].Secret; source != nil {
				lack = p.lacks("Secret", w.Namespace, source.SecretName, mount.SubPath, source.Optional)
			}
			if lack != "" {
				missing = append(missing, lack)
			}
		}
	}
	return missing
}
