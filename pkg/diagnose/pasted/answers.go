package pasted

import (
	"fmt"
	"strings"
)

// answer is what headers say together, where the body says nothing. Of the
// answers that fit an exchange the first counts.
type answer struct {
	program, seen, says, codes string
	depth                      depth
	is                         func(exchange) bool
}

func answers() []answer {
	const testbed = "measured with oauth2-proxy 7.8 behind the real Envoy"
	return []answer{
		{
			program: "oauth2-proxy", seen: "7.8 and 7.15: measured",
			says:  "the session that was sent is not taken: it has ended, is incomplete or belongs to another Kubeflow",
			codes: "KFT801 KFT802 KFT804 KFT803",
			is:    func(e exchange) bool { return e.cleared && (e.status == 401 || e.status == 403) },
		},
		{
			program: "Envoy", seen: testbed,
			says:  "the gateway could not ask the login program: a refusal without a word",
			codes: "KFT703",
			is:    func(e exchange) bool { return e.status == 403 && e.empty && !e.cleared },
		},
		{
			program: "Envoy", seen: testbed,
			says:  "the gateway has no route for this host or path",
			codes: "KFT604 KFT111 KFT321 KFT325",
			is:    func(e exchange) bool { return e.status == 404 && e.empty },
		},
		{
			program: "Envoy", seen: testbed,
			says:  "the program behind the route cannot be reached",
			codes: "KFT605 KFT704 KFT705",
			depth: symptom,
			is:    func(e exchange) bool { return e.status == 503 && e.empty },
		},
		{
			program: "Envoy", seen: "read in the source of Envoy and oauth2-proxy, not measured",
			says:  "the headers are too large, most often the session's cookies",
			codes: "KFT607",
			is:    func(e exchange) bool { return e.status == 431 },
		},
		{
			program: "Envoy", seen: testbed,
			says:  "plain HTTP is answered with the way to https",
			codes: "KFT322 KFT609",
			is:    func(e exchange) bool { return (e.status == 301 || e.status == 308) && e.toHTTPS },
		},
		{
			program: "Kubeflow's front door", seen: testbed,
			says:  "the front door answers that the request is not logged in",
			codes: "KFT702 KFT801",
			depth: wrapper,
			is:    func(e exchange) bool { return e.status == 401 },
		},
		{
			program: "Kubeflow's front door", seen: testbed,
			says:  "the front door refuses the request: not logged in, or no route, or the login program is down",
			codes: "KFT702 KFT601 KFT703",
			depth: wrapper,
			is:    func(e exchange) bool { return e.status == 403 },
		},
	}
}

// findAnswers reads the exchanges, and the empty object of which only the
// status says what it is.
func findAnswers(s string, exchanges []exchange) []match {
	var out []match
	known := answers()
	for _, e := range exchanges {
		for _, a := range known {
			if a.is(e) {
				out = append(out, match{
					program: a.program, seen: a.seen, says: a.says, codes: a.codes, depth: a.depth,
					quote: fmt.Sprintf("HTTP %d", e.status), start: e.start, end: e.end,
				})
				break
			}
		}
	}
	if at := emptyObject(s); at >= 0 {
		m := match{
			program: "oauth2-proxy", seen: "7.8 and 7.15: measured", quote: "{}", start: at, end: at + 2,
			says: "an empty answer: with status 401 nobody is logged in, with 200 it is an empty list", codes: "KFT702 KFT801",
		}
		if strings.Contains(s, "401") {
			m.says = "401 and an empty object: the API wants a login, and the request has no valid session"
		}
		if strings.Contains(s, "401") || strings.TrimSpace(s) == "{}" {
			out = append(out, m)
		}
	}
	return out
}

// emptyObject finds a body that is {} alone. curl -v goes on behind it on the
// same line, kfp writes words in front.
func emptyObject(s string) int {
	at := 0
	for line := range strings.SplitSeq(s, "\n") {
		body := strings.TrimPrefix(line, "HTTP response body: ")
		if body == "{}" || strings.HasPrefix(body, "{}* ") {
			return at + len(line) - len(body)
		}
		at += len(line) + 1
	}
	return -1
}
