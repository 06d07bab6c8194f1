package ca

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// The limits of RFC 1035, section 2.3.4, for a name written with dots.
const (
	maxNameLength  = 253
	maxLabelLength = 63
)

// unicodeNames maps as browsers do before they look a name up (letter case,
// width, the ideographic full stop) and refuses what IDNA 2008 refuses. Length
// and characters of the result are checked here, for messages that say which.
var unicodeNames = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckJoiners(true),
	idna.CheckHyphens(true),
	idna.ValidateLabels(true),
	idna.StrictDomainName(false),
)

// ParseNames reads names as a user types them: DNS names, wildcards (*.x),
// international names (stored as xn--…), IPv4 and IPv6 addresses, the latter
// also in brackets. The order is kept, duplicates are dropped. Its error lists
// every value that was refused, each with the reason.
func ParseNames(in []string) (Names, error) {
	var names Names
	var refused []string
	for _, value := range in {
		dns, ip, err := parseName(strings.TrimSpace(value))
		switch {
		case err != nil:
			refused = append(refused, fmt.Sprintf("%q %v", value, err))
		case ip.IsValid():
			names = names.withIP(ip)
		default:
			names = names.withDNS(dns)
		}
	}
	if len(refused) > 0 {
		return Names{}, fault.New(fault.Certificate,
			"give host names such as kubeflow.example.com or *.example.com, or IP addresses",
			"a certificate cannot be made for this name: %s", strings.Join(refused, "; "))
	}
	return names, nil
}

// parseName returns either a DNS name or a valid address. Its errors continue
// a sentence that begins with the value.
func parseName(value string) (string, netip.Addr, error) {
	if err := refuseOtherKinds(value); err != nil {
		return "", netip.Addr{}, err
	}
	if addr, ok := parseAddress(value); ok {
		addr, err := checkAddress(addr)
		return "", addr, err
	}
	if strings.ContainsAny(value, "[]:") {
		return "", netip.Addr{}, colonReason(value)
	}
	base, wildcard := strings.CutPrefix(value, "*.")
	name, err := parseDNS(base)
	if err != nil {
		return "", netip.Addr{}, err
	}
	if !wildcard {
		return name, netip.Addr{}, nil
	}
	if !strings.Contains(name, ".") {
		// OpenSSL and GnuTLS match no wildcard directly below a top-level name.
		return "", netip.Addr{}, errors.New("is a wildcard directly below a top-level name, which clients refuse")
	}
	if len(name)+2 > maxNameLength {
		return "", netip.Addr{}, tooLong(len(name) + 2)
	}
	return "*." + name, netip.Addr{}, nil
}

// refuseOtherKinds recognises what people paste in place of a name.
func refuseOtherKinds(value string) error {
	switch {
	case value == "":
		return errors.New("is empty")
	case len(value) > 4*maxNameLength: // even in Unicode no name of that length has a short form
		return tooLong(len(value))
	case !utf8.ValidString(value):
		return errors.New("is not valid UTF-8")
	case strings.Contains(value, "://"):
		return errors.New("is a URL, not a name: leave out the scheme, port and path")
	case isNetwork(value):
		return errors.New("is a range of addresses: a certificate holds single addresses")
	case strings.Contains(value, "@"):
		return errors.New("holds an @: e-mail addresses and user names do not belong here")
	case strings.ContainsAny(value, `/\?#`):
		return errors.New("holds a path: leave out everything after the name")
	case strings.ContainsAny(value, " \t\r\n,;"):
		return errors.New("holds a space, comma or semicolon: give each name by itself")
	case value == "*" || value == "*.":
		return errors.New("stands for every name, which no client accepts")
	}
	return nil
}

func isNetwork(value string) bool {
	_, err := netip.ParsePrefix(value)
	return err == nil
}

// parseAddress reads an IP address, IPv6 also in brackets.
func parseAddress(value string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(value, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return addr, ok && err == nil && addr.Is6()
	}
	addr, err := netip.ParseAddr(value)
	return addr, err == nil
}

func checkAddress(addr netip.Addr) (netip.Addr, error) {
	switch {
	case addr.Zone() != "":
		return netip.Addr{}, fmt.Errorf("has the zone %q, which a certificate cannot hold", addr.Zone())
	case addr.Unmap().IsUnspecified():
		return netip.Addr{}, errors.New("is the unspecified address, which nobody can dial")
	case addr.Unmap().IsMulticast():
		return netip.Addr{}, errors.New("is a multicast address, which cannot be dialled over TCP")
	}
	return addr.Unmap(), nil
}

// colonReason tells a name with a port from a broken address.
func colonReason(value string) error {
	if _, err := netip.ParseAddrPort(value); err == nil {
		return errors.New("has a port: a certificate holds names without ports")
	}
	host, port, found := strings.Cut(value, ":")
	if found && host != "" && port != "" && strings.Trim(port, "0123456789") == "" {
		return errors.New("has a port: a certificate holds names without ports")
	}
	return errors.New("is neither a host name nor an IPv6 address")
}

// parseDNS returns a host name in lower-case A-labels.
func parseDNS(value string) (string, error) {
	name, err := toASCII(value)
	if err != nil {
		return "", err
	}
	if trimmed, ok := strings.CutSuffix(name, "."); ok && trimmed != "" {
		return "", fmt.Errorf("ends in a dot: write %s", trimmed)
	}
	if len(name) > maxNameLength {
		return "", tooLong(len(name))
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	// As in https://url.spec.whatwg.org/#ends-in-a-number-checker: browsers
	// take such a host for an IPv4 address and fail on it.
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", errors.New("ends in a number like an IPv4 address, but is none")
	}
	return name, nil
}

// toASCII lowers and maps a name. Names that are plain ASCII keep their
// hyphens (IDNA refuses "ab--cd", DNS does not); A-labels are checked.
func toASCII(value string) (string, error) {
	lower := strings.ToLower(value)
	if isASCII(lower) && !strings.Contains(lower, "xn--") {
		return lower, nil
	}
	name, err := unicodeNames.ToASCII(value)
	if err != nil {
		return "", fmt.Errorf("is not a valid international name (%s)", strings.TrimPrefix(err.Error(), "idna: "))
	}
	return name, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("has an empty label: two dots in a row, or a dot at its start")
	case len(label) > maxLabelLength:
		return fmt.Errorf("has a label of %d characters, at most %d are allowed", len(label), maxLabelLength)
	case strings.Contains(label, "*"):
		return errors.New("has a * that is not the whole leftmost label")
	case strings.Contains(label, "_"):
		return errors.New("has an underscore, which host names may not have and clients refuse")
	case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
		return errors.New("has a label that begins or ends with a hyphen")
	}
	for _, r := range label {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) {
			return fmt.Errorf("holds %q, which a host name may not have", r)
		}
	}
	return nil
}

func tooLong(length int) error {
	return fmt.Errorf("is %d characters long, at most %d are allowed", length, maxNameLength)
}
