package diagnose

import "context"

func dexUserChecks() []Check {
	return []Check{{
		Code: "KFT719", Title: "Dex knows nobody", Layer: LayerLogin, Severity: Warning, Causes: []Symptom{LoginBreaks}, Needs: []string{"KFT705"}, Look: lookDexUsers,
		Page: Page{
			Means: "Dex's settings name no connector, and its own list of users (staticPasswords) is empty or switched off: no name and password can be right. Users that Dex keeps in its storage do not stand in its settings, which is why this is likely and not certain. Sessions that exist go on.",
			Shows: []Shown{{"browser", "Invalid Email Address and password", "measured with Dex 2.41.1"}},
			Heals: "Write the users (staticPasswords, with enablePasswordDB: true) or a connector back into Dex's ConfigMap, then kubectl -n auth rollout restart deployment dex",
		},
	}}
}

func lookDexUsers(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	dex := f.Objects.Login.Dex
	switch {
	case !f.Objects.Dex.Exists():
		return skipped("no Dex is installed")
	case !dex.OK():
		return unknown(dex.Err)
	case len(dex.Value.Connectors) > 0:
		return passed("people come from a connector")
	case dex.Value.PasswordDB && dex.Value.Users > 0:
		return passed("Dex has users of its own")
	}
	cause, field := "Dex has no connector, and no user of its own", "staticPasswords, connectors"
	if !dex.Value.PasswordDB {
		cause, field = "Dex has no connector, and its own users are switched off", "enablePasswordDB, connectors"
	}
	return found(cause+": no login and password are accepted",
		byAdmin("write users or a connector into Dex's settings, then restart it", "kubectl -n auth edit configmap dex", "kubectl -n auth rollout restart deployment dex"),
		evidence("ConfigMap of Dex", field, "none")).as(probably).as(itself(LoginBreaks))
}
