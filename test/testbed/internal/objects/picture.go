package objects

import "context"

// Baseline is how the cluster's objects were at a moment.
type Baseline struct{}

// Picture x
func (s Store) Picture(ctx context.Context) (Baseline, error) { return Baseline{}, nil }
