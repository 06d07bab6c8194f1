package diagnose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// What is read of a program's logs, and only where a symptom asks for it: of the
// last minutes and lines the last bytes, those of all its pods together. The
// API's own limitBytes ends a log, and so cuts off what is newest
// (https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#podlogoptions-v1-core).
const (
	logSeconds = int64(15 * 60)
	logLines   = int64(1000)
	logBytes   = 256 << 10
)

// istiodLog reads what the log of istiod says of known causes. Of its lines only
// the words that were recognised are kept.
func istiodLog(ctx context.Context, c *cluster.Cluster, o *Objects) Known[[]pasted.Meaning] {
	istiods := slices.DeleteFunc(slices.Clone(o.Pods.Value), func(pod corev1.Pod) bool { return pod.Labels["app"] != "istiod" })
	return logOf(ctx, c, istiods)
}

// logOf reads the logs of the ready pods: a request that failed is told of by the
// one that it came to.
func logOf(ctx context.Context, c *cluster.Cluster, pods []corev1.Pod) Known[[]pasted.Meaning] {
	ready := slices.DeleteFunc(slices.Clone(pods), func(pod corev1.Pod) bool { return !portforward.IsReady(&pod) })
	if len(ready) == 0 {
		return Known[[]pasted.Meaning]{Err: errNotAsked}
	}
	seconds, lines := logSeconds, logLines/int64(len(ready))
	texts, errs := make([][]byte, len(ready)), make([]error, len(ready))
	var reading sync.WaitGroup
	for i := range ready {
		pod := &ready[i]
		reading.Go(func() {
			log, err := c.Core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{SinceSeconds: &seconds, TailLines: &lines}).Stream(ctx)
			if err == nil {
				texts[i], err = lastOf(log, logBytes/len(ready))
				_ = log.Close()
			}
			if err != nil {
				errs[i] = cluster.Explain(err, "read the log of Pod %s", objectName(pod))
			}
		})
	}
	reading.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return Known[[]pasted.Meaning]{Err: errs[i]}
	}
	return Known[[]pasted.Meaning]{Value: pasted.Read(bytes.Join(texts, []byte("\n"))).Meanings}
}

// lastOf reads to the end and keeps the last bytes.
func lastOf(log io.Reader, most int) ([]byte, error) {
	var kept []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := log.Read(chunk)
		kept = append(kept, chunk[:n]...)
		if err != nil || len(kept) > 2*most {
			kept = slices.Delete(kept, 0, max(0, len(kept)-most))
		}
		if errors.Is(err, io.EOF) {
			return kept, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// logSays is what istiod's log says of a finding, nil for nothing.
func (f *Facts) logSays(code string) *pasted.Meaning {
	for i := range f.Log.Value {
		m := &f.Log.Value[i]
		if len(m.Codes) > 0 && m.Codes[0] == code {
			return m
		}
	}
	return nil
}

// logEvidence are the lines that speak of the causes of a symptom.
func (f *Facts) logEvidence() []Evidence {
	var list []Evidence
	for _, m := range f.Log.Value {
		list = append(list, evidence("the log of istiod", "", fmt.Sprintf("%s (%s)", m.Quote, m.Says)))
	}
	return slices.Clip(list)
}

// seenHereAlone tells that a port of this computer is all that was looked at: what
// istiod said in the last minutes need not be why that one fails.
func (f *Facts) seenHereAlone() bool {
	own := f.own()
	return own != nil && endpoint.IsLoopback(own.Origin.Hostname()) && f.tlsTunnels() == 0
}

// byLog finds by istiod's own words what could not be read: a text decides
// nothing, so that the finding is likely.
func (f *Facts) byLog(c *Check, r Result) Result {
	m := f.logSays(c.Code)
	if r.Status != Unknown || m == nil || f.seenHereAlone() {
		return r
	}
	return found("istiod says so, and what decides may not be read: "+m.Says, byAdmin("an admin sees more with the same command", f.program()+" diagnose"+f.flags()),
		evidence("the log of istiod", "", m.Quote), evidence("what decides", "", r.Detail)).as(probably)
}
