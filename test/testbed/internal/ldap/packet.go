package ldap

import (
	ber "github.com/go-asn1-ber/asn1-ber"
	client "github.com/go-ldap/ldap/v3"
)

// message wraps an answer (RFC 4511, 4.1.1).
func message(id int64, answer *ber.Packet) *ber.Packet {
	m := ber.NewSequence("LDAPMessage")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
	m.AppendChild(answer)
	return m
}

// result is an LDAPResult (RFC 4511, 4.1.9) without a text.
func result(kind ber.Tag, code uint16) *ber.Packet {
	r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, kind, nil, "result")
	r.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), "code"))
	r.AppendChild(octets(""))
	r.AppendChild(octets(""))
	return r
}

// found is a SearchResultEntry (RFC 4511, 4.5.2).
func found(e entry) *ber.Packet {
	attributes := ber.NewSequence("attributes")
	for _, a := range e.attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		for _, v := range a.values {
			values.AppendChild(octets(v))
		}
		one := ber.NewSequence("attribute")
		one.AppendChild(octets(a.name))
		one.AppendChild(values)
		attributes.AppendChild(one)
	}
	r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, client.ApplicationSearchResultEntry, nil, "entry")
	r.AppendChild(octets(e.dn))
	r.AppendChild(attributes)
	return r
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "text")
}
