package session

import (
	"cmp"
	"net/url"
	"strings"
)

// loginForm finds the form that asks for a password, if there is one.
func (p *page) loginForm() (form, bool) {
	for _, f := range p.forms {
		if _, ok := f.input(isPassword); ok && f.method == "POST" {
			return f, true
		}
	}
	return form{}, false
}

func isPassword(i input) bool { return i.kind == "password" && i.name != "" }

// isLogin tells of the field for the login: Dex calls it so, others have one
// field of text.
func isLogin(i input) bool {
	return i.name != "" && (i.name == "login" || i.kind == "text" || i.kind == "email" || i.kind == "")
}

// prompt is what a form calls the login.
func (f form) prompt() string {
	for _, label := range f.labels {
		if label != "" && !strings.EqualFold(label, "Password") {
			return label
		}
	}
	return ""
}

// fill makes the fields of a login form.
func (f form) fill(k Credentials) url.Values {
	values := f.values()
	login, _ := f.input(isLogin)
	password, _ := f.input(isPassword)
	values.Set(cmp.Or(login.name, "login"), k.Login)
	values.Set(password.name, k.Password)
	return values
}

// approvalForm finds the form that grants access on Dex's approval page.
func (p *page) approvalForm() (form, bool) {
	for _, f := range p.forms {
		value, ok := f.named("approval")
		if _, req := f.named("req"); ok && req && value == "approve" && f.method == "POST" {
			return f, true
		}
	}
	return form{}, false
}

// samlForm finds the form by which Dex sends a browser to a SAML provider.
func (p *page) samlForm() (form, bool) {
	for _, f := range p.forms {
		if _, ok := f.named("SAMLRequest"); ok {
			return f, true
		}
	}
	return form{}, false
}

// startForm finds the form of oauth2-proxy's sign-in page that starts a login:
// its action ends in /start and carries where to go afterwards.
func (p *page) startForm() (form, bool) {
	for _, f := range p.forms {
		if _, ok := f.named("rd"); ok && strings.HasSuffix(f.action, "/start") {
			return f, true
		}
	}
	return form{}, false
}

// connectors are those that Dex's page at an address offers, with the links
// that choose them.
func (p *page) connectors(base *url.URL) (offered []Connector, links map[string]*url.URL) {
	links = make(map[string]*url.URL)
	for _, l := range p.links {
		target, err := base.Parse(l.href)
		if err != nil {
			continue
		}
		at := placeOf(target)
		if at.kind != placeConnector || links[at.connector] != nil {
			continue
		}
		links[at.connector] = target
		offered = append(offered, Connector{ID: at.connector, Name: strings.TrimPrefix(l.text, "Log in with ")})
	}
	return offered, links
}

// asksSecondFactor tells of a page that wants a one-time code.
func (p *page) asksSecondFactor() bool {
	for _, f := range p.forms {
		if _, ok := f.input(func(i input) bool { return i.name == "totp" || i.name == "otp" }); ok {
			return true
		}
	}
	return false
}
