//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// double stands where a kubeconfig expects the API server.
type double interface{ close() }

// heldProxy is a proxy before the API server that can hold one request.
type heldProxy struct {
	*apiproxy.Proxy

	holdAnswer  *regexp.Regexp // METHOD URI whose answer is kept back
	holdRequest *regexp.Regexp // METHOD URI that is kept back itself
	busy        *regexp.Regexp // METHOD URI that is answered with 429
	once        sync.Once
	held        chan struct{} // closed when a request is held
	release     chan struct{} // closed to let it go
	letGo       sync.Once
}

func (p *heldProxy) close() {
	p.letGo.Do(func() { close(p.release) })
	_ = p.Close()
}

func proxyOf(ts *testscript.TestScript, neg bool, args []string) *heldProxy {
	if neg || len(args) != 1 {
		ts.Fatalf("see doc.go for how this command is called")
	}
	p, ok := storyOf(ts).doubles[args[0]].(*heldProxy)
	if !ok {
		ts.Fatalf("no proxy stands behind %s", args[0])
	}
	return p
}

// cmdAPIProxy puts a proxy before the testbed's API server. It signs in there
// as the admin, so that its kubeconfig needs no credentials.
func cmdAPIProxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args)%2 == 0 {
		ts.Fatalf("usage: apiproxy FILE [-shift D] [-hold-answer REGEXP] [-hold-request REGEXP] [-busy REGEXP] [-cut D] [-cut-only REGEXP]")
	}
	p := &heldProxy{held: make(chan struct{}), release: make(chan struct{})}
	var shift, cut time.Duration // of the Date header; how long a request may take
	var cutOnly *regexp.Regexp   // METHOD URI that cut is for; nil means all
	for option := args[1:]; len(option) > 0; option = option[2:] {
		var err error
		switch option[0] {
		case "-shift":
			shift, err = time.ParseDuration(option[1])
		case "-hold-answer":
			p.holdAnswer, err = regexp.Compile(option[1])
		case "-hold-request":
			p.holdRequest, err = regexp.Compile(option[1])
		case "-busy":
			p.busy, err = regexp.Compile(option[1])
		case "-cut":
			cut, err = time.ParseDuration(option[1])
		case "-cut-only":
			cutOnly, err = regexp.Compile(option[1])
		default:
			err = fmt.Errorf("unknown option %s", option[0])
		}
		ts.Check(err)
	}
	proxy, err := apiproxy.Start(storyOf(ts).bed.config)
	ts.Check(err)
	p.Proxy = proxy
	storyOf(ts).doubles[args[0]] = p
	ts.Check(proxy.WriteKubeconfig(ts.MkAbs(args[0])))
	proxy.Use(apiproxy.Hooks{
		Before: func(c *apiproxy.Call) error {
			p.hold(c, p.holdRequest)
			return p.refuse(c)
		},
		After: func(c *apiproxy.Call, answer *http.Response) error {
			if sent, err := http.ParseTime(answer.Header.Get("Date")); err == nil && shift != 0 {
				answer.Header.Set("Date", sent.Add(shift).UTC().Format(http.TimeFormat))
			}
			p.hold(c, p.holdAnswer)
			return nil
		},
		Limit: func(c *apiproxy.Call) time.Duration {
			if cutOnly != nil && !cutOnly.MatchString(c.String()) {
				return 0
			}
			return cut
		},
	})
}

// hold keeps the first request that matches until it is released or given up.
func (p *heldProxy) hold(c *apiproxy.Call, which *regexp.Regexp) {
	if which == nil || !which.MatchString(c.String()) {
		return
	}
	p.once.Do(func() {
		close(p.held)
		select {
		case <-p.release:
		case <-c.Request.Context().Done():
		}
	})
}

// refuse answers as an API server that has too much to do
// (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
func (p *heldProxy) refuse(c *apiproxy.Call) error {
	if p.busy == nil || !p.busy.MatchString(c.String()) {
		return nil
	}
	return &apiproxy.Refusal{
		Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}, "Content-Type": {"text/plain"}},
		Body: "Too many requests, please try again later.\n",
	}
}

func cmdHeld(ts *testscript.TestScript, neg bool, args []string) {
	select {
	case <-proxyOf(ts, neg, args).held:
	case <-time.After(waitLimit):
		for name, p := range storyOf(ts).processes {
			ts.Logf("%s says:\n%s%s", name, p.stdout.String(), p.stderr.String())
		}
		ts.Fatalf("no such request within %s", waitLimit)
	}
}

func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	p := proxyOf(ts, neg, args)
	p.letGo.Do(func() { close(p.release) })
}

// fakeAPI is an API server that knows no group, as that of a cluster without Istio.
type fakeAPI struct {
	server *http.Server
	asked  atomic.Int64
}

func (f *fakeAPI) close() { _ = f.server.Close() }

// cmdFakeAPI starts one on loopback and writes the kubeconfig that leads there.
func cmdFakeAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fakeapi FILE")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	f := &fakeAPI{}
	f.server = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			f.asked.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound",`+
				`"message":"the server could not find the requested resource","code":404}`)
		}),
	}
	go func() { _ = f.server.Serve(listener) }() // it ends with close
	storyOf(ts).doubles[args[0]] = f
	writeKubeconfig(ts, args[0], &clientcmdapi.Cluster{Server: "http://" + listener.Addr().String()}, &clientcmdapi.AuthInfo{})
}

func cmdAskedFakeAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: askedfakeapi FILE N")
	}
	f, ok := storyOf(ts).doubles[args[0]].(*fakeAPI)
	if !ok {
		ts.Fatalf("no API server stands behind %s", args[0])
	}
	if got, want := f.asked.Load(), number(ts, args[1]); got != int64(want) {
		ts.Fatalf("it was asked %d times, want %d", got, want)
	}
}

// cmdKubeconfig writes the testbed's kubeconfig with other values.
func cmdKubeconfig(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: kubeconfig FILE [-server URL] [-token TOKEN] [-bare]")
	}
	loaded, err := clientcmd.LoadFromFile(storyOf(ts).bed.kubeconfig)
	ts.Check(err)
	context := loaded.Contexts[loaded.CurrentContext]
	cluster, user := loaded.Clusters[context.Cluster], loaded.AuthInfos[context.AuthInfo]
	for option := args[1:]; len(option) > 0; {
		switch {
		case option[0] == "-bare":
			user, option = &clientcmdapi.AuthInfo{}, option[1:]
		case option[0] == "-server" && len(option) > 1:
			cluster.Server, option = option[1], option[2:]
		case option[0] == "-token" && len(option) > 1:
			user, option = &clientcmdapi.AuthInfo{Token: option[1]}, option[2:]
		default:
			ts.Fatalf("unknown option %s", option[0])
		}
	}
	writeKubeconfig(ts, args[0], cluster, user)
}

func writeKubeconfig(ts *testscript.TestScript, file string, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
	config := clientcmdapi.NewConfig()
	config.Clusters["story"], config.AuthInfos["story"] = cluster, user
	config.Contexts["story"] = &clientcmdapi.Context{Cluster: "story", AuthInfo: "story"}
	config.CurrentContext = "story"
	ts.Check(clientcmd.WriteToFile(*config, ts.MkAbs(file)))
}
