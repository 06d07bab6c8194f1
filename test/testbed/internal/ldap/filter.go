package ldap

import (
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	client "github.com/go-ldap/ldap/v3"
)

// matches tells whether an entry passes a filter (RFC 4511, 4.5.1.7). Text is compared
// without case, as it is for uid, mail and cn. A kind of comparison that is not here, such
// as an order, is undefined, and passes nothing.
func matches(e entry, filter *ber.Packet) bool {
	switch int(filter.Tag) {
	case client.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return !matches(e, f) })
	case client.FilterOr:
		return slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return matches(e, f) })
	case client.FilterNot:
		return len(filter.Children) == 1 && !matches(e, filter.Children[0])
	case client.FilterPresent:
		return e.values(filter.Data.String()) != nil
	case client.FilterEqualityMatch:
		return len(filter.Children) == 2 && e.has(text(filter.Children[0]), text(filter.Children[1]))
	}
	return false
}

func (e entry) values(name string) []string {
	for _, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return a.values
		}
	}
	return nil
}

func (e entry) has(name, value string) bool {
	return slices.ContainsFunc(e.values(name), func(v string) bool { return strings.EqualFold(v, value) })
}

// isBelow tells whether a search from base reaches the entry.
func (e entry) isBelow(base string, scope int64) bool {
	dn, base := strings.ToLower(e.dn), strings.ToLower(base)
	switch scope {
	case client.ScopeBaseObject:
		return dn == base
	case client.ScopeSingleLevel:
		_, parent, _ := strings.Cut(dn, ",")
		return parent == base
	}
	return dn == base || strings.HasSuffix(dn, ","+base)
}

// text is an octet string's content.
func text(p *ber.Packet) string {
	if p.Data == nil {
		return ""
	}
	return p.Data.String()
}
