package endpoint

import (
	"net/url"
	"testing"
)

func TestParseKey(t *testing.T) {
	s := newScene(t)
	plain, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.setUp(t)
	secured, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := Direct(&url.URL{Scheme: "https", Host: "kubeflow.example.com"}, Trust{})
	if err != nil {
		t.Fatal(err)
	}
	before, after := ParseKey(plain.Key), ParseKey(secured.Key)
	if before != after || before.Cluster != plain.Cluster || before.Host != DefaultHost || before.URL != "" {
		t.Errorf("got %+v, after setup %+v", before, after)
	}
	if got := ParseKey(direct.Key); got != (Place{URL: "https://kubeflow.example.com"}) {
		t.Errorf("got %+v", got)
	}
}
