// Package e2e tells stories: what a user does with the built plugin on a real
// front door, and what must come of it. Each story is a txtar script in
// testdata (https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript).
//
// The stories need Linux, bin/kubectl-kftls and bin/testbed, and carry the
// build tag e2e:
//
//	make build testbed
//	go test -tags e2e ./test/e2e/...
//	go test -tags e2e ./test/e2e -run TestStories/setup-gives-https
//
// They start a testbed for each profile in a temporary folder. E2E_TESTBED=DIR
// takes one that runs already, if its profile is the one wanted, which is quicker
// while a story is being written. With -short, as in make test, what takes long
// is left out. kfp and requests are wanted on the PATH:
//
//	PATH=$(scripts/python.sh):$PATH
//
// Stories in testdata/changing change the cluster. They run one after the
// other, and each must leave it as it found it, which is checked; so do those in
// testdata/long, which -short leaves out. Stories in testdata/looking change
// nothing and run side by side. Those in
// testdata/kubeflow-… are told on that profile (TestReleases); the others on
// today's.
//
// Whatever the stories print, what they leave in their homes and temporary
// folders, the arguments and environments of processes that the plugin started,
// and the logs of the testbed are searched for passwords, session cookies and
// id_tokens, in clear and in base64 (secrets_test.go). A session may stand in
// the stdout of cookie and token, in the plugin's stored sessions and in kfp's
// context.json, if only their owner can read these; a password nowhere. Other
// commands that show a session on purpose carry SHOWS= in their line.
//
// Beside testscript's own commands, these are there; those that say what they
// saw do so on stdout, where the commands stdout and cmp find it:
//
//	code N PROGRAM [ARG…]       run it; its exit code must be N
//	until [!] PROGRAM [ARG…]    run it again and again until it succeeds (!: fails), for at most 20 s
//	start NAME PROGRAM [ARG…]   run it in the background
//	says NAME REGEXP            wait until what it started has printed a match, for at most 20 s
//	signal NAME INT|TERM|KILL   send a signal to it
//	ended NAME N                wait for its end with exit code N (-1: by a signal), for at most 60 s
//	terminal [-answer REGEXP TEXT]… [-interrupt REGEXP] N PROGRAM [ARG…]
//	                            run it on a terminal, type TEXT or Ctrl-C when a match appears; its exit code must be N
//	tls HOST:PORT NAME [CAFILE] make a handshake; say the certificate, and whether CAFILE accepts it
//	http2 open NAME HOST:PORT SERVERNAME CAFILE
//	                            open an HTTP/2 connection, and ask on it again and again
//	http2 close NAME            it must have answered all the time on that one connection; say how often, and its certificate
//	remember FILE, unchanged FILE
//	                            write what the cluster holds; compare with it
//	reset                       testbed reset
//	testbed ARG…                the testbed's own program
//	audit mark                  begin to count what the plugin asks of the API server
//	audit requests N            it must have been N requests at most
//	audit writes N              it must have been N real writes exactly
//	audit tries N               it must have been N dry-run writes exactly
//	wire mark                   begin to count what arrives at the gateway pods
//	wire requests N [REGEXP]    it must have been N requests exactly (that match), N+ at least; all are said, as METHOD PATH STATUS
//	planted PASSWORD            search for this, too; those that `as` knows are searched for anyway
//	kubeconfig FILE [-server URL] [-token TOKEN] [-bare]
//	                            write a kubeconfig for the testbed, changed so
//	apiproxy FILE [-shift D] [-hold-answer REGEXP] [-hold-request REGEXP] [-busy REGEXP]
//	         [-cut D] [-cut-only REGEXP]
//	                            put a proxy before the API server; FILE is the kubeconfig that goes through it;
//	                            -busy answers 429; -cut ends what takes longer, tunnels too
//	held FILE, release FILE     wait until the proxy holds a request; let it go
//	fakeapi FILE                an API server that knows no API group; FILE is the kubeconfig
//	askedfakeapi FILE N         it must have been asked N times exactly
//	webhook NAME refuses|hangs RESOURCE SECONDS [really]
//	                            an admission webhook for one kind of object, with its time-out; really: dry runs pass
//	webhook NAME gone           take it away
//	clients accept|refuse …     try real clients, see clients.Main
//	notrun NAME WHY             say that something cannot run on this machine
//
// TestFaults makes the faults of test/faults on the same testbeds, with steps of
// its own: no scripts, because each fault goes through the same stations.
// TestMutations breaks something at random, a few times in a usual run and many
// by hand (KFTLS_MUTATIONS, KFTLS_SEED). TestCuts kills the plugin at each of
// its writes. TestInterleavings lets several people and an editor act at once,
// in orders that a seed decides (KFTLS_INTERLEAVINGS, KFTLS_SEED). Both look from
// outside: through a proxy before the API server (package apiproxy), and at the
// program's system calls.
//
// as LOGIN PROGRAM [ARG…] is a program on the PATH: it runs another one with
// KFTLS_LOGIN and KFTLS_PASSWORD of somebody whom the testbed knows
// (people_test.go); as LOGIN:PASSWORD takes another password.
//
// $FIRST and $SECOND are the addresses of the two gateway pods, $SERVER is the
// API server's URL, $SHIPPED a file with Kubeflow's own Gateway, $PORT and
// $PLAIN are free ports, $REPOSITORY the folder of the repository.
package e2e
