package cluster

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"k8s.io/client-go/rest"
)

// hideUser takes user and password out of the API server's address: they would be
// shown wherever the address is, in errors and by -v. They are sent as before,
// save where the kubeconfig has other credentials.
func hideUser(config *rest.Config) (*rest.Config, error) {
	if !strings.Contains(config.Host, "@") {
		return config, nil
	}
	address, err := url.Parse(config.Host)
	if err != nil || address.User == nil {
		return nil, errors.New("the API server's address cannot be read") // whose error would hold it
	}
	hidden := rest.CopyConfig(config)
	hasOther := config.Username != "" || config.BearerToken != "" || config.BearerTokenFile != "" ||
		config.ExecProvider != nil || config.AuthProvider != nil
	if !hasOther {
		hidden.Username = address.User.Username()
		hidden.Password, _ = address.User.Password()
	}
	address.User = nil
	hidden.Host = address.String()
	return hidden, nil
}

// userInfo is what stands in a URL before an @. A password may hold anything.
var userInfo = regexp.MustCompile(`://[^"\n]*@`)

// withoutUser is an error whose text shows no user and password of a URL.
func withoutUser(err error) error {
	if text := err.Error(); userInfo.MatchString(text) {
		return clean{err, userInfo.ReplaceAllLiteralString(text, "://…@")}
	}
	return err
}

type clean struct {
	err  error
	text string
}

func (c clean) Error() string { return c.text }
func (c clean) Unwrap() error { return c.err }
