package ldap

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	client "github.com/go-ldap/ldap/v3"
)

// idle ends a connection on which nothing comes.
const idle = 2 * time.Minute

// maxRequest is far more than any bind or search takes.
const maxRequest = 1 << 20

// Server answers from a directory.
type Server struct {
	lockAfter int
	accounts  map[string]string // password by name in lower case
	entries   []entry
	log       io.Writer

	mu      sync.Mutex
	refused map[string]int // refused binds in a row, by name in lower case
}

// New makes a server. Its log gets one line for each bind and search, without passwords.
func New(d *Directory, log io.Writer) *Server {
	return &Server{lockAfter: d.LockAfter, accounts: d.accounts(), entries: d.entries(), log: log, refused: map[string]int{}}
}

// Serve answers on a listener until ctx ends, and closes it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept a connection: %w", err)
		}
		running.Go(func() { s.converse(ctx, conn) })
	}
}

// converse answers the requests of one connection in their order.
func (s *Server) converse(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	for {
		if err := conn.SetDeadline(time.Now().Add(idle)); err != nil {
			return
		}
		request, err := ber.ReadPacket(io.LimitReader(conn, maxRequest))
		if err != nil {
			return
		}
		answers, err := s.answer(request)
		if err != nil {
			return // an unbind, or not LDAP
		}
		for _, answer := range answers {
			if _, err := conn.Write(answer.Bytes()); err != nil {
				return
			}
		}
	}
}

var (
	errUnbind  = errors.New("unbind")
	errNotLDAP = errors.New("not LDAP")
)

// answer makes the answers to one LDAPMessage (RFC 4511, 4.1.1).
func (s *Server) answer(request *ber.Packet) ([]*ber.Packet, error) {
	if len(request.Children) < 2 {
		return nil, errNotLDAP
	}
	id, ok := request.Children[0].Value.(int64)
	operation := request.Children[1]
	if !ok || operation.ClassType != ber.ClassApplication {
		return nil, errNotLDAP
	}
	var answers []*ber.Packet
	switch operation.Tag {
	case client.ApplicationUnbindRequest:
		return nil, errUnbind
	case client.ApplicationAbandonRequest:
		return nil, nil
	case client.ApplicationBindRequest:
		answers = []*ber.Packet{result(client.ApplicationBindResponse, s.bind(operation))}
	case client.ApplicationSearchRequest:
		answers = s.search(operation)
	default:
		answers = []*ber.Packet{result(client.ApplicationExtendedResponse, client.LDAPResultUnwillingToPerform)}
	}
	for i, answer := range answers {
		answers[i] = message(id, answer)
	}
	return answers, nil
}

// bind tells whether a name and a password belong together. A name that nobody has is
// refused in the same words as a wrong password.
func (s *Server) bind(request *ber.Packet) uint16 {
	if len(request.Children) != 3 || request.Children[2].ClassType != ber.ClassContext || request.Children[2].Tag != 0 {
		return client.LDAPResultAuthMethodNotSupported
	}
	name, password := text(request.Children[1]), text(request.Children[2])
	if name == "" && password == "" {
		return client.LDAPResultSuccess // anonymous
	}
	code, why := s.check(strings.ToLower(name), password)
	fmt.Fprintf(s.log, "bind %q: %s\n", name, why)
	return code
}

func (s *Server) check(name, password string) (code uint16, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want, known := s.accounts[name]
	switch {
	case !known:
		return client.LDAPResultInvalidCredentials, "refused, there is no such account"
	case s.lockAfter > 0 && s.refused[name] >= s.lockAfter:
		return client.LDAPResultInvalidCredentials, "refused, the account is locked"
	case password == "" || subtle.ConstantTimeCompare([]byte(password), []byte(want)) != 1:
		s.refused[name]++
		return client.LDAPResultInvalidCredentials, "refused, wrong password"
	}
	delete(s.refused, name)
	return client.LDAPResultSuccess, "welcome"
}

// search finds entries (RFC 4511, 4.5.1), and returns all their attributes.
func (s *Server) search(request *ber.Packet) []*ber.Packet {
	if len(request.Children) != 8 {
		return []*ber.Packet{result(client.ApplicationSearchResultDone, client.LDAPResultProtocolError)}
	}
	base, filter := text(request.Children[0]), request.Children[6]
	scope, _ := request.Children[1].Value.(int64)
	limit, _ := request.Children[3].Value.(int64)
	var answers []*ber.Packet
	code := uint16(client.LDAPResultSuccess)
	for _, e := range s.entries {
		if !e.isBelow(base, scope) || !matches(e, filter) {
			continue
		}
		if limit > 0 && int64(len(answers)) == limit {
			code = client.LDAPResultSizeLimitExceeded
			break
		}
		answers = append(answers, found(e))
	}
	fmt.Fprintf(s.log, "search from %q: %d found\n", base, len(answers))
	return append(answers, result(client.ApplicationSearchResultDone, code))
}
