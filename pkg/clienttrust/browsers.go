package clienttrust

import "context"

// browsers finds browsers, of which the stores are not read: a Chromium has its
// own program's roots and the user's NSS database, a Firefox one database for
// each profile. Their verdict is unknown.
func (f *finder) browsers(context.Context) []Client {
	var clients []Client
	if _, ok := f.first("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"); ok {
		clients = append(clients, Client{
			Name: "Chromium", Library: "BoringSSL", RootsFrom: "its own store, not read", behaviour: behaviour{fix: chromiumFix},
		})
	}
	if _, ok := f.first("firefox", "firefox-esr"); ok {
		clients = append(clients, Client{
			Name: "Firefox", Library: "NSS", RootsFrom: "its own store, not read", behaviour: behaviour{fix: firefoxFix},
		})
	}
	return clients
}

func chromiumFix(caFile string) string {
	return `certutil -d sql:"$HOME/.pki/nssdb" -A -t C,, -n Kubeflow -i ` + shellWord(caFile)
}

func firefoxFix(caFile string) string {
	return "certutil -d sql:PROFILE -A -t C,, -n Kubeflow -i " + shellWord(caFile)
}
