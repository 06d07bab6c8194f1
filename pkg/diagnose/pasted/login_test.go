package pasted

import (
	"slices"
	"testing"
)

func TestClusterAndLogin(t *testing.T) {
	for _, tt := range []reading{
		{`E1123 10:00:00 portforward.go:406] error forwarding port 8443 to pod abc, uid : failed to connect to localhost:8443 inside namespace "x", IPv4: dial tcp4 127.0.0.1:8443: connect: connection refused`, "KFT401 KFT301", "kubectl port-forward"},
		{"failed to fetch key and certificate for kubernetes://kubeflow-gateway-tls: secret istio-system/kubeflow-gateway-tls not found", "KFT303 KFT304", "istiod"},
		{`Error [IST0101] (Gateway kubeflow/kubeflow-gateway) Referenced credentialName not found: "kubeflow-gateway-tls"`, "KFT303 KFT304", "istioctl analyze"},
		{"found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key); found: server.crt, server.key", "KFT306", "istiod"},
		{`found keys "tls.crt" and "tls.key", but they were empty`, "KFT307", "istiod"},
		{`invalid certificates: istio-system/kubeflow-gateway-tls "kubernetes://kubeflow-gateway-tls": certificate is expired or not yet valid`, "KFT507 KFT508", "istiod"},
		{"pem decode failed", "KFT308", "istiod"},
		{"Secret rejected: Failed to load private key from <inline>, Cause: error:0b000074:X.509 certificate routines:OPENSSL_internal:KEY_VALUES_MISMATCH", "KFT309", "Envoy log"},
		{"ADS:SDS: ACK ERROR pod Internal:Failed to load private key ... KEY_VALUES_MISMATCH", "KFT309", "istiod"},
		{"Secret rejected: Failed to load certificate chain from <inline>", "KFT308", "Envoy log"},
		{"proxy pod.istio-system attempted to access unauthorized certificates kubeflow-gateway-tls: istio-ingressgateway-service-account/istio-system is not authorized to read secrets: ", "KFT319", "istiod"},
		{"attempted to access unauthorized certificates kubeflow-gateway-tls: cross namespace secret reference requires ReferenceGrant", "KFT305", "istiod"},
		{"skipping server on gateway kubeflow/kubeflow-gateway, duplicate host names: [*]", "KFT310", "istiod"},
		{"Conflict with gateways default/other (workload selector istio=ingressgateway, port 443, hosts *).", "KFT310", "istioctl analyze"},
		{"skipping server on gateway kubeflow/kubeflow-gateway port https.8443.HTTPS: conflict with existing server 8443.HTTP", "KFT311", "istiod"},
		{"non unique port name for HTTPS port", "KFT310", "istiod"},
		{`"- - -" 0 NR filter_chain_not_found`, "KFT313", "Envoy log"},
		{`"GET / HTTP/1.1" 404 NR route_not_found`, "KFT604", "Envoy log"},
		{"validation.istio.io denied the request: configuration is invalid: server must have TLS settings for HTTPS/TLS protocols", "KFT312", ""},
		{"server cannot have TLS settings for plain text HTTP ports", "KFT312", ""},
		{`Referenced selector not found: "istio=ingressgateway"`, "KFT314", "istioctl analyze"},
		{"buildGatewayListeners: skipping privileged gateway port 443 for node pod.istio-system as it is an unprivileged pod", "KFT316", "istiod"},
		{"error: Service istio-ingressgateway does not have a service port 443", "KFT316", "kubectl port-forward"},
		{"HTTP/1.1 301 Moved Permanently\nlocation: https://localhost:8080/dex/auth", "KFT322", "Envoy"},
		{"upstream connect error or disconnect/reset before headers. reset reason: connection termination", "KFT605", "Envoy"},
		{"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure", "KFT605", "Envoy"},
		{"no healthy upstream", "KFT605", "Envoy"},
		{"gRPC config: initial fetch timed out for type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "KFT303", "Envoy log"},
		{"Gateway missing for route https.443.https.kubeflow-gateway.kubeflow. This is normal if gateway was recently deleted.", "KFT301 KFT302", "istiod"},
		{`Failed to fetch jwks_uri from "http://dex.auth.svc.cluster.local:5556/dex/keys": status 502`, "KFT711 KFT705", "istiod"},
		{`Failed to load from: failed calling webhook "rev.validation.istio.io": connection refused`, "KFT320", "kubectl"},
		{`Apply failed with 1 conflict: conflict with "kubectl-patch" using networking.istio.io/v1: .spec.servers`, "KFT302", "kubectl"},

		{"Unable to listen on port 8080: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:8080: bind: address already in use]", "KFT106", "kubectl port-forward"},
		{"error: unable to listen on any of the requested ports: [{8080 8443}]", "KFT106", "kubectl port-forward"},
		{"error: unable to forward port because pod is not running. Current status=Pending", "KFT315", "kubectl port-forward"},
		{`Error from server (NotFound): services "istio-ingressgateway" not found`, "KFT318", "kubectl"},
		{`pods "gw" is forbidden: User "u" cannot create resource "pods/portforward" in API group "" in the namespace "istio-system"`, "KFT204", "kubectl"},
		{"error: lost connection to pod", "KFT402", "kubectl port-forward"},
		{"E0101 portforward.go:406] an error occurred forwarding 8080 -> 8443: error forwarding port 8443", "KFT402", "kubectl port-forward"},
		{"error: timed out waiting for the condition", "KFT315 KFT402", "kubectl port-forward"},

		{`<a href="/dex/auth?client_id=kubeflow-oidc-authservice&amp;state=x">Found</a>.`, "KFT702 KFT801", "AuthService"},
		{"<title>Sign In</title>\n<button>Sign in with Dex</button>", "KFT702 KFT801", "oauth2-proxy"},
		{"HTTP/1.1 401 Unauthorized\ncontent-type: application/json\n\n{}", "KFT702", "oauth2-proxy"},
		{"kfp_server_api.exceptions.ApiException: (401)\nReason: Unauthorized\nHTTP response body: {}", "KFT702", "oauth2-proxy"},
		{"{}", "KFT702", "oauth2-proxy"},
		{"< HTTP/1.1 403 Forbidden\n< set-cookie: oauth2_proxy_kubeflow=; Path=/; Max-Age=0; HttpOnly\n< content-length: 5", "KFT801 KFT802", "oauth2-proxy"},
		{`<div id="login-error">Invalid Email Address and password.</div>`, "", "Dex"},
		{"Unregistered redirect_uri.", "KFT707", "Dex"},
		{`Unregistered redirect_uri ("/authservice/oidc/callback").`, "KFT707", "Dex"},
		{"Invalid client_id.", "KFT708", "Dex"},
		{`oauth2: "invalid_client" "Invalid client credentials."`, "KFT709", "oauth2-proxy"},
		{"Login Failed: Unable to find a valid CSRF token. Please try again.", "", "oauth2-proxy"},
		{"CSRF check failed. This may happen if you opened the login form in more than 1 tabs. Please try to login again.", "", "AuthService"},
		{"Requested resource does not exist.", "", "Dex"},
		{"Unsupported request method.", "", "Dex"},
		{"RBAC: access denied", "KFT601 KFT602 KFT110", "Envoy"},
		{"> GET / HTTP/1.1\n> Host: localhost:8443\n> Authorization: Basic YTpi\n>\n< HTTP/1.1 403 Forbidden\nRBAC: access denied", "KFT602 KFT110 KFT601", "Envoy"},
		{"curl -u a:b https://localhost:8443/\nRBAC: access denied", "KFT602 KFT110", "Envoy"},
		{"Jwt issuer is not configured", "KFT712 KFT710", "Envoy"},
		{"Jwt is expired", "KFT803", "Envoy"},
		{"Jwt verification fails", "KFT711", "Envoy"},
		{"Audiences in Jwt are not allowed", "KFT710", "Envoy"},
		{"Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections", "KFT602", "Envoy"},
		{"Jwks doesn't have key to match kid or alg from Jwt", "KFT803 KFT711", "Envoy"},
		{"Jwks remote fetch is failed", "KFT711", "Envoy"},
		{"HTTP/1.1 403 Forbidden\nserver: istio-envoy\ncontent-length: 0\n", "KFT703", "Envoy"},
		{"\"GET / HTTP/1.1\" 403 UAEX ext_authz_error", "KFT703", "Envoy log"},
		{"\"GET / HTTP/1.1\" 403 UAEX ext_authz_denied", "KFT702", "Envoy log"},
		{"Oops! Something went wrong. For more information contact your server administrator.", "KFT709", "oauth2-proxy"},
		{"Login Failed: The upstream identity provider returned an error: login_required", "", "oauth2-proxy"},
		{"HTTP/1.1 431 Request Header Fields Too Large", "KFT607", "Envoy"},
		{"WARNING: Multiple cookies are required for this session as it exceeds the 4kb cookie limit", "KFT607", "oauth2-proxy"},
		{"Could not find CSRF cookie XSRF-TOKEN in the request", "KFT301", "Kubeflow"},
		{"Could not detect CSRF protection header X-XSRF-Token", "", "Kubeflow"},
		{"PermissionDenied: User 'x' is not authorized with reason: (request: &ResourceAttributes{})", "KFT805 KFT905", "Kubeflow"},
		{"Request header error: there is no user identity header.", "KFT904", "Kubeflow"},
		{"Cannot GET /pipeline/apis/v2beta1/healthz", "KFT902", "Kubeflow"},
		{"Cannot POST /_/pipeline/apis/v1beta1/runs", "KFT111", "Kubeflow"},
		{"OIDC Setup is not complete yet.", "KFT705", "AuthService"},
		{"Login error. Please contact your administrator or try again later.", "", "Dex"},
		{"TimeoutError: Failed getting healthz endpoint after 5 attempts.", "KFT901", ""},
		{"RuntimeError: HTTP status code '403' for GET against: https://localhost:8443/", "KFT702", ""},
		{"json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "KFT903", "Python"},
	} {
		tt.check(t)
	}
}

// TestEchoes: a bare status counts only where nothing says more.
func TestEchoes(t *testing.T) {
	if got := Read([]byte("requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://localhost:8443/")); len(got.Meanings) != 1 {
		t.Errorf("%+v", got.Meanings)
	}
	got := Read([]byte("< HTTP/1.1 403 Forbidden\n< content-length: 19\n\nRBAC: access denied* Connection #0 to host localhost left intact"))
	if len(got.Meanings) != 1 || slices.Contains(got.Meanings[0].Codes, "KFT702") {
		t.Errorf("%+v", got.Meanings)
	}
}
