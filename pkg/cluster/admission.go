package cluster

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// What keeps a change out of a cluster has no reason or code of its own in the
// answer: a webhook that does not answer is a 500, one that says no takes the
// code it likes, a quota is a 403 as a missing right is, and a policy a 422. The
// texts are the API server's:
// https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/admission/plugin/webhook/errors/statuserror.go
// https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/util/webhook/error.go
// https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/admission/plugin/resourcequota/controller.go
// https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/admission/plugin/policy/validating/dispatcher.go
var (
	webhookSaidNo   = regexp.MustCompile(`admission webhook "([^"]+)" denied the request`)
	webhookIsSilent = regexp.MustCompile(`failed calling webhook "([^"]+)"`)
	quotaIsUsedUp   = regexp.MustCompile(`(?:exceeded quota|status unknown for quota): ([^, ]+)`)
	policySaidNo    = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)'`)
)

// admissionHint is what to do about a webhook, a policy or a quota that keeps a
// change out; "" where it was none of these.
func admissionHint(err error) string {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return ""
	}
	text := answer.Status().Message
	if found := webhookIsSilent.FindStringSubmatch(text); found != nil {
		return fmt.Sprintf("the webhook must answer first (%s); then run the command again", owner(found[1]))
	}
	if found := webhookSaidNo.FindStringSubmatch(text); found != nil {
		return fmt.Sprintf("it is a rule of this cluster; ask who keeps the webhook (%s)", owner(found[1]))
	}
	if found := quotaIsUsedUp.FindStringSubmatch(text); found != nil {
		return "make room in the quota, or let an admin widen it; see it: kubectl get resourcequota -A --field-selector metadata.name=" + found[1]
	}
	if found := policySaidNo.FindStringSubmatch(text); found != nil {
		return "it is a rule of this cluster; ask who keeps it; see it: kubectl get validatingadmissionpolicy " + found[1] + " -o yaml"
	}
	return ""
}

// owner is the command that tells who answers for a webhook.
func owner(webhook string) string {
	if strings.HasSuffix(webhook, ".istio.io") { // istiod's own, which looks at every change of a Gateway
		return "it is istiod's: kubectl get pods -A -l app=istiod"
	}
	return "whose it is: " + ListWebhooks
}

// ListWebhooks is the command that lists all webhooks with who answers for them.
const ListWebhooks = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations " +
	"-o custom-columns='NAME:.metadata.name,WEBHOOKS:.webhooks[*].name,NAMESPACE:.webhooks[*].clientConfig.service.namespace'"
