package diagnose

// Symptom is how a failure shows itself on the road, in words for people.
// Symptoms are stable: reports hold them.
type Symptom string

// The symptoms, in the order of the road.
const (
	NoKubeconfig   Symptom = "no cluster is named"
	NoAPIServer    Symptom = "the API server does not answer"
	APIRefuses     Symptom = "the API server does not take the credentials"
	NoFrontDoor    Symptom = "no front door of a Kubeflow is found"
	NoTunnel       Symptom = "no tunnel to the gateway pods"
	NoGatewayPod   Symptom = "no gateway pod to ask"
	ProxyInTheWay  Symptom = "a proxy takes the request"
	NameUnknown    Symptom = "the name does not resolve"
	RefusedHere    Symptom = "nothing listens at the address"
	NoAnswer       Symptom = "no answer within the limit"
	PortRefused    Symptom = "nothing listens on the gateway pod's port"
	NoServer       Symptom = "the Gateway has no server for it"
	HandshakeCut   Symptom = "the connection is closed during the TLS handshake"
	AnswersPlain   Symptom = "plain HTTP is spoken where TLS is expected"
	AnswersTLS     Symptom = "TLS is spoken where plain HTTP is expected"
	WantsClient    Symptom = "a client certificate is wanted"
	NoCommonTLS    Symptom = "no common TLS version or cipher"
	Untrusted      Symptom = "the certificate's issuer is not trusted"
	Expired        Symptom = "the certificate has expired"
	NotYetValid    Symptom = "the certificate is not valid yet"
	WrongName      Symptom = "the certificate is for another name"
	BadCertificate Symptom = "the certificate cannot be used"
	PodsDiffer     Symptom = "gateway pods serve different certificates"
	Denied         Symptom = "403 RBAC: access denied"
	NoAuthorizer   Symptom = "403 with an empty body"
	BadToken       Symptom = "401 Jwt …" //nolint:gosec // G101: words
	NoRoute        Symptom = "404 by the gateway"
	UpstreamDown   Symptom = "503 by the gateway"
	TooLarge       Symptom = "headers are too large"
	Loop           Symptom = "redirects go in a circle"
	ToHTTPS        Symptom = "plain HTTP is redirected to https"
	StandsOpen     Symptom = "Kubeflow answers without a login"
	OtherAnswer    Symptom = "the answer is not Kubeflow's"
	NotLoggedIn    Symptom = "a login is wanted"
	LoginDenied    Symptom = "the gateway denies the login's own pages"
	LoginDown      Symptom = "the auth proxy does not answer"
	DexDown        Symptom = "Dex does not answer"
	DexRefuses     Symptom = "Dex refuses the auth proxy's request"
	LoginBreaks    Symptom = "the login breaks off"
	SessionRefused Symptom = "the session is not accepted"
	SessionDenied  Symptom = "the session's user is denied"
	DashboardDown  Symptom = "the dashboard does not answer"
	DashboardOther Symptom = "the dashboard's address answers something else"
	PipelinesDown  Symptom = "the pipelines API does not answer"
	PipelinesOther Symptom = "the pipelines API answers something else"
	ModelMissed    Symptom = "the request does not reach the model"
	Misconfigured  Symptom = "a client on this computer is set up wrongly"
)

// Hop is a station of the road, as its picture shows it.
type Hop string

// The hops, in the order of the road.
const (
	HopYou       Hop = "you"
	HopRoad      Hop = "road" // shown as port-forward, tunnel or network
	HopGateway   Hop = "gateway"
	HopTLS       Hop = "TLS"
	HopAuth      Hop = "auth"
	HopDex       Hop = "Dex"
	HopPipelines Hop = "pipelines"
)

// Hops are the stations, from the user to the pipelines.
func Hops() []Hop {
	return []Hop{HopYou, HopRoad, HopGateway, HopTLS, HopAuth, HopDex, HopPipelines}
}

// Hop is where on the road a symptom shows itself.
func (s Symptom) Hop() Hop {
	switch s {
	case NoKubeconfig, ProxyInTheWay, NameUnknown, Misconfigured:
		return HopYou
	case NoAPIServer, APIRefuses, NoFrontDoor, NoTunnel, RefusedHere, NoAnswer:
		return HopRoad
	case NoGatewayPod, PortRefused, NoServer:
		return HopGateway
	case HandshakeCut, AnswersPlain, AnswersTLS, WantsClient, NoCommonTLS, Untrusted, Expired, NotYetValid, WrongName, BadCertificate, PodsDiffer:
		return HopTLS
	case DexDown, DexRefuses:
		return HopDex
	case PipelinesDown, PipelinesOther, ModelMissed:
		return HopPipelines
	}
	return HopAuth
}

func (h Hop) rank() int {
	for i, hop := range Hops() {
		if h == hop {
			return i
		}
	}
	return len(Hops())
}

// Sighting is a symptom that was observed.
type Sighting struct {
	Symptom Symptom `json:"symptom"`
	// Via names the road on which it was observed.
	Via string `json:"via"`
	// Text is what the other side or the network said.
	Text string `json:"text"`
	// Failure tells that it is in the way of what the user wants; else it is how
	// things are, as a login that is wanted.
	Failure bool `json:"failure"`

	// own tells that it was seen on the user's own road.
	own bool
	// plain tells that the road ends in the plain HTTP server.
	plain bool
}
