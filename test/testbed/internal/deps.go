//go:build tools

package internal

import (
	_ "github.com/spf13/cobra"
	_ "golang.org/x/sys/unix"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/apimachinery/pkg/apis/meta/v1"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/dynamic"
	_ "k8s.io/client-go/tools/cache"
	_ "k8s.io/client-go/tools/portforward"
	_ "k8s.io/cri-streaming/pkg/streaming"
	_ "k8s.io/streaming/pkg/httpstream"
	_ "sigs.k8s.io/yaml"
	_ "go.uber.org/goleak"
)
