//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// double stands where a kubeconfig expects the API server.
type double struct {
	server *http.Server
	url    string
	asked  atomic.Int64

	shift       time.Duration  // of the Date header
	holdAnswer  *regexp.Regexp // METHOD URI whose answer is kept back
	holdRequest *regexp.Regexp // METHOD URI that is kept back itself
	once        sync.Once
	held        chan struct{} // closed when a request is held
	release     chan struct{} // closed to let it go
	letGo       sync.Once
}

func newDouble() *double {
	return &double{held: make(chan struct{}), release: make(chan struct{})}
}

// serve listens on loopback and writes the kubeconfig that leads here.
func (d *double) serve(ts *testscript.TestScript, file string, handler http.Handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	d.url = "http://" + listener.Addr().String()
	d.server = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.asked.Add(1)
			handler.ServeHTTP(w, r)
		}),
	}
	go func() { _ = d.server.Serve(listener) }() // it ends with close
	writeKubeconfig(ts, file, &clientcmdapi.Cluster{Server: d.url}, &clientcmdapi.AuthInfo{})
	storyOf(ts).doubles[file] = d
}

func (d *double) close() {
	d.letGo.Do(func() { close(d.release) })
	_ = d.server.Close()
}

func doubleOf(ts *testscript.TestScript, neg bool, args []string, count int) *double {
	if neg || len(args) != count {
		ts.Fatalf("see doc.go for how this command is called")
	}
	d := storyOf(ts).doubles[args[0]]
	if d == nil {
		ts.Fatalf("nothing stands behind %s", args[0])
	}
	return d
}

// cmdAPIProxy puts a proxy before the testbed's API server. It signs in there
// as the admin, so that its kubeconfig needs no credentials.
func cmdAPIProxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args)%2 == 0 {
		ts.Fatalf("usage: apiproxy FILE [-shift D] [-hold-answer REGEXP] [-hold-request REGEXP]")
	}
	d := newDouble()
	for option := args[1:]; len(option) > 0; option = option[2:] {
		var err error
		switch option[0] {
		case "-shift":
			d.shift, err = time.ParseDuration(option[1])
		case "-hold-answer":
			d.holdAnswer, err = regexp.Compile(option[1])
		case "-hold-request":
			d.holdRequest, err = regexp.Compile(option[1])
		default:
			err = fmt.Errorf("unknown option %s", option[0])
		}
		ts.Check(err)
	}
	config := rest.CopyConfig(storyOf(ts).bed.config)
	config.NextProtos = []string{"http/1.1"} // tunnels are made by an upgrade
	transport, err := rest.TransportFor(config)
	ts.Check(err)
	target, err := url.Parse(config.Host)
	ts.Check(err)
	d.serve(ts, args[0], &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		ModifyResponse: d.modify,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // a program that was killed takes no answer
	})
	inner := d.server.Handler
	d.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.hold(r.Context(), d.holdRequest, r)
		inner.ServeHTTP(w, r)
	})
}

func (d *double) modify(answer *http.Response) error {
	if sent, err := http.ParseTime(answer.Header.Get("Date")); err == nil && d.shift != 0 {
		answer.Header.Set("Date", sent.Add(d.shift).UTC().Format(http.TimeFormat))
	}
	d.hold(answer.Request.Context(), d.holdAnswer, answer.Request)
	return nil
}

// hold keeps the first request that matches until it is released or given up.
func (d *double) hold(ctx context.Context, which *regexp.Regexp, r *http.Request) {
	if which == nil || !which.MatchString(r.Method+" "+r.URL.RequestURI()) {
		return
	}
	d.once.Do(func() {
		close(d.held)
		select {
		case <-d.release:
		case <-ctx.Done():
		}
	})
}

func cmdHeld(ts *testscript.TestScript, neg bool, args []string) {
	select {
	case <-doubleOf(ts, neg, args, 1).held:
	case <-time.After(waitLimit):
		for name, p := range storyOf(ts).processes {
			ts.Logf("%s says:\n%s%s", name, p.stdout.String(), p.stderr.String())
		}
		ts.Fatalf("no such request within %s", waitLimit)
	}
}

func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	d := doubleOf(ts, neg, args, 1)
	d.letGo.Do(func() { close(d.release) })
}

// cmdFakeAPI is an API server that knows no group: a cluster without Istio.
func cmdFakeAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fakeapi FILE")
	}
	newDouble().serve(ts, args[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound",`+
			`"message":"the server could not find the requested resource","code":404}`)
	}))
}

func cmdAskedFakeAPI(ts *testscript.TestScript, neg bool, args []string) {
	got := doubleOf(ts, neg, args, 2).asked.Load()
	if want := number(ts, args[1]); got != int64(want) {
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
