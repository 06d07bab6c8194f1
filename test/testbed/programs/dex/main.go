// Command dex runs Dex's server as a library, with its state in memory.
//
// Dex's own command cannot be imported, and its SQLite storage needs cgo. This one reads the same config.yaml and the
// same environment, and differs in three things: whatever storage the file names, state is kept in memory; there is no
// gRPC API, no telemetry port and no TLS listener; and it ends within a second of SIGTERM.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// version is Dex's, set by the build.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dex:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Println("Dex Version:", version)
		return nil
	case len(args) == 2 && args[0] == "serve":
	default:
		return fmt.Errorf("usage: dex serve CONFIG | dex version")
	}
	c, err := readConfig(args[1])
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	logger, err := newLogger(c)
	if err != nil {
		return err
	}
	if c.Storage.Type != "memory" {
		logger.Warn("state is kept in memory, not as configured", "storage_type", c.Storage.Type)
	}
	return serve(ctx, c, logger)
}

func newLogger(c *config) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: c.Logger.Level}
	switch c.Logger.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	default:
		return nil, fmt.Errorf("logger.format %q is neither text nor json", c.Logger.Format)
	}
}
