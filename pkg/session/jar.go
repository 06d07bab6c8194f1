package session

import (
	"net/http"
	"slices"
	"time"
)

// jar keeps the cookies of one origin over one login. Unlike net/http's it
// sends Secure cookies over plain HTTP too: through the tunnel the way to a
// plain port is encrypted, and a proxy behind a load balancer that ends TLS
// marks them so (FORCE_HTTPS in Kubeflow's manifests). The origin is asked for
// one site only, so paths are not looked at.
type jar struct {
	cookies []Cookie
	ends    map[string]time.Time
}

// newJar holds cookies of its own: what an answer deletes stays with the caller.
func newJar(cookies []Cookie) *jar { return &jar{cookies: slices.Clone(cookies)} }

// keep takes the Set-Cookie headers of an answer that came at a time of this
// computer's clock.
func (j *jar) keep(header http.Header, at time.Time) {
	skew := serverSkew(header, at)
	for _, set := range setCookies(header) {
		j.drop(set.Name)
		if isDeletion(set, at.Add(skew)) {
			continue
		}
		j.cookies = append(j.cookies, Cookie{Name: set.Name, Value: set.Value, Secure: set.Secure})
		if end, known := cookieEnd(set, at, skew); known {
			if j.ends == nil {
				j.ends = make(map[string]time.Time)
			}
			j.ends[set.Name] = end
		}
	}
}

func (j *jar) drop(name string) {
	j.cookies = slices.DeleteFunc(j.cookies, func(c Cookie) bool { return c.Name == name })
	delete(j.ends, name)
}

// end is the earliest end of the cookies, nil if none is known.
func (j *jar) end(cookies []Cookie) *time.Time {
	var earliest *time.Time
	for _, cookie := range cookies {
		if end, known := j.ends[cookie.Name]; known {
			earliest = earlier(earliest, &end)
		}
	}
	return earliest
}

// setCookies are the cookies that an answer sets.
func setCookies(header http.Header) []*http.Cookie {
	return (&http.Response{Header: header}).Cookies()
}

// clears tells whether an answer takes a session cookie away: so oauth2-proxy
// answers to one that it does not accept, and not to a request without one.
func clears(header http.Header, at time.Time) bool {
	now := at.Add(serverSkew(header, at))
	return slices.ContainsFunc(setCookies(header), func(set *http.Cookie) bool {
		return !isTransient(set.Name) && isDeletion(set, now)
	})
}
