package session

import (
	"bytes"
	"cmp"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// page is what an HTML page holds that a login needs.
type page struct {
	title string
	// heading is the first h1 or h2, and message the first paragraph after it:
	// Dex's error pages consist of these.
	heading, message string
	// content is the message of oauth2-proxy's error page.
	content string
	// refusal is the text of Dex's login-error box.
	refusal string
	// intro is the text before a list: "X would like to:" on the approval page.
	intro string
	items []string
	forms []form
	links []link
	// markers tell Kubeflow's dashboard.
	isDashboard bool
}

// form is one form of a page.
type form struct {
	method string // upper case
	action string // as written
	labels []string
	inputs []input
}

type input struct{ name, kind, value string }

type link struct{ href, text string }

// parsePage reads an HTML page. What is not HTML, or is nested too deeply, is a
// page without anything in it.
func parsePage(body []byte) *page {
	p := new(page)
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return p
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode {
			p.take(node)
		}
	}
	return p
}

func (p *page) take(node *html.Node) {
	switch node.DataAtom {
	case atom.Title:
		p.title = cmp.Or(p.title, text(node))
	case atom.H1, atom.H2:
		p.heading = cmp.Or(p.heading, text(node))
	case atom.P:
		if p.heading != "" {
			p.message = cmp.Or(p.message, text(node))
		}
	case atom.A:
		p.links = append(p.links, link{attribute(node, "href"), text(node)})
	case atom.Li:
		p.items = append(p.items, text(node))
	case atom.Form:
		p.forms = append(p.forms, readForm(node))
	}
	switch {
	case attribute(node, "id") == "login-error":
		p.refusal = cmp.Or(p.refusal, text(node))
	case node.Data == "main-page": // the element that centraldashboard's index.html consists of
		p.isDashboard = true
	case attribute(node, "class") == "dex-subtle-text":
		p.intro = cmp.Or(p.intro, text(node))
	case attribute(node, "class") == "content":
		p.content = cmp.Or(p.content, text(node))
	}
}

func readForm(node *html.Node) form {
	f := form{method: strings.ToUpper(attribute(node, "method")), action: attribute(node, "action")}
	if f.method == "" {
		f.method = "GET"
	}
	for child := range node.Descendants() {
		switch child.DataAtom {
		case atom.Input:
			f.inputs = append(f.inputs, input{
				attribute(child, "name"), strings.ToLower(attribute(child, "type")), attribute(child, "value"),
			})
		case atom.Label:
			f.labels = append(f.labels, text(child))
		}
	}
	return f
}

// target is where a form goes; without an action that is the page's own address.
func (f form) target(base *url.URL) (*url.URL, error) {
	if f.action == "" {
		return base, nil
	}
	return base.Parse(f.action)
}

func (f form) input(match func(input) bool) (input, bool) {
	for _, i := range f.inputs {
		if match(i) {
			return i, true
		}
	}
	return input{}, false
}

// named returns the value of an input.
func (f form) named(name string) (string, bool) {
	found, ok := f.input(func(i input) bool { return i.name == name })
	return found.value, ok
}

// values are the hidden fields.
func (f form) values() url.Values {
	values := make(url.Values)
	for _, i := range f.inputs {
		if i.kind == "hidden" && i.name != "" {
			values.Add(i.name, i.value)
		}
	}
	return values
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// maxText bounds what of a page gets into messages.
const maxText = 300

// text is what a reader sees of a node, in one line.
func text(node *html.Node) string {
	var words []string
	length := 0
	for child := range node.Descendants() {
		if child.Type != html.TextNode || length > maxText {
			continue
		}
		for _, word := range strings.Fields(child.Data) {
			words = append(words, word)
			length += len(word) + 1
		}
	}
	return printable(strings.Join(words, " "))
}
