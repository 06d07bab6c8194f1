package clients

import (
	"encoding/json"
	"fmt"
	"strings"
)

// python is a program that asks this one for the cookie when it runs. The
// cookie goes into a jar under its host: as a header it would be lost at the
// first redirect (requests takes it off).
func python(h *handover) ([]byte, error) {
	command := append(strings.Fields(h.Program), "cookie")
	command = append(command, h.Args...)
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = quotePython(word)
	}
	caFile, environ := "None", ""
	if h.CAFile != "" {
		caFile = quotePython(h.CAFile)
	}
	if isLoopback(h.host) {
		environ = "    session.trust_env = False  # no proxy and no ~/.netrc for this computer's own address\n"
	}
	secure := "False"
	if h.tls {
		secure = "True"
	}
	return fmt.Appendf(nil, pythonCode, h.Program, quotePython(h.origin), caFile,
		strings.Join(words, ", "), environ, quotePython(pythonDomain(h.host)), secure), nil
}

const pythonCode = `# Holds no cookie: it asks "%s" for one each time it runs.
import subprocess

import requests

URL = %s
CA_FILE = %s


def cookie():
    """The session's cookie, as name=value; name2=value2."""
    command = [%s]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def kubeflow():
    """A requests session that is logged in at URL, and nowhere else."""
    session = requests.Session()
%s    session.verify = CA_FILE or True
    for pair in filter(None, cookie().split("; ")):
        name, _, value = pair.partition("=")
        session.cookies.set(name, value, domain=%s, path="/", secure=%s)
    return session


if __name__ == "__main__":
    answer = kubeflow().get(URL + "/pipeline/apis/v2beta1/healthz", timeout=30)
    answer.raise_for_status()
    print(answer.json())
    # The same with the kfp SDK:
    # kfp.Client(host=URL + "/pipeline", cookies=cookie(), ssl_ca_cert=CA_FILE).get_kfp_healthz()
`

// quotePython writes a string literal. JSON's is one of Python's, too: without
// HTML's escapes it uses \uXXXX only for characters of the basic plane.
func quotePython(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string is always encoded
	return strings.TrimSuffix(out.String(), "\n")
}
