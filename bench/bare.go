package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

// bareWay is the least that can be done: two writes over an open connection,
// with a certificate made before, and a direct look at every replica.
type bareWay struct {
	bed  *testbed
	leaf *ca.Leaf
	root *x509.CertPool
}

// probePause is the time between two looks: well below what is measured.
const probePause = 5 * time.Millisecond

// probeLimit bounds a wait for the front door.
const probeLimit = 30 * time.Second

var gateways = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1beta1", Resource: "gateways"}

func (b *bareWay) prepare(ctx context.Context) error {
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: time.Now()})
	if err != nil {
		return err
	}
	b.root = x509.NewCertPool()
	b.root.AddCert(authority.Certificate)
	if b.leaf, err = authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: time.Now()}); err != nil {
		return err
	}
	// The first request would pay for the connection.
	_, err = b.bed.cluster.Core.Secrets("istio-system").List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

func (b *bareWay) do(ctx context.Context) error {
	key, err := b.leaf.KeyPEM()
	if err != nil {
		return err
	}
	_, err = b.bed.cluster.Core.Secrets("istio-system").Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: b.leaf.ChainPEM(), corev1.TLSPrivateKeyKey: key},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := b.patch(ctx, `[{"op":"add","path":"/spec/servers/-","value":{"port":{"number":443,"name":"https","protocol":"HTTPS"},`+
		`"hosts":["*"],"tls":{"mode":"SIMPLE","credentialName":"bare"}}}]`); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, address := range b.bed.gateways {
		group.Go(func() error { return b.untilServed(ctx, address) })
	}
	return group.Wait()
}

func (b *bareWay) patch(ctx context.Context, patch string) error {
	_, err := b.bed.cluster.Dynamic.Resource(gateways).Namespace("kubeflow").
		Patch(ctx, "kubeflow-gateway", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// untilServed dials until the very leaf is served and accepted.
func (b *bareWay) untilServed(ctx context.Context, address string) error {
	dialer := tls.Dialer{Config: &tls.Config{ServerName: "localhost", RootCAs: b.root, MinVersion: tls.VersionTLS12}}
	var last error
	for {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, "8443"))
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve the certificate: %w", address, last)
		case <-time.After(probePause):
		}
	}
}

func (b *bareWay) undo(ctx context.Context) error {
	if err := b.patch(ctx, `[{"op":"remove","path":"/spec/servers/1"}]`); err != nil {
		return err
	}
	return b.bed.cluster.Core.Secrets("istio-system").Delete(ctx, "bare", metav1.DeleteOptions{})
}
