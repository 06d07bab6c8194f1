package session

import (
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// passwordDB is the id of Dex's own list of users (server/server.go of Dex:
// LocalConnector).
const passwordDB = "local"

// choose takes a connector from Dex's page: the one that was asked for, else
// the password DB, else the only one.
func (w *walk) choose(a *answer) (*call, error) {
	offered, links := a.page.connectors(a.call.url)
	w.offered = offered
	if w.authorize == nil {
		w.authorize = a.call.url
	}
	id := w.Connector
	switch {
	case id != "" && links[id] == nil:
		return nil, w.noSuchConnector(offered)
	case id != "":
	case links[passwordDB] != nil:
		id = passwordDB
	case len(offered) == 1:
		id = offered[0].ID
	default:
		return nil, fault.New(fault.Usage, "choose one: --connector "+offered[0].ID,
			"%s offers several ways to log in, and none of them is the password DB: %s", originOf(a.call.url), list(offered))
	}
	w.connector = id
	target := w.home(links[id])
	if !w.isHome(target) && !w.takesPassword(target) {
		return nil, w.elsewhere(target)
	}
	return w.get(stageConnector, target), nil
}

func (w *walk) noSuchConnector(offered []Connector) error {
	if w.Connector == passwordDB {
		return fault.New(fault.Usage, "choose one of them: --connector "+offered[0].ID,
			"Dex at %s has no password DB (connector %q): enablePasswordDB is false in its ConfigMap; it offers %s",
			originOf(w.authorize), passwordDB, list(offered))
	}
	return fault.New(fault.Usage, "choose one of them: --connector "+offered[0].ID,
		"Dex at %s has no connector %q; it offers %s", originOf(w.authorize), w.Connector, list(offered))
}

// list is for people: ids, and the names that Dex's page shows.
func list(offered []Connector) string {
	names := make([]string, len(offered))
	for i, c := range offered {
		names[i] = printable(c.ID)
		if c.Name != "" && c.Name != c.ID {
			names[i] += " (" + c.Name + ")"
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
