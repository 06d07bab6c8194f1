package diagnose

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

func TestAnAnswerForgetsTheSession(t *testing.T) {
	a := &Answer{
		Status: http.StatusNotFound,
		Header: http.Header{"Content-Type": {"text/plain"}, "Server": {"echo of c2Vzc2lvbg|17|sig="}},
		Body:   []byte("Cookie: oauth2_proxy_kubeflow=c2Vzc2lvbg|17|sig=; other="),
	}
	a.forget([]session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: "c2Vzc2lvbg|17|sig="}, {Name: "other"}})
	if all := a.line() + a.Header.Get("Server"); strings.Contains(all, "c2Vzc2lvbg") || !strings.Contains(all, "oauth2_proxy_kubeflow=…") {
		t.Error(all)
	}
}
