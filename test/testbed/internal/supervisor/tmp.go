//go:build linux

package supervisor

import (
	"context"
	"net/url"
)

func (s *Supervisor) inSync(ctx context.Context) error                 { return nil }
func (s *Supervisor) reset(ctx context.Context, p url.Values) error    { return nil }
