package diagnose

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// lookHTTPSPort looks where the Service's HTTPS port leads. A port of the pods other
// than 8443 harms nobody, since istiod follows, save one that plain HTTP has.
func lookHTTPSPort(ctx context.Context, f *Facts) Result {
	service, _ := f.ingress()
	if service == nil || !f.blind() {
		return lookServicePort(ctx, f)
	}
	at := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == gateway.DefaultPort })
	if at < 0 || len(f.Objects.httpsServers()) == 0 {
		return lookServicePort(ctx, f)
	}
	target := service.Spec.Ports[at].TargetPort
	for _, p := range service.Spec.Ports {
		if p.Port == gateway.DefaultPort || p.TargetPort != target || !f.Objects.hasPlainServer(p.Port) {
			continue
		}
		name := "Service " + objectName(service)
		return found(fmt.Sprintf("%s maps port %d to %s, where port %d's plain HTTP is spoken", name, gateway.DefaultPort, target.String(), p.Port),
			runs("leads to the HTTPS port again", fmt.Sprintf(`kubectl -n %s patch service %s --type=json -p '[{"op":"replace","path":"/spec/ports/%d/targetPort","value":8443}]'`, service.Namespace, service.Name, at)),
			evidence(name, fmt.Sprintf("spec.ports[%d].targetPort", at), target.String())).as(breaks(AnswersPlain, overTLS))
	}
	return lookServicePort(ctx, f)
}

// hasPlainServer tells that a server of these pods speaks plain HTTP on a port.
func (o *Objects) hasPlainServer(port int32) bool {
	return o.Door != nil && slices.ContainsFunc(o.Door.Gateways(), func(object *unstructured.Unstructured) bool {
		return slices.ContainsFunc(gateway.Servers(object), func(s gateway.Server) bool { return s.Number == port && s.IsHTTP() })
	})
}
