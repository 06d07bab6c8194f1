// Command controllers runs those controllers of kube-controller-manager which the
// testbed needs, as they are in k8s.io/kubernetes, and nothing else of it: no leader
// election, no serving port, no cloud.
//
// EndpointSlices are not here: the testbed's own node makes them, because it alone
// knows where the processes listen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

// Workers of each controller. kube-controller-manager's default is 5 for most of
// them; a testbed has a dozen objects of each kind.
const workers = 5

// The garbage collector looks for new resource types (CRDs) this often. It is
// kube-controller-manager's own period.
const garbageSyncPeriod = 30 * time.Second

// A loop runs one controller until ctx ends.
type loop func(ctx context.Context)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that tells how to reach the API server")
	klog.InitFlags(nil)
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "controllers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string) error {
	if kubeconfig == "" {
		return errors.New("--kubeconfig is needed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	// Deprecated API versions are watched on purpose, as kube-controller-manager does.
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make metadata client: %w", err)
	}

	shared := informers.NewSharedInformerFactory(client, 0)
	// Custom resources have no typed informers; the garbage collector watches them by
	// their metadata, as in kube-controller-manager.
	untyped := metadatainformer.NewSharedInformerFactory(objects, 0)
	started := make(chan struct{})
	loops, err := controllers(ctx, client, objects, shared)
	if err != nil {
		return err
	}
	garbage, err := garbageLoops(ctx, client, objects, informerfactory.NewInformerFactory(shared, untyped), started)
	if err != nil {
		return err
	}

	var running sync.WaitGroup
	for _, l := range append(loops, garbage...) {
		running.Go(func() { l(ctx) })
	}
	shared.Start(ctx.Done())
	untyped.Start(ctx.Done())
	close(started)
	running.Wait()
	return nil
}

func controllers(ctx context.Context, client kubernetes.Interface, objects metadata.Interface, shared informers.SharedInformerFactory) ([]loop, error) {
	apps, core := shared.Apps().V1(), shared.Core().V1()
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	if err != nil {
		return nil, fmt.Errorf("make deployment controller: %w", err)
	}
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(), client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return nil, fmt.Errorf("make serviceaccount controller: %w", err)
	}
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas)
	stateful := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), client)
	namespaces := namespace.NewNamespaceController(ctx, client, objects, client.Discovery().ServerPreferredNamespacedResources, core.Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes)
	roles := clusterroleaggregation.NewClusterRoleAggregation(shared.Rbac().V1().ClusterRoles(), client.RbacV1())
	return []loop{
		func(ctx context.Context) { deployments.Run(ctx, workers) },
		func(ctx context.Context) { replicas.Run(ctx, workers) },
		func(ctx context.Context) { stateful.Run(ctx, workers) },
		func(ctx context.Context) { accounts.Run(ctx, 1) },
		func(ctx context.Context) { namespaces.Run(ctx, workers) },
		func(ctx context.Context) { roles.Run(ctx, 1) },
	}, nil
}

// garbageLoops runs the collector and, beside it, what teaches it new resource types.
func garbageLoops(ctx context.Context, client kubernetes.Interface, objects metadata.Interface, shared informerfactory.InformerFactory, started <-chan struct{}) ([]loop, error) {
	// The collector resets the mapper, and its cache with it, when it meets a new
	// type. It must not share that cache (garbagecollector.Sync), so it gets the
	// plain discovery client.
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	collector, err := garbagecollector.NewGarbageCollector(ctx, client, objects, mapper, garbagecollector.DefaultIgnoredResources(), shared, started)
	if err != nil {
		return nil, fmt.Errorf("make garbage collector: %w", err)
	}
	return []loop{
		func(ctx context.Context) { collector.Run(ctx, workers, garbageSyncPeriod) },
		func(ctx context.Context) { collector.Sync(ctx, client.Discovery(), garbageSyncPeriod) },
	}, nil
}
