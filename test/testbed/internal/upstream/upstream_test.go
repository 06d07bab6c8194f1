package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask(component, method, target string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	recorder := httptest.NewRecorder()
	New(Options{Component: component, PipelinesVersion: "2.16.0"}).ServeHTTP(recorder, request)
	return recorder
}

func TestPipelinesAnswers(t *testing.T) {
	frontend := map[string]any{
		"buildDate": "stand-in", "frontendCommitHash": "stand-in", "frontendTagName": "2.16.0",
		"apiServerMultiUser": true, "multi_user": true, "apiServerReady": true,
	}
	frontendV1 := map[string]any{"apiServerCommitHash": "stand-in", "apiServerTagName": "2.16.0"}
	for name, value := range frontend {
		frontendV1[name] = value
	}
	empty := map[string]any{}
	tests := []struct {
		component, target string
		want              map[string]any
	}{
		{PipelinesUI, "/pipeline/apis/v1beta1/healthz", frontendV1},
		{PipelinesUI, "/pipeline/apis/v2beta1/healthz", frontend},
		{PipelinesUI, "/apis/v1beta1/healthz", frontendV1},
		{PipelinesUI, "/apis/v2beta1/healthz", frontend},
		{PipelinesUI, "/pipeline/apis/v2beta1/runs?namespace=kubeflow-user-example-com&page_size=10", empty},
		{PipelinesUI, "/pipeline/apis/v2beta1/experiments", empty},
		{PipelinesUI, "/pipeline/apis/v2beta1/pipelines", empty},
		{PipelinesUI, "/pipeline/apis/v2beta1/recurringruns", empty},
		{PipelinesUI, "/apis/v2beta1/runs", empty},
		{PipelinesAPI, "/apis/v1beta1/healthz", map[string]any{"commit_sha": "stand-in", "tag_name": "2.16.0", "multi_user": true}},
		{PipelinesAPI, "/apis/v2beta1/healthz", map[string]any{"multi_user": true}},
		{PipelinesAPI, "/apis/v2beta1/experiments", empty},
	}
	for _, tt := range tests {
		t.Run(tt.component+tt.target, func(t *testing.T) {
			answer := ask(tt.component, http.MethodGet, tt.target, nil)
			if answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "application/json") {
				t.Fatalf("%d %s: %s", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
			}
			if got := answer.Header().Get(Header); got != tt.component {
				t.Errorf("%s: %q, want %q", Header, got, tt.component)
			}
			var got map[string]any
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestPageSaysWhoTheGatewaySaysYouAre(t *testing.T) {
	for component, target := range map[string]string{
		CentralDashboard: "/", PipelinesUI: "/pipeline/",
	} {
		answer := ask(component, http.MethodGet, target, http.Header{
			UserHeader: {"user@example.com"}, "Authorization": {"Bearer secret-token"}, "Cookie": {"oauth2_proxy_kubeflow=secret-cookie"},
		})
		body := answer.Body.String()
		if answer.Code != http.StatusOK || !strings.Contains(body, `<strong id="user">user@example.com</strong>`) {
			t.Errorf("%s: %d %s", component, answer.Code, body)
		}
		if !strings.Contains(body, "Stand-in for "+component) || answer.Header().Get(Header) != component {
			t.Errorf("%s is not labelled a stand-in", component)
		}
		if shows := strings.Contains(body, "<title>Kubeflow Central Dashboard</title>") && strings.Contains(body, "<main-page>"); shows != (component == CentralDashboard) {
			t.Errorf("%s shows itself as the dashboard: %t", component, shows)
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%s shows a secret: %s", component, body)
		}
	}
	if body := ask(CentralDashboard, http.MethodGet, "/_/pipeline/", nil).Body.String(); !strings.Contains(body, "does not say who you are") {
		t.Errorf("without the header: %s", body)
	}
}

func TestPageEscapesWhatOthersSend(t *testing.T) {
	const script = `"><script>alert(1)</script>`
	header := http.Header{UserHeader: {script}, "Kubeflow-Groups": {script}}
	for _, target := range []string{"/", "/_/%3Cscript%3E", "/x%3Cscript%3E?<script>"} {
		body := ask(CentralDashboard, http.MethodGet, target, header).Body.String()
		if strings.Contains(body, "<script") {
			t.Errorf("%s: %s", target, body)
		}
	}
}

func TestUnknownPathsAreExpress404(t *testing.T) {
	tests := []struct{ component, method, target, text string }{
		{CentralDashboard, "GET", "/x", "<pre>Cannot GET /x</pre>"},
		{CentralDashboard, "GET", "/pipeline/apis/v2beta1/healthz", "<pre>Cannot GET /pipeline/apis/v2beta1/healthz</pre>"},
		{CentralDashboard, "POST", "/", "<pre>Cannot POST /</pre>"},
		{PipelinesUI, "GET", "/pipeline/apis/v2beta1/runs/1?x=y", "<pre>Cannot GET /pipeline/apis/v2beta1/runs/1</pre>"},
		{PipelinesUI, "POST", "/pipeline/apis/v2beta1/runs", "<pre>Cannot POST /pipeline/apis/v2beta1/runs</pre>"},
		{PipelinesAPI, "GET", "/pipeline/apis/v2beta1/runs", "<pre>Cannot GET /pipeline/apis/v2beta1/runs</pre>"},
	}
	for _, tt := range tests {
		answer := ask(tt.component, tt.method, tt.target, nil)
		if answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), tt.text) {
			t.Errorf("%s %s: %d %s", tt.method, tt.target, answer.Code, answer.Body)
		}
		if answer.Header().Get(Header) != tt.component || answer.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: headers %v", tt.method, tt.target, answer.Header())
		}
	}
}

func TestEchoSendsMessagesBack(t *testing.T) {
	server := httptest.NewServer(New(Options{Component: CentralDashboard}))
	defer server.Close()
	stream, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+EchoPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if answer.Header.Get(Header) != CentralDashboard {
		t.Errorf("headers %v", answer.Header)
	}
	for _, message := range []string{"one", strings.Repeat("long ", 10000)} {
		if err := stream.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := stream.ReadMessage(); err != nil || string(got) != message {
			t.Errorf("echoed %d bytes, %v", len(got), err)
		}
	}
	if plain := ask(CentralDashboard, http.MethodGet, EchoPath, nil); plain.Code != http.StatusBadRequest {
		t.Errorf("no WebSocket: %d", plain.Code)
	}
}

func TestRequestsAreLoggedWithoutTheirQuery(t *testing.T) {
	var log bytes.Buffer
	handler := New(Options{Component: PipelinesUI, Log: &log})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/pipeline/?code=secret", nil))
	if got := log.String(); got != "GET /pipeline/\n" {
		t.Errorf("logged %q", got)
	}
}

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	reserved.Close()

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, address, New(Options{Component: CentralDashboard})) }()
	transport := &http.Transport{DisableKeepAlives: true}
	body := getSoon(t, &http.Client{Transport: transport}, "http://"+address+"/healthz", ended)
	if !strings.Contains(body, "stand-in") {
		t.Errorf("answered %s", body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
}

// getSoon asks until somebody listens, or Serve has ended, or ten seconds are over.
func getSoon(t *testing.T, client *http.Client, url string, ended <-chan error) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := client.Get(url)
		if err == nil {
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			return string(body)
		}
		select {
		case <-tick.C:
		case err := <-ended:
			t.Fatalf("Serve ended: %v", err)
		case <-deadline:
			t.Fatalf("nobody answers: %v", err)
		}
	}
}

func TestServeTakesLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "nowhere"} {
		err := Serve(context.Background(), address, http.NotFoundHandler())
		if err == nil {
			t.Errorf("%q: served", address)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := Serve(context.Background(), taken.Addr().String(), http.NotFoundHandler()); err == nil ||
		!strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a taken address: %v", err)
	}
}
