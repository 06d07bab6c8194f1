package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// handWay is what people paste, scripted as tightly as it can be.
type handWay struct {
	bed *testbed
	dir string
}

// handScript makes CA, request and leaf, stores the Secret, adds the server
// and asks every replica until it answers a client that trusts the CA alone.
// ADDRESSES are the replicas'.
const handScript = `
set -eu
cd "$DIR"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt \
  -days 3650 -subj "/CN=Kubeflow CA" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls.key -out tls.csr \
  -subj "/CN=localhost" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > tls.ext
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 397 -extfile tls.ext -out tls.crt 2>/dev/null
kubectl -n istio-system create secret tls by-hand --cert tls.crt --key tls.key >/dev/null
kubectl apply -f - >/dev/null 2>&1 <<'GATEWAY'
apiVersion: networking.istio.io/v1beta1
kind: Gateway
metadata: {name: kubeflow-gateway, namespace: kubeflow}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: by-hand}}
GATEWAY
for address in $ADDRESSES; do
  until curl -s -o /dev/null --max-time 5 --cacert ca.crt --resolve "localhost:8443:$address" https://localhost:8443/; do :; done
done
`

func (h *handWay) prepare(context.Context) (err error) {
	h.dir, err = os.MkdirTemp(h.bed.dir, "by-hand-")
	return err
}

func (h *handWay) do(ctx context.Context) error {
	return h.bed.shell(ctx, handScript, "DIR="+filepath.Clean(h.dir), "ADDRESSES="+strings.Join(h.bed.gateways, " "))
}

const handUndo = `
set -eu
kubectl -n kubeflow patch gateways.networking.istio.io kubeflow-gateway --type json \
  -p '[{"op":"remove","path":"/spec/servers/1"},{"op":"remove","path":"/metadata/annotations"}]' >/dev/null
kubectl -n istio-system delete secret by-hand >/dev/null
`

func (h *handWay) undo(ctx context.Context) error { return h.bed.shell(ctx, handUndo) }
