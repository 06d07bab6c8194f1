package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

func lookServicePort(_ context.Context, f *Facts) Result {
	service, why := f.ingress()
	if service == nil {
		return *why
	}
	port := int32(gateway.DefaultPort)
	if f.Objects.Door != nil {
		server, ok := f.Objects.httpsServer(f.Aim.Host)
		if !ok && !f.Aim.wantsHTTPS() {
			return skipped("there is no HTTPS server")
		}
		if ok {
			port = server.Number
		}
	}
	return f.lookPublished(service, published{port, 8443, "https", []Symptom{PortRefused, HandshakeCut, AnswersPlain, NoAnswer, AnswersTLS}})
}

// lookPlainServicePort is lookServicePort for plain HTTP, where that is asked for.
func lookPlainServicePort(_ context.Context, f *Facts) Result {
	service, why := f.ingress()
	switch {
	case service == nil:
		return *why
	case f.Aim.Expect != ExpectHTTP && (f.Aim.URL == nil || f.Aim.URL.Scheme != "http"):
		return skipped("plain HTTP was not asked for")
	}
	port := int32(80)
	if f.Objects.Door != nil {
		server, ok := f.Objects.Door.PlainServer(f.Aim.Host)
		if !ok {
			return skipped("there is no plain HTTP server for the name")
		}
		port = server.Number
	}
	result := f.lookPublished(service, published{port, 8080, "http2", []Symptom{PortRefused, AnswersTLS, NoAnswer, HandshakeCut}})
	if f.Aim.URL == nil {
		return result.as(itself(NoServer))
	}
	return result
}

// published is a port that the ingress Service has to publish, as Kubeflow's has
// it, and what is seen where it leads elsewhere.
type published struct {
	port, target int32
	name         string
	elsewhere    []Symptom
}

func (f *Facts) lookPublished(service *corev1.Service, p published) Result {
	name := "Service " + objectName(service)
	at := slices.IndexFunc(service.Spec.Ports, func(s corev1.ServicePort) bool { return s.Port == p.port })
	if at < 0 {
		if p.port >= 1024 {
			return passed("the pods serve the port by themselves, for the tunnel alone")
		}
		return found(fmt.Sprintf("%s does not publish port %d, so that the gateway pods do not listen for it", name, p.port),
			runs("publishes it; the gateway pods listen within a second", fmt.Sprintf(`kubectl -n %s patch service %s --type=json -p '[{"op":"add","path":"/spec/ports/-","value":{"name":%q,"port":%d,"targetPort":%d,"protocol":"TCP"}}]'`, service.Namespace, service.Name, p.name, p.port, p.target)),
			evidence(name, "spec.ports", portList(service)))
	}
	target := service.Spec.Ports[at].TargetPort
	if (p.port == gateway.DefaultPort || p.port == 80) && target.String() != itoa(int(p.target)) && f.sees(p.elsewhere...) {
		return found(fmt.Sprintf("%s maps port %d to %s, and the gateway's port for it is %d", name, p.port, target.String(), p.target),
			runs("leads to the gateway's port again", fmt.Sprintf(`kubectl -n %s patch service %s --type=json -p '[{"op":"replace","path":"/spec/ports/%d/targetPort","value":%d}]'`, service.Namespace, service.Name, at, p.target)),
			evidence(name, fmt.Sprintf("spec.ports[%d].targetPort", at), target.String())).as(probably)
	}
	return passed(fmt.Sprintf("port %d leads to %s", p.port, target.String()))
}

func portList(service *corev1.Service) string {
	var list []string
	for _, p := range service.Spec.Ports {
		list = append(list, fmt.Sprintf("%d→%s (%s)", p.Port, p.TargetPort.String(), p.Name))
	}
	return strings.Join(list, ", ")
}
