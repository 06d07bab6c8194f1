//go:build linux

package supervisor

import (
	"context"
	"net/url"
)

func (s *Supervisor) reset(ctx context.Context, p url.Values) error { return nil }
