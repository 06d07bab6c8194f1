package diagnose

// fields name what may be taken out of an object; all else stays where it is. A
// leaf takes a text, a number, a yes or no, or a list of these, never an object.
// "*" stands for every name of an object; lists are taken entry by entry.
type fields map[string]fields

// of is the part of a value that the fields name, nil for nothing.
func (f fields) of(value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		taken := map[string]any{}
		for name, part := range v {
			below, known := f[name]
			if !known {
				below, known = f["*"]
			}
			if !known {
				continue
			}
			if got := below.of(part); got != nil {
				taken[name] = got
			}
		}
		if len(taken) == 0 {
			return nil
		}
		return taken
	case []any:
		var taken []any
		for _, part := range v {
			if got := f.of(part); got != nil {
				taken = append(taken, got)
			}
		}
		if taken == nil {
			return nil
		}
		return taken
	}
	if len(f) > 0 { // an object was expected
		return nil
	}
	return value
}

// leaves are fields below which nothing is.
func leaves(names ...string) fields {
	f := fields{}
	for _, name := range names {
		f[name] = nil
	}
	return f
}

// What is taken of each kind, as the CRDs name it. Values that conditions compare
// with (when[].values) may be secrets of their own, such as those of a header.
var (
	anyLabels     = leaves("*")
	gatewayFields = fields{
		"selector": anyLabels,
		"servers": {
			"name": nil, "bind": nil, "hosts": nil, "port": leaves("number", "name", "protocol", "targetPort"),
			"tls": leaves("mode", "credentialName", "credentialNames", "httpsRedirect", "minProtocolVersion", "maxProtocolVersion",
				"cipherSuites", "serverCertificate", "privateKey", "caCertificates"),
		},
	}
	routeFields         = fields{"route": {"weight": nil, "destination": {"host": nil, "subset": nil, "port": leaves("number")}}}
	virtualServiceField = fields{"hosts": nil, "gateways": nil, "exportTo": nil, "http": routeFields, "tls": routeFields, "tcp": routeFields}
	policyFields        = fields{
		"action": nil, "selector": {"matchLabels": anyLabels}, "provider": leaves("name"),
		"targetRef": leaves("kind", "group", "name", "namespace"), "targetRefs": leaves("kind", "group", "name", "namespace"),
		"rules": {
			"from": {"source": leaves("principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals", "namespaces", "notNamespaces",
				"ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "serviceAccounts", "notServiceAccounts")},
			"to":   {"operation": leaves("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths")},
			"when": leaves("key"),
		},
	}
	envoyFilterFields = fields{
		"workloadSelector": {"labels": anyLabels},
		"configPatches": {
			"applyTo": nil, "patch": leaves("operation"),
			"match": {"context": nil, "listener": {
				"portNumber": nil, "name": nil,
				"filterChain": {"name": nil, "filter": {"name": nil, "subFilter": leaves("name")}},
			}},
		},
	}
)
