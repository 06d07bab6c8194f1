package session

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// fetch makes one request and recognises its answer. Cookies go to the Door
// alone, and come from there alone.
func (c *Client) fetch(ctx context.Context, k call, j *jar) (*answer, error) {
	road, err := c.road(k.url)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := newRequest(limited, k)
	if err != nil {
		return nil, err
	}
	atHome := c.isHome(k.url)
	if atHome && j != nil && len(j.cookies) > 0 {
		request.Header.Set("Cookie", Header(j.cookies))
	}
	response, err := road.RoundTrip(request)
	if err != nil {
		return nil, transportFailure(ctx, k, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, transportFailure(ctx, k, err)
	}
	a := &answer{call: k, status: response.StatusCode, header: response.Header, body: body, at: c.now(), page: new(page)}
	c.read(a)
	if atHome && j != nil {
		j.keep(a.header, a.at)
	}
	if c.Trace != nil {
		c.Trace(a.step())
	}
	return a, nil
}

// read fills in what an answer says.
func (c *Client) read(a *answer) {
	if a.isHTML() {
		a.page = parsePage(a.body)
	}
	if location := a.header.Get("Location"); location != "" && a.status >= 300 && a.status < 400 {
		if target, err := a.call.url.Parse(location); err == nil && target.Host != "" {
			target.Fragment = ""
			a.location = c.home(target)
		}
	}
	a.kind = recognise(a)
}

func newRequest(ctx context.Context, k call) (*http.Request, error) {
	var body io.Reader
	if k.form != nil {
		body = strings.NewReader(k.form.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, k.method, k.url.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %s %s: not a request", k.stage, k.method, shown(k.url))
	}
	for name, values := range k.header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", "kubectl-kftls")
	if k.form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request, nil
}

// shown is an address without what may be secret.
func shown(u *url.URL) string { return originOf(u) + u.EscapedPath() }
