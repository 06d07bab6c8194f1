package pasted

// proxyTexts are pages and log lines of oauth2-proxy.
func proxyTexts() table {
	return table{
		program: "oauth2-proxy", seen: "7.15: measured",
		texts: []text{
			{pattern: "Sign in with Dex", codes: "KFT702 KFT801", says: "the page to log in: the request has no valid session"},
			{pattern: "<title>Sign In</title>", codes: "KFT702 KFT801", says: "the page to log in: the request has no valid session"},
			{pattern: `action="/oauth2/start"`, codes: "KFT702 KFT801", says: "the page to log in: the request has no valid session"},
			{pattern: "/oauth2/start?rd=", codes: "KFT702 KFT801", says: "the request was sent to log in", depth: symptom},
			{pattern: "Unable to find a valid CSRF token", codes: "KFT301 KFT109", says: "the login came back without the cookie of its start: begun over plain http, twice at once, under another host name, or more than 15 minutes ago"},
			{pattern: "CSRF cookie with name '…' was not found", codes: "KFT301 KFT109", says: "the login came back without the cookie of its start"},
			{pattern: "The upstream identity provider returned an error: login_required", codes: "", says: "Dex wants a new login but was told not to ask: its sessions are on while oauth2-proxy sends prompt=none"},
			{pattern: "The upstream identity provider returned an error", codes: "KFT708 KFT709", says: "Dex refused the login"},
			{pattern: "Oops! Something went wrong. For more information contact your server administrator", codes: "KFT709 KFT705 KFT706", says: "the login program could not trade Dex's answer for a session"},
			{pattern: "cookie signature not valid", codes: "KFT801 KFT802 KFT706", says: "the session has ended, is incomplete, or was signed with another secret"},
			{pattern: `oauth2: "invalid_client"`, codes: "KFT709 KFT708", says: "Dex and the login program have different secrets"},
			{pattern: "Invalid client credentials", codes: "KFT709 KFT708", says: "Dex and the login program have different secrets"},
			{pattern: "Multiple cookies are required for this session as it exceeds the 4kb cookie limit", codes: "KFT607 KFT802", says: "the session is so large that it takes several cookies", depth: symptom, seen: "read in issues"},
			{pattern: "email in id_token (…) isn't verified", codes: "KFT713", says: "the provider does not say that the e-mail address is verified"},
			{pattern: "dex.auth.svc.cluster.local", codes: "KFT102 KFT710", says: "the login leads to Dex's address inside the cluster, which only the cluster can look up", depth: symptom, seen: "not checked"},
		},
	}
}

// serviceTexts are what the AuthService of older Kubeflows answers.
func serviceTexts() table {
	return table{
		program: "AuthService", seen: "as in Kubeflow 1.7 and 1.8: measured",
		texts: []text{
			{pattern: `<a href="/dex/auth?…">Found</a>`, codes: "KFT702 KFT801", says: "the request was sent to Dex to log in: it has no valid session"},
			{pattern: "/dex/auth?client_id=", codes: "KFT702 KFT801", says: "the request was sent to Dex to log in: it has no valid session"},
			{pattern: "/dex/auth?approval_prompt=force&client_id=", codes: "KFT702 KFT801", says: "the request was sent to Dex to log in: it has no valid session", seen: "oauth2-proxy as in Kubeflow 1.9.0: measured"},
			{pattern: "/dex/auth?", codes: "KFT702 KFT801", says: "the request was sent to Dex to log in: it has no valid session", depth: symptom},
			{pattern: "CSRF check failed. This may happen if you opened the login form in more than 1 tabs", codes: "KFT801", says: "the login came back without the cookie of its start: begun twice at once, or under another host name"},
			{pattern: "OIDC Setup is not complete yet", codes: "KFT705", says: "the login program waits for Dex"},
			{pattern: "Failed to exchange authorization code with token", codes: "KFT709 KFT705", says: "the login program could not trade Dex's answer for a session"},
		},
	}
}

// dexTexts are pages of Dex.
func dexTexts() table {
	return table{
		program: "Dex", seen: "2.45: measured",
		texts: []text{
			{pattern: "Invalid Email Address and password", codes: "", says: "Dex does not know this e-mail address with this password"},
			{pattern: "Unregistered redirect_uri", codes: "KFT707 KFT706", says: "Dex does not know the address to which the login is to come back: parts of different Kubeflows are mixed", seen: "2.45: measured; before: read in issues"},
			{pattern: "Invalid client_id", codes: "KFT708 KFT706", says: "Dex does not know the login program"},
			{pattern: "Requested resource does not exist.", codes: "", says: "the login took too long, or Dex was started anew meanwhile: begin again"},
			{pattern: "User session error.", codes: "", says: "the login took too long, or Dex was started anew meanwhile: begin again"},
			{pattern: "User session has expired.", codes: "", says: "the login took too long: begin again"},
			{pattern: "Unsupported request method.", codes: "", says: "a script of an older Kubeflow sent the password to the wrong page"},
			{pattern: "unsupported request method", codes: "KFT702", says: "a request of an API was led to Dex's page: it has no valid session", depth: symptom, seen: "read in issues"},
			{pattern: "Connector failed to initialize", codes: "", says: "Dex has no such way to log in"},
			{pattern: "Dex Login Application would like to", codes: "", says: "Dex asks whether the login program may know who you are: say yes"},
			{pattern: "Grant Access", codes: "", says: "Dex asks whether the login program may know who you are: say yes"},
			{pattern: "Log in to dex", codes: "KFT702 KFT801", says: "Dex's page to log in", depth: symptom},
			{pattern: "Log in to Your Account", codes: "KFT702 KFT801", says: "Dex's page to log in", depth: symptom},
			{pattern: "Login error. Please contact your administrator or try again later", codes: "", says: "Dex cannot ask the directory (LDAP) whether the password is right", seen: "2.45: read in the source"},
			{pattern: "Login error: failed to connect: LDAP Result Code", codes: "", says: "Dex cannot ask the directory (LDAP) whether the password is right", seen: "before 2.45: not checked"},
		},
	}
}
