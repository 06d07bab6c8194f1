package diagnose

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// managerOf names the program that keeps writing an object, "" for none: an edit
// in the cluster would not last.
func managerOf(object metav1.Object) string { return gateway.ManagerOf(object) }
