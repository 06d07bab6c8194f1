package diagnose

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// lookRedirects compares the settings of Dex and the auth proxy. What leads to the
// same path may be the same address: the proxy makes a whole one of a bare path.
func (f *Facts) lookRedirects(cause string) Result {
	l := f.Objects.Login
	switch {
	case !l.Dex.OK():
		return unknown(l.Dex.Err)
	case !l.Proxy.OK():
		return unknown(l.Proxy.Err)
	}
	asked, err := url.Parse(l.Proxy.Value.RedirectURL)
	if err != nil || asked.Path == "" || slices.ContainsFunc(l.Stale, func(s Stale) bool { return s.Part == f.Objects.Dex.Name }) {
		return skipped("which redirect URI Dex goes by is not known")
	}
	if slices.ContainsFunc(l.Dex.Value.RedirectURIs, func(known string) bool { return strings.HasSuffix(known, asked.Path) }) {
		return passed("Dex knows " + asked.Path)
	}
	return found(cause, f.healDex(http.StatusBadRequest), evidence("oauth2-proxy's settings", "redirect_url", l.Proxy.Value.RedirectURL),
		evidence("Dex's ConfigMap", "staticClients[].redirectURIs", orNone(l.Dex.Value.RedirectURIs))).as(breaks(DexRefuses, toLogIn))
}
