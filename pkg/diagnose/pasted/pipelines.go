package pasted

// pipelinesTexts are what Kubeflow's own programs answer.
func pipelinesTexts() table {
	return table{
		program: "Kubeflow", seen: "read in issues and source of Kubeflow",
		texts: []text{
			{pattern: "Could not find CSRF cookie XSRF-TOKEN in the request", codes: "KFT301", says: "a web app's protection needs https: its cookie was not kept over plain http"},
			{pattern: "Could not detect CSRF protection header X-XSRF-Token", codes: "", says: "a web app wants the value of its cookie XSRF-TOKEN in the header X-XSRF-TOKEN as well"},
			{pattern: "is not authorized with reason", codes: "KFT805 KFT905 KFT906", says: "the user is known, but has no rights in this namespace"},
			{pattern: "Request header error: there is no user identity header", codes: "KFT904", says: "the request came to the pipelines without the login's front door"},
			{pattern: "there is no user identity header", codes: "KFT904", says: "the request came to the pipelines without the login's front door"},
			{pattern: "Cannot GET /pipeline/apis/v2beta1/", codes: "KFT902", says: "this Kubeflow is too old for the client"},
			{pattern: "Cannot GET /_/pipeline", codes: "KFT111", says: "the path of the dashboard's frame was taken for the API's: it is /pipeline"},
			{pattern: "Cannot POST /_/pipeline", codes: "KFT111", says: "the path of the dashboard's frame was taken for the API's: it is /pipeline"},
			{pattern: "Cannot GET /apis/", codes: "KFT111", says: "the path lacks /pipeline in front"},
		},
	}
}

// clientTexts are what the SDK of the pipelines and the documented scripts say.
func clientTexts() table {
	return table{
		program: "kfp or a login script", seen: "read in the source of kfp 2.17 and of Kubeflow's documentation",
		texts: []text{
			{pattern: "Failed getting healthz endpoint after {num} attempts", codes: "KFT901 KFT702 KFT111", says: "the pipelines API did not answer as expected", depth: symptom},
			{pattern: "HTTP status code '403' for GET against", codes: "KFT702", says: "a login script of an older Kubeflow: since 1.9.1 the front door answers 403 until somebody logs in", depth: symptom},
			{pattern: "HTTP status code '401' for GET against", codes: "KFT111 KFT702", says: "the login script was given the API's address; it wants the front page's", depth: symptom},
			{pattern: "HTTP status code '401' for POST against", codes: "", says: "Dex does not know this e-mail address with this password", depth: symptom},
			{pattern: "HTTP status code '403' for POST against", codes: "KFT301 KFT109", says: "the login came back without the cookie of its start, which Python does not keep over plain http", depth: symptom},
			{pattern: "Login credentials are probably invalid", codes: "", says: "Dex does not know this e-mail address with this password"},
			{pattern: "Failed to get Dex session cookies", codes: "", says: "the login script failed; the reason stands above", depth: wrapper},
			{pattern: "{'experiments': None", codes: "KFT903 KFT702 KFT801", says: "the client took a page to log in for an empty answer"},
			{pattern: "(401){end}", codes: "KFT702 KFT801 KFT803", says: "the API wants a login", depth: wrapper},
			{pattern: "(403){end}", codes: "KFT601 KFT805 KFT702", says: "the request was refused", depth: wrapper},
		},
	}
}
