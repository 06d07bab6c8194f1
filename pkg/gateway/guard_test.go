package gateway

import (
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func TestGuard(t *testing.T) {
	var (
		page    = Answer{"/", 403, session.SignIn}
		api     = Answer{"/pipeline/", 401, session.Unauthorized}
		dex     = Answer{"/", 302, session.ToDex}
		denied  = Answer{"/", 403, session.Denied}
		open    = Answer{"/", 200, session.Open}
		openAPI = Answer{"/pipeline/", 200, session.Open}
		toHTTPS = Answer{"/", 301, session.ToHTTPS}
		missing = Answer{"/jupyter/", 404, session.Unknown}
		broken  = Answer{"/jupyter/", 503, session.Unknown}
	)
	tests := []struct {
		name          string
		plain, secure []Answer
		want          fault.Reason
	}{
		{"guarded on both", []Answer{page, api}, []Answer{page, api}, ""},
		{"the other era", []Answer{dex}, []Answer{dex}, ""},
		{"stopped otherwise", []Answer{page}, []Answer{denied}, ""},
		{"more than before", []Answer{open}, []Answer{page}, ""},
		{"a Kubeflow without login", []Answer{open, openAPI}, []Answer{open, openAPI}, ""},
		{"without login, and an application missing", []Answer{open, missing}, []Answer{open, missing}, ""},
		{"a path that the login leaves open", []Answer{page, openAPI}, []Answer{page, openAPI}, ""},
		{"guarded, and an upstream is down on both", []Answer{page, broken}, []Answer{page, broken}, ""},

		{"let through", []Answer{page, api}, []Answer{open, openAPI}, fault.Unguarded},
		{"only the second path let through", []Answer{page, api}, []Answer{page, openAPI}, fault.Unguarded},
		{"let through behind an answer that tells nothing", []Answer{page, missing, api}, []Answer{page, broken, openAPI}, fault.Unguarded},
		{"let through where the plain door redirects", []Answer{toHTTPS}, []Answer{open}, fault.Unguarded},
		{"let through where the plain door is denied", []Answer{denied}, []Answer{open}, fault.Unguarded},
		{"let through where the plain door told nothing", []Answer{missing}, []Answer{open}, fault.Unguarded},

		{"no plain door, guarded", nil, []Answer{page, api}, ""},
		{"no plain door, let through", nil, []Answer{open}, fault.Unguarded},
		{"no plain door, nothing told", nil, []Answer{broken}, fault.Verification},
		{"fewer plain answers", []Answer{page}, []Answer{page, openAPI}, fault.Unguarded},

		{"upstream not ready", []Answer{page}, []Answer{broken}, fault.Verification},
		{"no route yet, with another status", []Answer{missing}, []Answer{broken}, fault.Verification},
		{"nothing but the same silence", []Answer{missing}, []Answer{missing}, fault.Verification},
		{"redirected on both", []Answer{toHTTPS}, []Answer{toHTTPS}, fault.Verification},
		{"guarded, and one path not ready", []Answer{page, missing}, []Answer{page, broken}, fault.Verification},
		{"no answer yet", []Answer{page}, nil, fault.Verification},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantReason(t, Guard(test.plain, test.secure), test.want)
		})
	}
}

func TestGuardSaysWhatWasSeen(t *testing.T) {
	err := Guard([]Answer{{"/", 403, session.SignIn}}, []Answer{{"/", 200, session.Open}})
	want := "the login does not guard the HTTPS server: GET / without a session is answered with 200 there, " +
		"and with 403, sign-in page on plain HTTP"
	if err.Error() != want {
		t.Errorf("got %q", err)
	}
	if !strings.Contains(fault.HintOf(err), "kubectl -n istio-system get authorizationpolicies") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
	if got := Guard(nil, []Answer{{"/", 200, session.Open}}).Error(); !strings.HasSuffix(got, "and with nothing that could be compared on plain HTTP") {
		t.Errorf("got %q", got)
	}
}
