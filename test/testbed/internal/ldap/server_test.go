package ldap

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	client "github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const directory = `
base: dc=example,dc=com
lockAfter: 3
services: [{name: dex, password: bind-secret}]
people:
- {uid: alice, name: Alice, mail: alice@example.com, password: wonder-land, groups: [ml-team]}
- {uid: grace, name: Grace, mail: grace@example.com, password: hop-per, groups: [ml-team], projects: 300}
`

// notes is a log that several goroutines write.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// serve runs a server, and returns a connection to it and its log.
func serve(t *testing.T) (*client.Conn, *notes) {
	t.Helper()
	d, err := Parse([]byte(directory))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &notes{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(d, log).Serve(ctx, listener) }()
	conn, err := client.DialURL("ldap://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return conn, log
}

const alice = "uid=alice,ou=people,dc=example,dc=com"

func TestBind(t *testing.T) {
	conn, log := serve(t)
	for _, test := range []struct {
		name, password string
		want           uint16
	}{
		{"cn=dex,ou=services,dc=example,dc=com", "bind-secret", client.LDAPResultSuccess},
		{alice, "wonder-land", client.LDAPResultSuccess},
		{"UID=Alice,OU=people,DC=example,DC=com", "wonder-land", client.LDAPResultSuccess},
		{alice, "Wonder-land", client.LDAPResultInvalidCredentials},
		{"uid=nobody,ou=people,dc=example,dc=com", "wonder-land", client.LDAPResultInvalidCredentials},
		{"cn=ml-team,ou=groups,dc=example,dc=com", "x", client.LDAPResultInvalidCredentials},
	} {
		err := conn.Bind(test.name, test.password)
		if got := codeOf(t, err); got != test.want {
			t.Errorf("%s with %q: %v, want code %d", test.name, test.password, err, test.want)
		}
	}
	if text := log.String(); strings.Contains(text, "wonder-land") || strings.Contains(text, "bind-secret") {
		t.Errorf("the log tells passwords: %s", text)
	}
}

func TestAnAccountIsLocked(t *testing.T) {
	conn, log := serve(t)
	for range 3 {
		if got := codeOf(t, conn.Bind(alice, "wrong")); got != client.LDAPResultInvalidCredentials {
			t.Errorf("a wrong password: code %d", got)
		}
	}
	if got := codeOf(t, conn.Bind(alice, "wonder-land")); got != client.LDAPResultInvalidCredentials {
		t.Errorf("the right password of a locked account: code %d", got)
	}
	if got := codeOf(t, conn.Bind("uid=grace,ou=people,dc=example,dc=com", "hop-per")); got != client.LDAPResultSuccess {
		t.Errorf("another account: code %d", got)
	}
	if text := log.String(); strings.Count(text, "wrong password") != 3 || strings.Count(text, "locked") != 1 {
		t.Errorf("the log: %s", text)
	}
}

func TestSearch(t *testing.T) {
	conn, _ := serve(t)
	const people, groups = "ou=people,dc=example,dc=com", "ou=groups,dc=example,dc=com"
	for _, test := range []struct {
		base, filter string
		scope        int
		want         int
	}{
		{people, "(&(objectClass=person)(uid=alice))", client.ScopeWholeSubtree, 1},
		{people, "(&(objectClass=person)(UID=ALICE))", client.ScopeWholeSubtree, 1},
		{people, "(uid=al)", client.ScopeWholeSubtree, 0},
		{people, "(mail=*)", client.ScopeWholeSubtree, 2},
		{people, "(description=*)", client.ScopeWholeSubtree, 0},
		{people, "(|(uid=alice)(uid=grace))", client.ScopeSingleLevel, 2},
		{people, "(!(uid=alice))", client.ScopeWholeSubtree, 1},
		{people, "(uid>=a)", client.ScopeWholeSubtree, 0},
		{alice, "(objectClass=*)", client.ScopeBaseObject, 1},
		{"dc=example,dc=com", "(objectClass=*)", client.ScopeSingleLevel, 0},
		{groups, "(member=" + alice + ")", client.ScopeWholeSubtree, 1},
		{groups, "(&(objectClass=groupOfNames)(member=uid=grace,ou=people,dc=example,dc=com))", client.ScopeWholeSubtree, 301},
		{"dc=other", "(uid=alice)", client.ScopeWholeSubtree, 0},
	} {
		answer, err := conn.Search(&client.SearchRequest{BaseDN: test.base, Scope: test.scope, Filter: test.filter})
		if err != nil || len(answer.Entries) != test.want {
			t.Errorf("%s from %s: %v, %v, want %d", test.filter, test.base, answer, err, test.want)
		}
	}
	answer, err := conn.Search(&client.SearchRequest{BaseDN: people, Scope: client.ScopeWholeSubtree, Filter: "(uid=alice)"})
	if err != nil || answer.Entries[0].DN != alice || answer.Entries[0].GetAttributeValue("mail") != "alice@example.com" {
		t.Errorf("alice is %v, %v", answer, err)
	}
	if len(answer.Entries[0].GetAttributeValues("userPassword")) != 0 {
		t.Error("a search tells the password")
	}
}

func TestOtherOperationsAreRefused(t *testing.T) {
	conn, _ := serve(t)
	if err := conn.Del(client.NewDelRequest(alice, nil)); err == nil {
		t.Error("a deletion is taken")
	}
}

func TestWhatIsNotLDAPEndsTheConnection(t *testing.T) {
	d, err := Parse([]byte(directory))
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range []string{"GET / HTTP/1.1\r\n\r\n", "\x30\x00", "\x30\x03\x02\x01\x01", "\x30\x84\xff\xff\xff\xff", "\x30\x06\x02\x01\x01\x02\x01\x01"} {
		near, far := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			New(d, &notes{}).converse(context.Background(), far)
		}()
		go func() {
			_, _ = near.Write([]byte(sent))
			near.Close()
		}()
		<-ended
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "people: []", "base: dc=a\nuser: []", "["} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// codeOf is the result code in an error, 0 without one.
func codeOf(t *testing.T, err error) uint16 {
	t.Helper()
	var result *client.Error
	if err == nil {
		return client.LDAPResultSuccess
	}
	if !errors.As(err, &result) {
		t.Fatal(err)
	}
	return result.ResultCode
}
