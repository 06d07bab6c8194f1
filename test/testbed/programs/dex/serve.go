package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	gosundheit "github.com/AppsFlyer/go-sundheit"
	"github.com/AppsFlyer/go-sundheit/checks"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"github.com/prometheus/client_golang/prometheus"
)

// shutdownGrace is how long answers in flight may take after SIGTERM.
const shutdownGrace = time.Second

// serve answers on web.http until ctx ends.
func serve(ctx context.Context, c *config, logger *slog.Logger) error {
	settings, err := serverConfig(c, logger)
	if err != nil {
		return fmt.Errorf("configure Dex: %w", err)
	}
	// Key rotation and garbage collection live as long as this context.
	handler, err := server.NewServer(ctx, settings)
	if err != nil {
		return fmt.Errorf("start Dex: %w", err)
	}
	listener, err := net.Listen("tcp", c.Web.HTTP)
	if err != nil {
		return fmt.Errorf("listen on web.http: %w", err)
	}
	logger.Info("listening on", "server", "http", "address", listener.Addr().String(), "dex_version", version)

	httpServer := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	logger.Info("shutting down")
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := httpServer.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return httpServer.Close()
}

// serverConfig translates config.yaml into what Dex's server takes.
func serverConfig(c *config, logger *slog.Logger) (server.Config, error) {
	state, err := newStorage(c, logger)
	if err != nil {
		return server.Config{}, err
	}
	tokens := c.Expiry.RefreshTokens
	refresh, err := server.NewRefreshTokenPolicy(logger,
		tokens.DisableRotation, tokens.ValidIfNotUsedFor, tokens.AbsoluteLifetime, tokens.ReuseInterval)
	if err != nil {
		return server.Config{}, fmt.Errorf("expiry.refreshTokens: %w", err)
	}
	now := func() time.Time { return time.Now().UTC() }
	health, err := healthChecker(state, now)
	if err != nil {
		return server.Config{}, err
	}
	settings := server.Config{
		Issuer:                 c.Issuer,
		Storage:                state,
		AllowedGrantTypes:      c.OAuth2.GrantTypes,
		SupportedResponseTypes: c.OAuth2.ResponseTypes,
		SkipApprovalScreen:     c.OAuth2.SkipApprovalScreen,
		AlwaysShowLoginScreen:  c.OAuth2.AlwaysShowLoginScreen,
		PasswordConnector:      c.OAuth2.PasswordConnector,
		AllowedOrigins:         c.Web.AllowedOrigins,
		AllowedHeaders:         c.Web.AllowedHeaders,
		Web:                    c.Frontend,
		RefreshTokenPolicy:     refresh,
		Logger:                 logger,
		PrometheusRegistry:     prometheus.NewRegistry(),
		HealthChecker:          health,
		Now:                    now,
	}
	return settings, c.Expiry.apply(&settings)
}

// newStorage is an empty memory storage under the static clients, users and connectors.
func newStorage(c *config, logger *slog.Logger) (storage.Storage, error) {
	connectors, err := c.storageConnectors()
	if err != nil {
		return nil, err
	}
	passwords := make([]storage.Password, len(c.StaticPasswords))
	for i, p := range c.StaticPasswords {
		passwords[i] = storage.Password(p)
	}
	state := memory.New(logger)
	state = storage.WithStaticClients(state, c.StaticClients)
	state = storage.WithStaticPasswords(state, passwords, logger)
	return storage.WithStaticConnectors(state, connectors), nil
}

// healthChecker is what the issuer's /healthz answers from: the storage can be written, asked every 15 s as Dex does.
func healthChecker(state storage.Storage, now func() time.Time) (gosundheit.Health, error) {
	health := gosundheit.New()
	err := health.RegisterCheck(
		&checks.CustomCheck{CheckName: "storage", CheckFunc: storage.NewCustomHealthCheckFunc(state, now)},
		gosundheit.ExecutionPeriod(15*time.Second),
		gosundheit.InitiallyPassing(true),
	)
	if err != nil {
		return nil, fmt.Errorf("register the health check: %w", err)
	}
	return health, nil
}

// apply sets the durations that are given, and leaves Dex's defaults for the others.
func (e expiry) apply(settings *server.Config) error {
	for _, one := range []struct {
		name  string
		value string
		into  *time.Duration
	}{
		{"signingKeys", e.SigningKeys, &settings.RotateKeysAfter},
		{"idTokens", e.IDTokens, &settings.IDTokensValidFor},
		{"authRequests", e.AuthRequests, &settings.AuthRequestsValidFor},
		{"deviceRequests", e.DeviceRequests, &settings.DeviceRequestsValidFor},
	} {
		if one.value == "" {
			continue
		}
		duration, err := time.ParseDuration(one.value)
		if err != nil {
			return fmt.Errorf("expiry.%s: %w", one.name, err)
		}
		*one.into = duration
	}
	return nil
}
