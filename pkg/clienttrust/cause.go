package clienttrust

// Cause is why a client refuses a chain.
type Cause string

// The causes. They are values for -o json, too, so they do not change.
const (
	// Accepted is no cause at all.
	Accepted Cause = ""
	// UnknownIssuer is a chain that ends below a CA that is neither served nor
	// trusted.
	UnknownIssuer Cause = "UnknownIssuer"
	// SelfSignedInChain is a served CA that is not trusted.
	SelfSignedInChain Cause = "SelfSignedInChain"
	// SelfSigned is a leaf that signed itself and is not trusted.
	SelfSigned Cause = "SelfSigned"
	// BadSignature is a trusted CA of the right name with another key.
	BadSignature Cause = "BadSignature"
	// BadCA is an issuer that may not be one.
	BadCA Cause = "BadCA"
	// MissingExtension is a certificate without what a strict client asks for.
	MissingExtension Cause = "MissingExtension"
	// Expired is a certificate of the chain that has ended.
	Expired Cause = "Expired"
	// NotYetValid is one that has not begun, or a clock that is behind.
	NotYetValid Cause = "NotYetValid"
	// WrongName is a leaf for other names.
	WrongName Cause = "WrongName"
	// NoAddress is an address that was dialled and a leaf that has none.
	NoAddress Cause = "NoAddress"
	// NoSAN is a leaf with a name in its subject alone, or none.
	NoSAN Cause = "NoSAN"
	// WrongUsage is a leaf that is not for servers.
	WrongUsage Cause = "WrongUsage"
	// CAAsServer is a CA's certificate that a server shows as its own.
	CAAsServer Cause = "CAAsServer"
	// OutsideConstraints is a name of the leaf that a CA does not permit.
	OutsideConstraints Cause = "OutsideConstraints"
	// Excluded is a name of the leaf that a CA excludes.
	Excluded Cause = "Excluded"
	// AddressConstraint is what BoringSSL refuses: a leaf with an address below
	// a CA that constrains addresses.
	AddressConstraint Cause = "AddressConstraint"
	// UnreadableRoots is a client that was told to take roots that it cannot
	// read. It then refuses everything.
	UnreadableRoots Cause = "UnreadableRoots"
)

// why are the causes in our words.
func why(t *trial, cause Cause) string {
	switch cause {
	case Accepted:
		return ""
	case UnknownIssuer:
		return "it does not trust the CA that signed the certificate"
	case SelfSignedInChain:
		return "it does not trust the CA that the server sends along"
	case SelfSigned:
		return "the certificate signed itself, and it does not trust it"
	case BadSignature:
		return "the CA that it trusts has the same name, but another key"
	case BadCA:
		return "what signed the certificate is no CA"
	case MissingExtension:
		return "a certificate of the chain lacks a key identifier, which this client asks for"
	case Expired:
		return "a certificate of the chain has ended"
	case NotYetValid:
		return "a certificate of the chain is not yet valid, or this computer's clock is behind"
	case WrongName:
		return "the certificate is not for " + t.host
	case NoAddress:
		return "the certificate holds no IP address, and " + t.host + " is one"
	case NoSAN:
		return "the certificate has no subject alternative names, and this client reads no other"
	case WrongUsage:
		return "the certificate is not for servers (extended key usage)"
	case CAAsServer:
		return "the server shows a CA's certificate as its own"
	case OutsideConstraints:
		return "its CA does not permit a name of the certificate (name constraints)"
	case Excluded:
		return "its CA excludes a name of the certificate (name constraints)"
	case AddressConstraint:
		return "its CA constrains IP addresses and the certificate holds one, which this client never accepts"
	case UnreadableRoots:
		return "it was told to take roots that it cannot read: " + t.client.RootsFrom
	}
	return string(cause)
}

// byTrust tells of causes that trusting the CA mends.
func (c Cause) byTrust() bool {
	switch c {
	case UnknownIssuer, SelfSignedInChain, SelfSigned, BadSignature, UnreadableRoots:
		return true
	}
	return false
}
