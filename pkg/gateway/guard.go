package gateway

import (
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Guard tells whether the login guards the new door as it guards the plain
// one: nil when it is proven. The same requests without a session went to
// both. An error of reason Unguarded says that the new door lets through what
// the plain one stops; one of reason Verification that the answers could not
// be compared (yet). plain is empty where the Gateway has no plain server: the
// new door must stop everything then.
//
// Both doors may give the same answer that tells nothing, as for a path of an
// application that is not installed; at least one answer must tell.
func Guard(plain, secure []Answer) error {
	isProven := false
	var unclear error
	for i, answer := range secure {
		before := Answer{Wall: session.Unknown}
		if i < len(plain) {
			before = plain[i]
		}
		switch {
		case answer.Wall.Stops(), answer.Wall == session.Open && before.Wall == session.Open:
			isProven = true // guarded, or a Kubeflow without login
		case answer.Wall == session.Open:
			return fault.New(fault.Unguarded, unguardedHint,
				"the login does not guard the HTTPS server: GET %s without a session is answered with %d there, and with %s on plain HTTP",
				answer.Path, answer.Status, before.describe())
		case answer.Wall == before.Wall && answer.Status == before.Status:
			// the same on both
		case unclear == nil:
			unclear = notProven(answer)
		}
	}
	switch {
	case unclear != nil:
		return unclear
	case len(secure) == 0:
		return fault.New(fault.Verification, "", "the HTTPS server has not answered yet")
	case !isProven:
		return notProven(secure[0])
	}
	return nil
}

func notProven(answer Answer) error {
	return fault.New(fault.Verification, "",
		"the answer of the HTTPS server to GET %s (%s) does not prove that the login guards it", answer.Path, answer.describe())
}

const unguardedHint = "look for policies of the gateway that name ports, and let them cover the new one: " +
	"kubectl -n istio-system get authorizationpolicies,requestauthentications,envoyfilters -o yaml"

func (a Answer) describe() string {
	if a.Status == 0 {
		return "nothing that could be compared"
	}
	return fmt.Sprintf("%d, %s", a.Status, a.Wall)
}
