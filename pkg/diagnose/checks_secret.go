package diagnose

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// noCertificate are the symptoms of a gateway that has no certificate to serve.
var noCertificate = []Symptom{HandshakeCut, NoAnswer, PortRefused}

// leavesNone marks a finding that leaves the gateway without a certificate, or with
// the last one that it had until it starts anew.
var leavesNone = breaks(HandshakeCut, overTLS)

func secretChecks() []Check {
	return []Check{
		{
			Code: "KFT305", Title: "credentialName names a Secret of another namespace", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Reads: StageCluster, Look: lookCrossNamespace,
			Page: Page{
				Means: "The gateway takes its certificate from a Secret beside its pods. A name with a slash asks for one of another namespace, which istiod gives out only with a ReferenceGrant.",
				Shows: []Shown{{"istiod", "attempted to access unauthorized certificates NAME: cross namespace secret reference requires ReferenceGrant", "measured with Istio 1.31-dev"}},
				Heals: "Put the Secret into the namespace of the gateway pods and name it without a slash.",
			},
		},
		{
			Code: "KFT304", Title: "the Secret lies in another namespace than the gateway pods", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Needs: []string{"KFT305"}, Reads: StageCluster, Look: lookWrongNamespace,
			Page: Page{
				Means: "The certificate is in a Secret beside the Gateway object, and the gateway looks for it beside its pods (istio-system, as Kubeflow is shipped).",
				Shows: []Shown{{"istiod", "failed to fetch key and certificate for kubernetes://NAME: secret istio-system/NAME not found", "measured with Istio 1.31-dev"}},
				Heals: "Copy the Secret into the namespace of the gateway pods.",
			},
		},
		{
			Code: "KFT303", Title: "the Secret that the HTTPS server names does not exist", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Needs: []string{"KFT305", "KFT304"}, Reads: StageCluster, Look: lookMissingSecret,
			Page: Page{
				Means: "The HTTPS server has no certificate: the Secret that its credentialName names is not there. The gateway accepts connections after 15 seconds and resets them.",
				Shows: []Shown{
					{"curl", "curl: (35) Recv failure: Connection reset by peer", "measured with curl 7.88"},
					{"istiod", "failed to fetch key and certificate for kubernetes://NAME: secret istio-system/NAME not found", "measured with Istio 1.31-dev"},
					{"istioctl analyze", `IST0101 Referenced credentialName not found: "NAME"`, "read in Istio's source"},
				},
				Heals: "Make one: kubectl kftls setup; or correct the name.",
			},
		},
		{
			Code: "KFT306", Title: "the Secret has not the fields of a certificate", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Reads: StageCluster, Look: secretLook(lookFields),
			Page: Page{
				Means: "istiod takes a certificate from the fields tls.crt and tls.key of a Secret, or from cert and key. This one has neither pair.",
				Shows: []Shown{{"istiod", "found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key); found: …", "measured with Istio 1.31-dev"}},
				Heals: "Make it with kubectl create secret tls NAME --cert=FILE --key=FILE",
			},
		},
		{
			Code: "KFT307", Title: "the Secret's certificate or key is empty", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Reads: StageCluster, Look: secretLook(lookEmpty),
			Page: Page{
				Means: "The fields are there and one of them holds nothing.",
				Shows: []Shown{{"istiod", `found keys "tls.crt" and "tls.key", but they were empty`, "measured with Istio 1.31-dev"}},
				Heals: "Write certificate and key into it anew.",
			},
		},
		{
			Code: "KFT308", Title: "the Secret's certificate or key cannot be read", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Reads: StageCluster, Look: secretLook(lookUnreadable),
			Page: Page{
				Means: "Certificate and key must be PEM: text between BEGIN and END lines. A binary file, a key with a passphrase, or one that was encoded twice cannot be used.",
				Shows: []Shown{
					{"istiod", "invalid certificates: … pem decode failed", "measured with Istio 1.31-dev"},
					{"Envoy", "Secret rejected: Failed to load certificate chain from <inline>", "measured with Envoy 1.40"},
				},
				Heals: "Take the passphrase off (openssl pkey -in key.pem -out plain.pem), and give PEM files to kubectl create secret tls.",
			},
		},
		{
			Code: "KFT309", Title: "the Secret's key does not belong to its certificate", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: noCertificate, Needs: []string{"KFT307", "KFT308"}, Reads: StageCluster, Look: secretLook(lookMismatch),
			Page: Page{
				Means: "A certificate is of one key. The key in the Secret is another one's, so that Envoy refuses the pair and serves nothing, or what it had before.",
				Shows: []Shown{{"Envoy", "Secret rejected: Failed to load private key from <inline>, Cause: error:0b000074:X.509 certificate routines:OPENSSL_internal:KEY_VALUES_MISMATCH", "measured with Envoy 1.40"}},
				Heals: "Put both files of one pair into the Secret; compare: openssl x509 -noout -pubkey -in tls.crt and openssl pkey -pubout -in tls.key",
			},
		},
		{
			Code: "KFT323", Title: "cert-manager's Certificate is not ready", Layer: LayerObjects, Severity: Warning,
			Causes: noCertificate, Needs: []string{"KFT304"}, Look: lookCertManager,
			Page: Page{
				Means: "cert-manager keeps the Secret of the HTTPS server, and has not been able to make the certificate.",
				Heals: "See why: kubectl -n istio-system describe certificate",
			},
		},
	}
}

// servedSecret is the Secret of the HTTPS server that counts.
func (f *Facts) servedSecret() (server gateway.Server, name types.NamespacedName, why *Result) {
	var r Result
	if _, none := f.door(); none != nil {
		return server, name, none
	}
	server, ok := f.Objects.httpsServer(f.Aim.Host)
	if !ok {
		r = skipped("there is no HTTPS server")
		return server, name, &r
	}
	name, ok = f.Objects.secretOf(server)
	if !ok {
		r = skipped("the server names no Secret")
		return server, name, &r
	}
	return server, name, nil
}

// secretLook is a check of the Secret's content.
func secretLook(look func(*Facts, types.NamespacedName, *SecretFacts) Result) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		_, name, why := f.servedSecret()
		if why != nil {
			return *why
		}
		secret := f.Objects.secret(name)
		switch {
		case secret.Absent():
			return skipped("the Secret does not exist")
		case !secret.OK():
			return unknown(secret.Err)
		}
		return look(f, name, secret.Value)
	}
}

func lookCrossNamespace(_ context.Context, f *Facts) Result {
	server, name, why := f.servedSecret()
	if why != nil {
		return *why
	}
	pods := f.Objects.Door.PodNamespace()
	if !strings.Contains(strings.TrimPrefix(server.CredentialName, "kubernetes://"), "/") || name.Namespace == pods {
		return passed("it names a Secret of the gateway pods' namespace")
	}
	owner := f.Objects.ownerOf(server)
	return found(fmt.Sprintf("credentialName %s asks for a Secret of namespace %s; the gateway pods are in %s", server.CredentialName, name.Namespace, pods),
		f.healSecret("a certificate of ours beside the gateway pods"), serverEvidence(owner, server.Name, "tls.credentialName", server.CredentialName)).as(leavesNone)
}

// healSecret makes a new certificate by setup: where the server is somebody
// else's, that swaps its Secret's name and leaves the Secret.
func (f *Facts) healSecret(text string) Fix {
	server, _ := f.Objects.httpsServer(f.Aim.Host)
	if manager := managerOf(f.Objects.ownerOf(server)); manager != "" {
		return f.edit(f.Objects.ownerOf(server), text)
	}
	if server.Name == gateway.ServerName {
		return runs(text, f.program()+" setup --yes")
	}
	return runs(text+"; teardown gives the server its old one back", f.program()+" setup --force --yes")
}

func lookWrongNamespace(_ context.Context, f *Facts) Result {
	_, name, why := f.servedSecret()
	if why != nil {
		return *why
	}
	switch secret := f.Objects.secret(name); {
	case secret.OK():
		return skipped("the Secret is where it belongs")
	case !secret.Absent():
		return unknown(secret.Err)
	}
	beside := types.NamespacedName{Namespace: f.Objects.Name.Namespace, Name: name.Name}
	if s := f.Objects.secret(beside); !s.OK() {
		return passed("there is none of that name beside the Gateway either")
	}
	copyIt := fmt.Sprintf("kubectl -n %s get secret %s -o json | jq 'del(.metadata.namespace,.metadata.uid,.metadata.resourceVersion,.metadata.ownerReferences)' | kubectl -n %s create -f -", beside.Namespace, beside.Name, name.Namespace)
	return found(fmt.Sprintf("Secret %s lies in namespace %s, and the gateway looks for it in %s", name.Name, beside.Namespace, name.Namespace),
		runs("copies it to where the gateway looks", copyIt), evidence("Secret "+beside.String(), "", "is there"), evidence("Secret "+name.String(), "", "is not there")).as(leavesNone)
}

func lookMissingSecret(_ context.Context, f *Facts) Result {
	server, name, why := f.servedSecret()
	if why != nil {
		return *why
	}
	secret := f.Objects.secret(name)
	switch {
	case secret.OK():
		return passed("Secret " + name.String())
	case !secret.Absent():
		return unknown(secret.Err)
	}
	return found("there is no Secret "+name.String()+", from which the HTTPS server takes its certificate", f.healSecret("makes the certificate"),
		serverEvidence(f.Objects.ownerOf(server), server.Name, "tls.credentialName", server.CredentialName), evidence("Secret "+name.String(), "", "is not there")).as(leavesNone)
}

func lookFields(f *Facts, name types.NamespacedName, s *SecretFacts) Result {
	if s.CertificateField != "" {
		return passed(s.CertificateField + " and " + s.KeyField)
	}
	return found(fmt.Sprintf("Secret %s has neither tls.crt and tls.key nor cert and key", name), f.healSecret("a certificate that the gateway can read"),
		evidence("Secret "+name.String(), "type", string(s.Type)), evidence("Secret "+name.String(), "data", strings.Join(s.Keys, ", "))).as(leavesNone)
}

func lookEmpty(f *Facts, name types.NamespacedName, s *SecretFacts) Result {
	if !s.Empty {
		return passed("both fields hold something")
	}
	return found(fmt.Sprintf("%s or %s of Secret %s is empty", s.CertificateField, s.KeyField, name), f.healSecret("a certificate that the gateway can serve"),
		evidence("Secret "+name.String(), "data", strings.Join(s.Keys, ", "))).as(leavesNone)
}

func lookUnreadable(f *Facts, name types.NamespacedName, s *SecretFacts) Result {
	if s.Empty || s.CertificateField == "" {
		return skipped("there is nothing to read")
	}
	var ev []Evidence
	if s.ChainErr != nil {
		ev = append(ev, evidence("Secret "+name.String(), s.CertificateField, s.ChainErr.Error()))
	}
	if s.KeyErr != nil {
		ev = append(ev, evidence("Secret "+name.String(), s.KeyField, s.KeyErr.Error()))
	}
	if len(ev) == 0 {
		return passed("both are PEM")
	}
	cause := "certificate or key of Secret " + name.String() + " cannot be read"
	if errors.Is(s.KeyErr, errEncrypted) {
		cause = "the key of Secret " + name.String() + " is encrypted"
	}
	return found(cause, f.healSecret("a certificate that the gateway can read"), ev...).as(leavesNone)
}

func lookMismatch(f *Facts, name types.NamespacedName, s *SecretFacts) Result {
	if s.ChainErr != nil || s.KeyErr != nil || s.CertificateField == "" || s.Empty {
		return skipped("there is no pair to compare")
	}
	if s.Fits {
		return passed("they are of one pair")
	}
	return found(fmt.Sprintf("%s of Secret %s is not the key of its certificate", s.KeyField, name), f.healSecret("a pair that fits"),
		evidence("Secret "+name.String(), s.CertificateField, s.Chain[0].Subject.String()), evidence("Secret "+name.String(), s.KeyField, "is of another certificate")).as(leavesNone)
}

// lookCertManager says so where cert-manager keeps the Secret that is missing or
// bad: it would write over what somebody puts there.
func lookCertManager(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if !f.Objects.Certificates.OK() {
		return unknown(f.Objects.Certificates.Err)
	}
	_, name, why := f.servedSecret()
	if why != nil {
		return *why
	}
	for i := range f.Objects.Certificates.Value {
		c := &f.Objects.Certificates.Value[i]
		if secretNameOf(c) != name.Name || c.GetNamespace() != name.Namespace {
			continue
		}
		if ready, message := conditionOf(c, "Ready"); ready != "True" {
			return found(fmt.Sprintf("cert-manager's Certificate %s, which keeps Secret %s, is not ready", objectName(c), name),
				byAdmin("see what it waits for, and mend that", fmt.Sprintf("kubectl -n %s describe certificate %s", c.GetNamespace(), c.GetName())),
				evidence("Certificate "+objectName(c), "status.conditions[Ready]", ready+" "+message))
		}
		return passed("Certificate " + objectName(c) + " is ready")
	}
	return passed("cert-manager keeps no certificate for it")
}
