//go:build e2e && linux

package e2e

import (
	"context"
	"strings"
)

// inferenceServices is KServe's kind, without the rules for its fields, and MODEL of
// it, with the status that KServe writes.
const inferenceServices = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: inferenceservices.serving.kserve.io}
spec:
  group: serving.kserve.io
  names: {kind: InferenceService, listKind: InferenceServiceList, plural: inferenceservices, singular: inferenceservice, shortNames: [isvc]}
  scope: Namespaced
  versions:
  - {name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

const inferenceService = `
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: MODEL, namespace: kubeflow-user-example-com}
spec: {predictor: {model: {modelFormat: {name: sklearn}, storageUri: "gs://kfserving-examples/models/sklearn/1.0/model"}}}
status:
  url: http://MODEL.kubeflow-user-example-com.example.com
  conditions: [{type: Ready, status: "True"}]
`

// modelRoute is as KServe makes it (createIngress in its ingress_reconciler.go), but
// that it leads to the stand-in for the pipelines, in place of Knative's gateway, and
// has its health for the model's answer.
const modelRoute = `
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: MODEL
  namespace: kubeflow-user-example-com
  ownerReferences: [{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: MODEL, uid: UID, controller: true, blockOwnerDeletion: true}]
spec:
  gateways: [knative-serving/knative-local-gateway, mesh, kubeflow/kubeflow-gateway]
  hosts: [MODEL.kubeflow-user-example-com.svc.cluster.local, MODEL.kubeflow-user-example-com.example.com]
  http:
  - match:
    - {authority: {regex: '^(?i)MODEL\.kubeflow-user-example-com(\.svc(\.cluster\.local)?)?(?::\d{1,5})?$'}, gateways: [knative-serving/knative-local-gateway, mesh]}
    - {authority: {regex: '^(?i)MODEL\.kubeflow-user-example-com\.example\.com(?::\d{1,5})?$'}, gateways: [kubeflow/kubeflow-gateway]}
    rewrite: {uriRegexRewrite: {match: '^.*$', rewrite: /apis/v2beta1/healthz}}
    route: [{destination: {host: ml-pipeline.kubeflow.svc.cluster.local, port: {number: 8888}}}]
`

// serveModel makes an InferenceService and what KServe makes of it.
func (s *scene) serveModel(ctx context.Context, name string) {
	s.t.Helper()
	s.apply(ctx, inferenceServices)
	s.run(ctx, "kubectl wait --for condition=established --timeout 20s crd/inferenceservices.serving.kserve.io")
	s.apply(ctx, strings.ReplaceAll(inferenceService, "MODEL", name))
	uid := s.run(ctx, "kubectl -n kubeflow-user-example-com get inferenceservices.serving.kserve.io "+name+" -o jsonpath={.metadata.uid}")
	s.apply(ctx, strings.NewReplacer("MODEL", name, "UID", uid).Replace(modelRoute))
}
