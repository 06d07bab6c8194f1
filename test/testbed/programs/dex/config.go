package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/dexidp/dex/pkg/featureflags"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/storage"
	"golang.org/x/crypto/bcrypt"
	"sigs.k8s.io/yaml"
)

// config is the part of Dex's config.yaml that Kubeflow and its users write. The field names are those of
// https://github.com/dexidp/dex/blob/43956db7fd75/cmd/dex/config.go; fields that are not here are ignored, as Dex
// ignores fields that it does not know.
type config struct {
	Issuer  string `json:"issuer"`
	Storage struct {
		Type string `json:"type"`
	} `json:"storage"`
	Web struct {
		HTTP           string   `json:"http"`
		AllowedOrigins []string `json:"allowedOrigins"`
		AllowedHeaders []string `json:"allowedHeaders"`
	} `json:"web"`
	Logger struct {
		Level  slog.Level `json:"level"`
		Format string     `json:"format"`
	} `json:"logger"`
	OAuth2 struct {
		GrantTypes            []string `json:"grantTypes"`
		ResponseTypes         []string `json:"responseTypes"`
		SkipApprovalScreen    bool     `json:"skipApprovalScreen"`
		AlwaysShowLoginScreen bool     `json:"alwaysShowLoginScreen"`
		PasswordConnector     string   `json:"passwordConnector"`
	} `json:"oauth2"`
	Expiry           expiry           `json:"expiry"`
	Frontend         server.WebConfig `json:"frontend"`
	EnablePasswordDB bool             `json:"enablePasswordDB"`
	StaticPasswords  []password       `json:"staticPasswords"`
	StaticClients    []storage.Client `json:"staticClients"`
	Connectors       []connector      `json:"connectors"`
}

// expiry holds durations in Go's notation ("10m"); an empty one leaves Dex's default.
type expiry struct {
	SigningKeys    string `json:"signingKeys"`
	IDTokens       string `json:"idTokens"`
	AuthRequests   string `json:"authRequests"`
	DeviceRequests string `json:"deviceRequests"`
	RefreshTokens  struct {
		DisableRotation   bool   `json:"disableRotation"`
		ReuseInterval     string `json:"reuseInterval"`
		AbsoluteLifetime  string `json:"absoluteLifetime"`
		ValidIfNotUsedFor string `json:"validIfNotUsedFor"`
	} `json:"refreshTokens"`
}

// password is a static user. Its hash is bcrypt's text, or that text in base64.
type password storage.Password

// connector is an identity provider behind Dex; which fields config has depends on its type.
type connector struct {
	Type   string          `json:"type"`
	Name   string          `json:"name"`
	ID     string          `json:"id"`
	Config json.RawMessage `json:"config"`
}

// readConfig reads a config.yaml and fills in what it refers to in the environment.
func readConfig(path string) (*config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(config)
	if err := yaml.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	switch {
	case c.Issuer == "":
		return nil, fmt.Errorf("parse %s: no issuer", path)
	case c.Web.HTTP == "":
		return nil, fmt.Errorf("parse %s: no web.http to listen on", path)
	case !c.EnablePasswordDB && len(c.StaticPasswords) > 0:
		return nil, fmt.Errorf("parse %s: staticPasswords without enablePasswordDB", path)
	}
	for i := range c.StaticClients {
		if err := fromEnvironment(&c.StaticClients[i]); err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
	}
	return c, nil
}

// fromEnvironment fills in a client's id and secret where the configuration names variables (idEnv, secretEnv).
func fromEnvironment(client *storage.Client) error {
	if client.Name == "" {
		return errors.New("a static client needs a name")
	}
	if client.IDEnv != "" {
		if client.ID != "" {
			return fmt.Errorf("static client %q has both id and idEnv", client.Name)
		}
		client.ID = os.Getenv(client.IDEnv)
	}
	if client.SecretEnv != "" {
		if client.Secret != "" {
			return fmt.Errorf("static client %q has both secret and secretEnv", client.Name)
		}
		client.Secret = os.Getenv(client.SecretEnv)
	}
	if client.ID == "" {
		return fmt.Errorf("static client %q has no id", client.Name)
	}
	if client.Secret == "" && !client.Public {
		return fmt.Errorf("static client %q has no secret", client.Name)
	}
	return nil
}

// UnmarshalJSON reads a user, and the hash from the variable that hashFromEnv names if no hash is given.
func (p *password) UnmarshalJSON(data []byte) error {
	var user struct {
		Email       string `json:"email"`
		Username    string `json:"username"`
		UserID      string `json:"userID"`
		Hash        string `json:"hash"`
		HashFromEnv string `json:"hashFromEnv"`
	}
	if err := json.Unmarshal(data, &user); err != nil {
		return err
	}
	if user.Hash == "" && user.HashFromEnv != "" {
		user.Hash = os.Getenv(user.HashFromEnv)
	}
	hash, err := bcryptHash(user.Hash)
	if err != nil {
		return fmt.Errorf("password of %s: %w", user.Email, err)
	}
	*p = password{Email: user.Email, Username: user.Username, UserID: user.UserID, Hash: hash}
	return nil
}

// bcryptHash checks a hash, and takes the base64 around it away if there is one.
func bcryptHash(text string) ([]byte, error) {
	if text == "" {
		return nil, errors.New("no hash")
	}
	_, err := bcrypt.Cost([]byte(text))
	if err == nil {
		return []byte(text), nil
	}
	decoded, base64Err := base64.StdEncoding.DecodeString(text)
	if base64Err != nil {
		return nil, err
	}
	if _, err := bcrypt.Cost(decoded); err != nil {
		return nil, err
	}
	return decoded, nil
}

// storageConnectors turns the configured connectors, and the password database if it is enabled, into Dex's form.
func (c *config) storageConnectors() ([]storage.Connector, error) {
	var all []storage.Connector
	for _, conn := range c.Connectors {
		if conn.ID == "" || conn.Name == "" || conn.Type == "" {
			return nil, errors.New("a connector needs id, name and type")
		}
		newConfig, ok := server.ConnectorsConfig[conn.Type]
		if !ok {
			return nil, fmt.Errorf("connector %q: unknown type %q", conn.ID, conn.Type)
		}
		typed := newConfig()
		if len(conn.Config) > 0 {
			data := []byte(conn.Config)
			if featureflags.ExpandEnv.Enabled() { // as Dex does: "$NAME" in a connector is a variable
				data = []byte(os.ExpandEnv(string(data)))
			}
			if err := json.Unmarshal(data, typed); err != nil {
				return nil, fmt.Errorf("connector %q: %w", conn.ID, err)
			}
		}
		data, err := json.Marshal(typed)
		if err != nil {
			return nil, fmt.Errorf("connector %q: %w", conn.ID, err)
		}
		all = append(all, storage.Connector{ID: conn.ID, Type: conn.Type, Name: conn.Name, Config: data})
	}
	if c.EnablePasswordDB {
		// The name is what the button says when there are several connectors: "Log in with Email".
		all = append(all, storage.Connector{ID: server.LocalConnector, Name: "Email", Type: server.LocalConnector})
	}
	return all, nil
}
