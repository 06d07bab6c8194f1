// Package ldap is a small directory server: real LDAP over TCP, with contents from a file.
//
// It knows what Dex and ldapsearch ask for: simple binds and searches. Everything else is
// refused. There is no TLS; it listens on loopback addresses alone.
package ldap

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// Directory is what a server knows.
type Directory struct {
	// Base is the suffix of all names: dc=example,dc=com.
	Base string `json:"base"`
	// LockAfter is how many refused binds in a row lock an account until the server ends, as
	// password policies do (ppolicy's pwdMaxFailure); 0 means never.
	LockAfter int `json:"lockAfter"`
	// Services are accounts of programs: they bind, and are not found by searches.
	Services []Service `json:"services"`
	People   []Person  `json:"people"`
}

// Service is an account of a program, cn=NAME,ou=services,BASE.
type Service struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Person is an entry uid=UID,ou=people,BASE. Groups are made for those that name them:
// cn=GROUP,ou=groups,BASE.
type Person struct {
	UID      string   `json:"uid"`
	Name     string   `json:"name"`
	Mail     string   `json:"mail"`
	Password string   `json:"password"`
	Groups   []string `json:"groups"`
	// Projects puts the person into that many further groups.
	Projects int `json:"projects"`
}

// Parse reads a directory from YAML.
func Parse(data []byte) (*Directory, error) {
	d := &Directory{}
	if err := yaml.UnmarshalStrict(data, d); err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	if d.Base == "" {
		return nil, errors.New("read the directory: it has no base")
	}
	return d, nil
}

// entry is one object of the directory.
type entry struct {
	dn         string
	password   string // "" for one that cannot bind
	attributes []attribute
}

type attribute struct {
	name   string
	values []string
}

// entries are the people and their groups.
func (d *Directory) entries() []entry {
	var all []entry
	members := map[string][]string{}
	var groups []string // in the order of their first mention
	for _, p := range d.People {
		dn := "uid=" + p.UID + ",ou=people," + d.Base
		all = append(all, entry{dn, p.Password, []attribute{
			{"objectClass", []string{"inetOrgPerson", "organizationalPerson", "person", "top"}},
			{"uid", []string{p.UID}},
			{"cn", []string{p.Name}},
			{"mail", []string{p.Mail}},
		}})
		for _, group := range append(p.Groups, projects(p.Projects)...) {
			if members[group] == nil {
				groups = append(groups, group)
			}
			members[group] = append(members[group], dn)
		}
	}
	for _, group := range groups {
		all = append(all, entry{"cn=" + group + ",ou=groups," + d.Base, "", []attribute{
			{"objectClass", []string{"groupOfNames", "top"}},
			{"cn", []string{group}},
			{"member", members[group]},
		}})
	}
	return all
}

// projects are the names of groups, as long as they are in large companies.
func projects(count int) []string {
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("project-%04d-machine-learning-engineers", i))
	}
	return names
}

// accounts are the passwords by name, which LDAP compares without case.
func (d *Directory) accounts() map[string]string {
	all := map[string]string{}
	for _, s := range d.Services {
		all[strings.ToLower("cn="+s.Name+",ou=services,"+d.Base)] = s.Password
	}
	for _, e := range d.entries() {
		if e.password != "" {
			all[strings.ToLower(e.dn)] = e.password
		}
	}
	return all
}
