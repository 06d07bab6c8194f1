// Package testutil builds what tests of a Kubeflow's front door need: objects,
// an API server that keeps them in memory, and gateway pods that serve what it
// holds. All of it talks over pipes in memory, so that it runs in the bubble of
// testing/synctest, where a wait takes no time.
//
// The API server knows what the packages under test rely on, and no more; the
// stories in test/e2e ask a real one.
package testutil
