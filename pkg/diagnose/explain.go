package diagnose

import (
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

// pages is where the pages about findings are read.
const pages = "https://github.com/kftls/kubectl-kftls/blob/main/docs/findings/"

func pageURL(code string) string { return pages + code + ".md" }

// Explain is the page about a finding, in Markdown; false for an unknown code.
// docs/findings holds the same pages.
func Explain(code string) (page string, known bool) {
	for _, c := range Checks() {
		if strings.EqualFold(c.Code, code) {
			return c.page(), true
		}
	}
	return "", false
}

func (c Check) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n\n| | |\n|---|---|\n| layer | %s |\n| severity | %s |\n", c.Code, c.Title, c.Page.Means, c.Layer, c.Severity)
	if len(c.Causes) > 0 {
		shows := make([]string, 0, len(c.Causes))
		for _, s := range c.Causes {
			shows = append(shows, string(s))
		}
		fmt.Fprintf(&b, "| seen as | %s |\n", strings.Join(shows, "; "))
	}
	if len(c.Page.Shows) > 0 {
		b.WriteString("\n## What programs print\n\n| program | text | seen |\n|---|---|---|\n")
		for _, s := range c.Page.Shows {
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", s.Program, strings.ReplaceAll(s.Text, "|", `\|`), s.Origin)
		}
	}
	fmt.Fprintf(&b, "\n## What helps\n\n%s\n", c.Page.Heals)
	return b.String()
}

// hopName is a station as the picture shows it.
func (f *Facts) hopName(h Hop) string {
	switch h {
	case HopRoad:
		own := f.own()
		switch {
		case own == nil:
			return "tunnel"
		case endpoint.IsLoopback(own.Origin.Hostname()):
			return "port-forward"
		}
		return "network"
	case HopGateway:
		for _, r := range f.Roads {
			if !r.Own {
				return fmt.Sprintf("gateway:%d", f.shownPort())
			}
		}
	}
	return string(h)
}

// shownPort is the pods' port of the road that counts.
func (f *Facts) shownPort() uint16 {
	port := uint16(0)
	for _, r := range f.Roads {
		if !r.Own && (port == 0 || r.TLS && f.tlsCounts()) {
			port = r.Port
		}
	}
	return port
}

// reached tells that something was seen of a hop.
func (f *Facts) reached(h Hop) bool {
	switch h {
	case HopYou:
		return true
	case HopTLS:
		return f.tlsRoad() != nil
	case HopDex:
		for _, r := range f.Roads {
			if a := r.answer(dexPath); a != nil && a.Status == 200 {
				return true
			}
		}
		return false
	case HopPipelines:
		return f.Session != nil && f.Session.Health != nil && isKubeflow(f.Session.Health)
	}
	for _, r := range f.Roads {
		if r.answer(frontPath) != nil || h.rank() <= HopGateway.rank() && r.Dialled == nil {
			return true
		}
	}
	return false
}
