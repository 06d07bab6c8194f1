package diagnose

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// LoginFacts are how Dex and the auth proxy are set up, as far as it matters for
// each other. Secrets are compared in memory and not kept.
type LoginFacts struct {
	// Dex is Dex's config.yaml without secrets.
	Dex Known[DexSettings]
	// Proxy are oauth2-proxy's settings without secrets.
	Proxy Known[ProxySettings]
	// SameID and SameSecret tell whether both hold the same client.
	SameID, SameSecret Known[bool]
	// SpaceDiffers tells that the two differ in white space at their ends alone,
	// as a line feed that came with `echo`.
	SpaceDiffers bool
	// ShippedPassword and ShippedCookieSecret tell that Kubeflow's own are in use.
	ShippedPassword, ShippedCookieSecret Known[bool]
	// Missing are objects that pods name and that are not there.
	Missing []Missing
	// Stale are objects that changed after the pods that read them began.
	Stale []Stale
}

// Missing is an object, or a key of it, that a part of the login names.
type Missing struct{ Part, Object string }

// Stale is an object that is newer than a pod that read it.
type Stale struct {
	Part, Object string
	Changed, Pod time.Time
}

// DexSettings are what of Dex's configuration is no secret.
type DexSettings struct {
	Issuer string
	// Connectors are their ids, and ConnectorTypes their types, in the same order.
	Connectors, ConnectorTypes []string
	PasswordDB                 bool
	// Users is how many staticPasswords there are.
	Users int
	// RedirectURIs are those of all static clients.
	RedirectURIs []string
}

// ProxySettings are what of oauth2-proxy's configuration is no secret.
type ProxySettings struct {
	Issuer, RedirectURL, CookieName string
	// AllowUnverified tells that e-mail addresses need not be verified.
	AllowUnverified bool
	// Provider is the kind of provider, "" for Google, oauth2-proxy's own default.
	Provider string
	// HandsOnToken tells that Dex's token goes to the gateway as a header Authorization.
	HandsOnToken bool
}

// Kubeflow's manifests ship these with every install (common/dex and
// common/oauth2-proxy, 1.3 to 26.03): whoever reads them can log in.
const (
	shippedHash         = "$2y$12$4K/VkmDd1q1Orb3xAt82zu8gk7Ad6ReFR4LCP9UeYE90NLiN9Df72"
	shippedCookieSecret = "7d16fee92f8d11b8940b081b3f8b8acb" //nolint:gosec // G101: it is public, and found where it should not be
)

// login reads how the parts of the login are set up, from the objects that their
// pods name.
func (r reader) login(o *Objects) LoginFacts {
	var (
		l              LoginFacts
		proxy, dex     = newRefs(o.Proxy.Pods.Value), newRefs(o.Dex.Pods.Value)
		configs        = map[types.NamespacedName]Known[*corev1.ConfigMap]{}
		secrets        = map[types.NamespacedName]Known[*corev1.Secret]{}
		mu             sync.Mutex
		group          sync.WaitGroup
		readConfigMaps = slices.Concat(proxy.configMaps, dex.configMaps)
		readSecrets    = slices.Concat(proxy.secrets, dex.secrets)
	)
	for _, name := range readConfigMaps {
		group.Go(func() {
			got := r.configMap(name.Namespace, name.Name)
			mu.Lock()
			defer mu.Unlock()
			configs[name] = got
		})
	}
	for _, name := range readSecrets {
		group.Go(func() {
			got := r.rawSecret(name)
			mu.Lock()
			defer mu.Unlock()
			secrets[name] = got
		})
	}
	group.Wait()
	l.Dex, l.Proxy = dexSettings(configs, dex.configMaps), proxySettings(configs, proxy.configMaps)
	l.compare(secrets, proxy.secrets, dex.secrets)
	for _, name := range readConfigMaps {
		switch c := configs[name]; {
		case c.OK():
			l.noteStale(o, "ConfigMap", c.Value)
		case c.Absent():
			l.noteMissing(o, name, "ConfigMap "+name.String())
		}
	}
	for _, name := range readSecrets {
		switch s := secrets[name]; {
		case s.OK():
			l.noteStale(o, "Secret", s.Value)
			for _, key := range slices.Concat(proxy.keys[name], dex.keys[name]) {
				if len(s.Value.Data[key]) == 0 {
					l.noteMissing(o, name, fmt.Sprintf("%s in Secret %s", key, name))
				}
			}
		case s.Absent():
			l.noteMissing(o, name, "Secret "+name.String())
		}
	}
	return l
}

func (l *LoginFacts) noteMissing(o *Objects, name types.NamespacedName, text string) {
	for _, part := range []Part{o.Proxy, o.Dex} {
		if part.Namespace == name.Namespace {
			l.Missing = append(l.Missing, Missing{part.Name, text})
			return
		}
	}
}

// unreadLogin are the settings where nothing of them was read.
func unreadLogin(why error) LoginFacts {
	no := Known[bool]{Err: why}
	return LoginFacts{
		Dex: Known[DexSettings]{Err: why}, Proxy: Known[ProxySettings]{Err: why},
		SameID: no, SameSecret: no, ShippedPassword: no, ShippedCookieSecret: no,
	}
}

func (r reader) rawSecret(name types.NamespacedName) Known[*corev1.Secret] {
	if r.options.NoSecrets {
		return Known[*corev1.Secret]{Err: errNotRead}
	}
	secret, err := r.cluster.Core.Secrets(name.Namespace).Get(r.ctx, name.Name, metav1.GetOptions{})
	return know(secret, cluster.Explain(err, "read Secret %s", name))
}

// refs are the objects that pods take their settings from, and the keys of Secrets
// that they name.
type refs struct {
	configMaps, secrets []types.NamespacedName
	keys                map[types.NamespacedName][]string
}

func newRefs(pods []corev1.Pod) refs {
	r := refs{keys: map[types.NamespacedName][]string{}}
	if len(pods) == 0 {
		return r
	}
	pod := &pods[len(pods)-1]
	add := func(list *[]types.NamespacedName, name string, optional *bool) {
		full := types.NamespacedName{Namespace: pod.Namespace, Name: name}
		if optional != nil && *optional {
			return
		}
		if name != "" && name != "kube-root-ca.crt" && !slices.Contains(*list, full) {
			*list = append(*list, full)
		}
	}
	for _, container := range pod.Spec.Containers {
		for _, from := range container.EnvFrom {
			if from.SecretRef != nil {
				add(&r.secrets, from.SecretRef.Name, from.SecretRef.Optional)
			}
		}
		for _, variable := range container.Env {
			if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
				add(&r.secrets, from.SecretKeyRef.Name, from.SecretKeyRef.Optional)
				if from.SecretKeyRef.Optional == nil || !*from.SecretKeyRef.Optional {
					full := types.NamespacedName{Namespace: pod.Namespace, Name: from.SecretKeyRef.Name}
					r.keys[full] = append(r.keys[full], from.SecretKeyRef.Key)
				}
			}
		}
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.ConfigMap != nil && !strings.Contains(volume.ConfigMap.Name, "theme") {
			add(&r.configMaps, volume.ConfigMap.Name, volume.ConfigMap.Optional)
		}
	}
	return r
}

func dexSettings(all map[types.NamespacedName]Known[*corev1.ConfigMap], names []types.NamespacedName) Known[DexSettings] {
	for _, name := range names {
		c := all[name]
		if !c.OK() {
			return Known[DexSettings]{Err: c.Err}
		}
		var config struct {
			Issuer           string                            `json:"issuer"`
			EnablePasswordDB bool                              `json:"enablePasswordDB"`
			Connectors       []struct{ ID, Type string }       `json:"connectors"`
			StaticClients    []struct{ RedirectURIs []string } `json:"staticClients"`
			StaticPasswords  []struct{}                        `json:"staticPasswords"`
		}
		text := c.Value.Data["config.yaml"]
		if text == "" || yaml.Unmarshal([]byte(text), &config) != nil {
			continue
		}
		s := DexSettings{Issuer: withoutUser(config.Issuer), PasswordDB: config.EnablePasswordDB, Users: len(config.StaticPasswords)}
		for _, connector := range config.Connectors {
			s.Connectors = append(s.Connectors, connector.ID)
			s.ConnectorTypes = append(s.ConnectorTypes, connector.Type)
		}
		for _, client := range config.StaticClients {
			for _, uri := range client.RedirectURIs {
				s.RedirectURIs = append(s.RedirectURIs, withoutUser(uri))
			}
		}
		return Known[DexSettings]{Value: s}
	}
	return Known[DexSettings]{Err: errNotAsked}
}

func proxySettings(all map[types.NamespacedName]Known[*corev1.ConfigMap], names []types.NamespacedName) Known[ProxySettings] {
	for _, name := range names {
		c := all[name]
		if !c.OK() {
			return Known[ProxySettings]{Err: c.Err}
		}
		text, ok := c.Value.Data["oauth2_proxy.cfg"]
		if !ok {
			continue
		}
		return Known[ProxySettings]{Value: ProxySettings{
			Issuer: withoutUser(setting(text, "oidc_issuer_url")), RedirectURL: withoutUser(setting(text, "redirect_url")), CookieName: setting(text, "cookie_name"),
			AllowUnverified: setting(text, "insecure_oidc_allow_unverified_email") == "true",
			Provider:        setting(text, "provider"), HandsOnToken: setting(text, "set_authorization_header") == "true",
		}}
	}
	return Known[ProxySettings]{Err: errNotAsked}
}

// setting reads one line of oauth2-proxy's settings, which are TOML: of that only
// `name = "value"` is needed.
func setting(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// compare looks whether both parts hold the same client, and whether secrets are
// those that everybody knows.
func (l *LoginFacts) compare(all map[types.NamespacedName]Known[*corev1.Secret], proxy, dex []types.NamespacedName) {
	field := func(names []types.NamespacedName, key string) Known[[]byte] {
		for _, name := range names {
			s := all[name]
			if !s.OK() {
				return Known[[]byte]{Err: s.Err}
			}
			if value, ok := s.Value.Data[key]; ok && len(value) > 0 {
				return Known[[]byte]{Value: value}
			}
		}
		return Known[[]byte]{Err: errNotAsked}
	}
	same := func(a, b Known[[]byte]) Known[bool] {
		for _, one := range []Known[[]byte]{a, b} {
			if !one.OK() {
				return Known[bool]{Err: one.Err}
			}
		}
		return Known[bool]{Value: subtle.ConstantTimeCompare(a.Value, b.Value) == 1}
	}
	trimmed := func(a Known[[]byte]) Known[[]byte] { return Known[[]byte]{Value: bytes.TrimSpace(a.Value), Err: a.Err} }
	ours, theirs := field(proxy, "client-secret"), field(dex, "OIDC_CLIENT_SECRET")
	l.SameID = same(field(proxy, "client-id"), field(dex, "OIDC_CLIENT_ID"))
	l.SameSecret = same(ours, theirs) // both programs take the bytes as they are
	l.SpaceDiffers = l.SameSecret.OK() && !l.SameSecret.Value && same(trimmed(ours), trimmed(theirs)).Value
	l.ShippedPassword = same(field(dex, "DEX_USER_PASSWORD"), Known[[]byte]{Value: []byte(shippedHash)})
	l.ShippedCookieSecret = same(field(proxy, "cookie-secret"), Known[[]byte]{Value: []byte(shippedCookieSecret)})
}

// noteStale compares the last change of an object with the start of the pods that
// read it.
func (l *LoginFacts) noteStale(o *Objects, kind string, object metav1.Object) {
	changed := lastChange(object)
	for _, part := range []Part{o.Proxy, o.Dex} {
		if part.Namespace != object.GetNamespace() {
			continue
		}
		for i := range part.Pods.Value {
			pod := &part.Pods.Value[i]
			if pod.Status.StartTime != nil && pod.Status.StartTime.Time.Before(changed) && pod.DeletionTimestamp == nil {
				l.Stale = append(l.Stale, Stale{Part: part.Name, Object: kind + " " + objectName(object), Changed: changed, Pod: pod.Status.StartTime.Time})
				break
			}
		}
	}
}

// secretsChanged names a Secret that is newer than the pods that read it, "" for none.
func (l LoginFacts) secretsChanged() string {
	for _, s := range l.Stale {
		if strings.HasPrefix(s.Object, "Secret ") {
			return s.Object
		}
	}
	return ""
}

// lastChange is when somebody last wrote to an object's data; labels and
// annotations are not settings.
func lastChange(object metav1.Object) time.Time {
	changed := object.GetCreationTimestamp().Time
	for _, entry := range object.GetManagedFields() {
		isData := entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:data"`)
		if isData && entry.Time != nil && entry.Time.After(changed) {
			changed = entry.Time.Time
		}
	}
	return changed
}
