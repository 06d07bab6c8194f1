package session

import (
	"net/http"
	"time"
)

// longest is the life of a cookie beyond which it is not believed: browsers cut
// at 400 days (RFC 6265bis, 5.6.1), and the AuthService writes 38,000 years into
// one of its cookies.
const longest = 10 * 365 * 24 * time.Hour

// serverSkew is how far the server's clock is ahead of this one, by the Date of
// an answer; 0 without one. What a server dates is measured by its own clock.
func serverSkew(header http.Header, at time.Time) time.Duration {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	// A Date has whole seconds and is as old as the way back: that is no skew.
	if skew := date.Sub(at); skew < -2*time.Second || skew > 2*time.Second {
		return skew
	}
	return 0
}

// isDeletion tells whether a Set-Cookie takes the cookie away: Max-Age=0, or a
// date in the past (oauth2-proxy 7.8 writes no Max-Age), as seen by the server.
func isDeletion(set *http.Cookie, serverNow time.Time) bool {
	if set.MaxAge == 0 {
		return set.Value == "" || !set.Expires.IsZero() && !set.Expires.After(serverNow)
	}
	return set.Value == "" || set.MaxAge < 0 // net/http's form of Max-Age=0
}

// cookieEnd is when a cookie ends by this computer's clock. Max-Age, which needs
// no clock, wins over Expires (RFC 6265, 5.3).
func cookieEnd(set *http.Cookie, at time.Time, skew time.Duration) (time.Time, bool) {
	switch {
	case set.MaxAge > 0:
		if set.MaxAge > int(longest/time.Second) {
			return time.Time{}, false
		}
		return at.Round(0).Add(time.Duration(set.MaxAge) * time.Second), true
	case !set.Expires.IsZero():
		return set.Expires.Add(-skew), set.Expires.Sub(at) < longest
	}
	return time.Time{}, false
}

// earlier returns the earlier of two times; nil is not known.
func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}
