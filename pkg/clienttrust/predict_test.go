package clienttrust

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
)

// fakes are one client for each set of rules, with the roots given.
func fakes(roots []*x509.Certificate) []Client {
	one := func(name string, b behaviour, o options) Client {
		return Client{Name: name, Roots: roots, RootsKnown: true, behaviour: b, options: o}
	}
	boring := one("grpc", behaviour{judge: judgeBoring, text: grpcText, fix: grpcFix}, options{})
	boring.Library = "BoringSSL"
	return []Client{
		one("curl", behaviour{judge: judgeCurl, text: curlText, fix: curlFix}, options{partial: true, commonName: true}),
		one("wget", behaviour{judge: judgeGnuTLS, text: wgetGnuTLSText, fix: wgetFix}, options{partial: true}),
		one("requests", behaviour{judge: judgePython, text: requestsText, fix: requestsFix}, options{}),
		one("node", behaviour{judge: judgeNode, text: nodeText, fix: nodeFix}, options{}),
		one("java", behaviour{judge: judgeJava, text: javaText, fix: javaFix}, options{partial: true}),
		one("go", behaviour{judge: judgeGo, text: goText, fix: goFix}, options{}),
		boring,
	}
}

const (
	curl60    = "curl: (60) SSL certificate problem: "
	python    = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
	pkixBuild = "PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: " +
		"unable to find valid certification path to requested target"
	pkixTime = "PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check failed"
	golang   = "tls: failed to verify certificate: x509: "
	grpc     = "CERTIFICATE_VERIFY_FAILED: "
	altnames = "Hostname/IP does not match certificate's altnames: "
	unknown  = "certificate signed by unknown authority"
)

// wanted is what each client prints, in the order of fakes; "" is accepted.
var wanted = map[string][7]string{
	"good":             {},
	"good with its CA": {},
	"untrusted, with its CA": {
		curl60 + "self-signed certificate in certificate chain", "ERROR: The certificate of 'localhost' doesn't have a known issuer.",
		python + "self-signed certificate in certificate chain", "self-signed certificate in certificate chain",
		pkixBuild, golang + unknown, grpc + "self signed certificate in certificate chain",
	},
	"untrusted, leaf only": {
		curl60 + "unable to get local issuer certificate", "ERROR: The certificate of 'localhost' doesn't have a known issuer.",
		python + "unable to get local issuer certificate", "unable to verify the first certificate",
		pkixBuild, golang + unknown, grpc + "unable to get local issuer certificate",
	},
	"self-signed": {
		curl60 + "self-signed certificate", "ERROR: The certificate of 'localhost' doesn't have a known issuer.",
		python + "self-signed certificate", "self-signed certificate", pkixBuild, golang + unknown,
		grpc + "unable to get local issuer certificate",
	},
	"expired": {
		curl60 + "certificate has expired", "ERROR: The certificate of 'localhost' has expired.",
		python + "certificate has expired", "certificate has expired", pkixTime,
		golang + "certificate has expired or is not yet valid", grpc + "certificate has expired",
	},
	"not yet valid": {
		curl60 + "certificate is not yet valid", "ERROR: The certificate of 'localhost' is not yet activated.",
		python + "certificate is not yet valid", "certificate is not yet valid", pkixTime,
		golang + "certificate has expired or is not yet valid", grpc + "certificate is not yet valid",
	},
	"wrong name": {
		"curl: (60) SSL: no alternative certificate subject name matches target host name 'localhost'",
		"The certificate's owner does not match hostname 'localhost'",
		python + "Hostname mismatch, certificate is not valid for 'localhost'.",
		altnames + "Host: localhost. is not in the cert's altnames: ",
		"No subject alternative DNS name matching localhost found.",
		golang + "certificate is valid for kubeflow.example.com, not localhost", "Hostname Verification Check failed",
	},
	"address, names only": {
		"curl: (60) SSL: no alternative certificate subject name matches target ",
		"The certificate's owner does not match hostname '127.0.0.1'",
		python + "IP address mismatch, certificate is not valid for '127.0.0.1'.",
		altnames + "IP: 127.0.0.1 is not in the cert's list: ",
		"No subject alternative names matching IP address 127.0.0.1 found",
		golang + "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
		"Hostname Verification Check failed",
	},
	"subject only": {
		2: python + "Hostname mismatch, certificate is not valid for 'localhost'.",
		5: golang + "certificate relies on legacy Common Name field, use SANs instead",
	},
	"for clients": {
		curl60 + "unsuitable certificate purpose", "", python + "unsuitable certificate purpose", "unsuitable certificate purpose",
		"Extended key usage does not permit use for TLS server authentication",
		golang + "certificate specifies an incompatible key usage", grpc + "unsupported certificate purpose",
	},
	"outside the constraints": {
		curl60 + "permitted subtree violation", "ERROR: The certificate of 'localhost' is not trusted.",
		python + "permitted subtree violation", "permitted subtree violation", "",
		golang + "a root or intermediate certificate is not authorized to sign for this name: " +
			`DNS name "kubeflow.example.com" is not permitted by any constraint`, grpc + "permitted subtree violation",
	},
	"addresses constrained": {6: grpc + "unsupported name constraint type"},
}

func TestPredict(t *testing.T) {
	list, inFile := scenarios(t)
	caFile := writePEM(t, inFile...)
	tried := 0
	for _, s := range list {
		want, ok := wanted[s.name]
		if !ok {
			continue
		}
		tried++
		var roots []*x509.Certificate
		if s.trusted {
			roots = readCA(caFile)
		}
		for i, v := range Predict(fakes(roots), s.chain(), s.host, caFile, time.Now()) {
			if !v.Known || !v.Predicted || v.Accepts != (want[i] == "") || v.Text != want[i] {
				t.Errorf("%s, %s: accepts %t, %q, want %q", s.name, v.Client.Name, v.Accepts, v.Text, want[i])
			}
			if v.Accepts != (v.Why == "") || v.Accepts != (v.Cause == Accepted) {
				t.Errorf("%s, %s: accepts %t for %q: %q", s.name, v.Client.Name, v.Accepts, v.Cause, v.Why)
			}
			// The CA file mends what is not trusted, and nothing else. It holds
			// the CA of all but the self-signed leaf.
			if mends := !s.trusted && s.name != "self-signed"; mends != strings.Contains(v.Fix, caFile) {
				t.Errorf("%s, %s: fix %q", s.name, v.Client.Name, v.Fix)
			}
		}
	}
	if tried != len(wanted) {
		t.Errorf("tried %d of %d", tried, len(wanted))
	}
}

// TestNoFixWithoutEffect is a CA that would be trusted, and a leaf that one
// client would refuse even then.
func TestNoFixWithoutEffect(t *testing.T) {
	root := newCA(t, "addressed", nil, permits("localhost"), permitsAddress("127.0.0.1/32"))
	chain := scenario{served: []*entity{newLeaf(t, root), root}}.chain()
	for _, v := range Predict(fakes(nil), chain, byName, writePEM(t, root), time.Now()) {
		refuses := v.Client.Name == "grpc"
		if refuses != (v.Fix == "") || refuses != strings.Contains(v.Why, "with the CA it would still refuse it") {
			t.Errorf("%s: fix %q, why %q", v.Client.Name, v.Fix, v.Why)
		}
	}
}

func TestUnknownRoots(t *testing.T) {
	root := newCA(t, "root", nil)
	clients := fakes(nil)
	for i := range clients {
		clients[i].RootsKnown = false
	}
	good := scenario{served: []*entity{newLeaf(t, root), root}}.chain()
	for _, v := range Predict(clients, good, byName, writePEM(t, root), time.Now()) {
		if v.Known || v.Accepts || v.Text != "" || v.Why == "" || v.Fix == "" {
			t.Errorf("%s: %+v", v.Client.Name, v)
		}
	}
	// No roots mend a certificate that has ended.
	ended := scenario{served: []*entity{newLeaf(t, root, between(-2*day, -day))}}.chain()
	for _, v := range Predict(clients, ended, byName, "", time.Now()) {
		if v.Client.Name != "java" && (!v.Known || v.Accepts || v.Cause != Expired || v.Text == "") {
			t.Errorf("%s: known %t, accepts %t, %s", v.Client.Name, v.Known, v.Accepts, v.Cause)
		}
	}
}

func TestPredictWithoutAChain(t *testing.T) {
	for _, v := range Predict(fakes(nil), nil, byName, "", time.Now()) {
		if v.Known || v.Why == "" {
			t.Errorf("%s: %+v", v.Client.Name, v)
		}
	}
}

func TestStrictPython(t *testing.T) {
	root := newCA(t, "root", nil)
	parent := *root.cert
	parent.SubjectKeyId = nil // Go then writes no authority key identifier
	leaf := newLeaf(t, &entity{&parent, root.key})
	c := fakes([]*x509.Certificate{root.cert})[2:3]
	chain := scenario{served: []*entity{leaf, root}}.chain()
	if v := Predict(c, chain, byName, "", time.Now())[0]; !v.Accepts {
		t.Errorf("not strict: %q", v.Text)
	}
	c[0].options.strict = true
	v := Predict(c, chain, byName, "", time.Now())[0]
	if want := python + "Missing Authority Key Identifier"; v.Text != want {
		t.Errorf("strict: %q, want %q", v.Text, want)
	}
}

func TestFindNothing(t *testing.T) {
	env := func(string) string { return "" }
	lookPath := func(string) (string, error) { return "", errors.New("not here") }
	clients := Find(context.Background(), env, lookPath)
	if len(clients) != 1 || clients[0].Name != "Go" {
		t.Errorf("found %+v", clients)
	}
}

func TestRunRefusesWhatItCannotRun(t *testing.T) {
	browser := Client{Name: "Firefox"}
	if _, err := Run(t.Context(), browser, "https://localhost:1/"); !errors.Is(err, ErrNoRun) {
		t.Errorf("a browser: %v", err)
	}
	for _, address := range []string{"http://localhost/", "https://", "localhost:8443", "https://\x7f"} {
		if _, err := Run(t.Context(), fakes(nil)[0], address); err == nil || errors.Is(err, ErrNoRun) {
			t.Errorf("%q: %v", address, err)
		}
	}
}
