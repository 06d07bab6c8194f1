package gateway

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Installed is what setup has put beside the Gateway, as it is now.
type Installed struct {
	// SecretName is the name that was looked for.
	SecretName string
	// ConfigMap and Secret are nil when they do not exist.
	ConfigMap *corev1.ConfigMap
	Secret    *corev1.Secret
	// SecretUnknown is why the Secret could not be read, nil when it could.
	SecretUnknown error
}

// ReadInstalled reads our ConfigMap and Secret of a front door. A Secret that
// may not be read is no error: SecretUnknown tells. The Secret comes first, since
// it is written last: who sees the one of a new CA sees that CA, too, and no
// renewal with the CA of before takes its place.
func ReadInstalled(ctx context.Context, c *cluster.Cluster, door *FrontDoor, secretName string) (*Installed, error) {
	found := &Installed{SecretName: secretName}
	namespace := door.PodNamespace()
	object, err := c.Core.Secrets(namespace).Get(ctx, secretName, metav1.GetOptions{})
	switch explained := cluster.Explain(err, "read Secret %s/%s", namespace, secretName); {
	case err == nil:
		found.Secret = object
	case apierrors.IsForbidden(err):
		found.SecretUnknown = explained
	case !apierrors.IsNotFound(err):
		return nil, explained
	}
	if found.ConfigMap, err = readConfigMap(ctx, c, door); err != nil {
		return nil, err
	}
	return found, nil
}

// ReadAuthority reads what ReadInstalled reads but the Secret, which only
// those who set up need.
func ReadAuthority(ctx context.Context, c *cluster.Cluster, door *FrontDoor) (*Installed, error) {
	found, err := readConfigMap(ctx, c, door)
	return &Installed{ConfigMap: found}, err
}

// readConfigMap returns nil where there is none.
func readConfigMap(ctx context.Context, c *cluster.Cluster, door *FrontDoor) (*corev1.ConfigMap, error) {
	namespace := door.Gateway.GetNamespace()
	object, err := c.Core.ConfigMaps(namespace).Get(ctx, ConfigMapName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, cluster.Explain(err, "read ConfigMap %s/%s", namespace, ConfigMapName)
}

// CAFingerprint is the fingerprint of the CA in force as the ConfigMap says,
// "" when there is none.
func (i *Installed) CAFingerprint() string {
	if i.ConfigMap == nil {
		return ""
	}
	return i.ConfigMap.Annotations[AnnotationCA]
}

// AnnouncedCA is the fingerprint of the CA that is to follow the one in force,
// "" when none was announced.
func (i *Installed) AnnouncedCA() string {
	if i.ConfigMap == nil {
		return ""
	}
	return i.ConfigMap.Annotations[AnnotationAnnounced]
}

// CABundle is the ConfigMap's certificates in PEM: the CA in force first.
func (i *Installed) CABundle() []byte {
	if i.ConfigMap == nil {
		return nil
	}
	return []byte(i.ConfigMap.Data[ConfigMapKey])
}

// Authority is the CA in force, without its key: of the ConfigMap's certificates
// the one that its annotation names, else the first. It is nil when there is no
// ConfigMap.
func (i *Installed) Authority() (*ca.Authority, error) {
	if i.ConfigMap == nil {
		return nil, nil
	}
	bundle, err := ca.ParseBundle(i.CABundle())
	if err != nil {
		return nil, fmt.Errorf("read the CA of ConfigMap %s/%s: %w", i.ConfigMap.Namespace, i.ConfigMap.Name, err)
	}
	for _, authority := range bundle {
		if authority.Fingerprint() == i.CAFingerprint() {
			return authority, nil
		}
	}
	return bundle[0], nil
}

// OtherAuthorities are the ConfigMap's CAs that are not in force. Those that
// RequireSmall refuses are left out: nothing that is served proves any of them.
func (i *Installed) OtherAuthorities() []*ca.Authority {
	bundle, err := ca.ParseBundle(i.CABundle())
	if err != nil {
		return nil // Authority says so
	}
	return slices.DeleteFunc(bundle, func(authority *ca.Authority) bool {
		return authority.Fingerprint() == i.CAFingerprint() || !isSmall(authority)
	})
}

// RequireSmall refuses a CA of the ConfigMap that could sign for any name, for a
// computer that does not know it: whoever may write a ConfigMap could plant one.
// One that the system trusts already, as a company's often is, gains nothing.
func (i *Installed) RequireSmall(published *ca.Authority) error {
	if isSmall(published) {
		return nil
	}
	return fault.New(fault.Certificate,
		"compare it with who made it, then: kubectl kftls setup --accept-ca "+published.Fingerprint()+"; or let this computer's system trust it, as a company's",
		"the CA of the ConfigMap (SHA-256 %s) is not known to this computer and could sign for any name: it is not to be trusted", published.Fingerprint())
}

// isSmall tells of a CA that whoever trusts it loses little by that.
func isSmall(authority *ca.Authority) bool {
	return authority.Constrained() || Accepts([]*x509.Certificate{authority.Certificate}, nil, "", time.Now()) == nil
}

// Leaf is the certificate that the Secret holds, nil when there is no Secret
// of ours. The private key is parsed along: a pair that does not match is an
// error.
func (i *Installed) Leaf() (*ca.Leaf, error) {
	if i.Secret == nil {
		return nil, nil
	}
	return ca.ParseLeaf(i.Secret.Data[corev1.TLSCertKey], i.Secret.Data[corev1.TLSPrivateKeyKey])
}

// RequireOurs refuses objects of our names that somebody else made. They are
// never overwritten, not even by force: a private key would be lost for good.
func (i *Installed) RequireOurs() error {
	if i.Secret != nil && !isOurSecret(i.Secret) {
		return fault.New(fault.NotOurs, "give ours another name: kubectl kftls setup --secret-name kftls-gateway-2",
			"Secret %s/%s exists, and kubectl kftls did not make it, or its certificate was replaced since",
			i.Secret.Namespace, i.Secret.Name)
	}
	if i.ConfigMap != nil && !isOurConfigMap(i.ConfigMap) {
		return fault.New(fault.NotOurs,
			"look at it, and remove or rename it: kubectl -n "+i.ConfigMap.Namespace+" get configmap "+i.ConfigMap.Name+" -o yaml",
			"ConfigMap %s/%s exists, and kubectl kftls did not make it", i.ConfigMap.Namespace, i.ConfigMap.Name)
	}
	return nil
}

func isOurConfigMap(object *corev1.ConfigMap) bool {
	return object.Labels[LabelManagedBy] == ManagedBy && object.Annotations[AnnotationCA] != ""
}

// isOurSecret tells by label and by the fingerprint of the certificate: a
// Secret into which somebody put another certificate is theirs.
func isOurSecret(object *corev1.Secret) bool {
	if object.Labels[LabelManagedBy] != ManagedBy {
		return false
	}
	leaf, err := ca.ParseLeaf(object.Data[corev1.TLSCertKey], nil)
	return err == nil && leaf.Fingerprint() == object.Annotations[AnnotationLeaf]
}
