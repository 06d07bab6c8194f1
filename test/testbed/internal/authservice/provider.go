package authservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// connectPause is between two attempts to reach the provider.
const connectPause = time.Second

// provider is the OIDC provider, as far as it is known.
type provider struct {
	oauth2   oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// Connect asks the provider for its endpoints until it answers, and makes the server ready. It gives up when ctx ends.
func (s *Server) Connect(ctx context.Context) {
	for {
		found, err := oidc.NewProvider(ctx, s.Settings.Provider)
		if err == nil {
			s.provider.Store(s.newProvider(found))
			fmt.Fprintf(s.Log, "ready: %s answers\n", s.Settings.Provider)
			return
		}
		fmt.Fprintf(s.Log, "not ready: %v\n", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(connectPause):
		}
	}
}

func (s *Server) newProvider(found *oidc.Provider) *provider {
	endpoint := found.Endpoint()
	if s.Settings.AuthURL != "" {
		endpoint.AuthURL = s.Settings.AuthURL
	}
	return &provider{
		oauth2: oauth2.Config{
			ClientID: s.Settings.ClientID, ClientSecret: s.Settings.ClientSecret,
			Endpoint: endpoint, RedirectURL: s.Settings.RedirectURL, Scopes: s.Settings.Scopes,
		},
		verifier: found.Verifier(&oidc.Config{ClientID: s.Settings.ClientID, Now: s.Now}),
	}
}

// login is where the browser logs in.
func (p *provider) login(state string) string { return p.oauth2.AuthCodeURL(state) }

// exchange trades a code for an id_token.
func (p *provider) exchange(ctx context.Context, code string) (string, error) {
	tokens, err := p.oauth2.Exchange(ctx, code)
	if err != nil {
		return "", fmt.Errorf("exchange the code: %w", err)
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return "", errors.New("exchange the code: no id_token came")
	}
	return raw, nil
}

// user reads a verified id_token.
func (p *provider) user(ctx context.Context, raw string, s Settings) (User, error) {
	token, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return User{}, fmt.Errorf("verify the id_token: %w", err)
	}
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return User{}, fmt.Errorf("read the id_token: %w", err)
	}
	id, _ := claims[s.UserClaim].(string)
	if id == "" {
		return User{}, fmt.Errorf("read the id_token: no claim %s", s.UserClaim)
	}
	user := User{ID: id}
	groups, _ := claims[s.GroupsClaim].([]any)
	for _, group := range groups {
		if name, ok := group.(string); ok {
			user.Groups = append(user.Groups, name)
		}
	}
	return user, nil
}
