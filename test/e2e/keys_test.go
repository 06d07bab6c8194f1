//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kftls/kubectl-kftls/test/e2e/keyscan"
)

// Two kinds of private keys are searched for: those that the plugin made, and those
// that a story made, as a company's own CA.
const (
	madeKey  = "made key"
	givenKey = "given key"
)

func isKey(kind string) bool { return kind == madeKey || kind == givenKey }

// knownKey is a private key with its kind.
type knownKey struct {
	keyscan.Key
	kind string
}

// noteKeys takes the private keys in a text for secrets from now on. The lock is held.
func (s *secrets) noteKeys(text, kind string) {
	for _, key := range keyscan.Read(text) {
		if s.keys[key.ID].kind != madeKey {
			s.keys[key.ID] = knownKey{key, kind}
		}
	}
}

// learnMade takes the private keys in a text for the plugin's.
func (s *secrets) learnMade(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteKeys(text, madeKey)
}

func (s *secrets) indexKeys() {
	for id, key := range s.keys {
		for _, form := range key.Forms() {
			s.addNeedle(needle{form.Text, id, form.Name, key.kind})
		}
	}
}

// keyRetry is the pause before the Secrets are watched again, after the API server has
// ended it.
const keyRetry = 200 * time.Millisecond

// watchKeys learns every key that the plugin puts into the cluster, however short it
// stays there.
func (bed *testbed) watchKeys(t *testing.T) {
	client, err := dynamic.NewForConfig(bed.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			followSecrets(ctx, client)
			select {
			case <-ctx.Done():
			case <-time.After(keyRetry):
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

// followSecrets learns from all Secrets with a certificate, until the watch ends.
func followSecrets(ctx context.Context, client dynamic.Interface) {
	secrets := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"})
	which := metav1.ListOptions{FieldSelector: "type=kubernetes.io/tls"}
	list, err := secrets.List(ctx, which)
	if err != nil {
		return
	}
	for i := range list.Items {
		learnSecret(&list.Items[i])
	}
	which.ResourceVersion = list.GetResourceVersion()
	watch, err := secrets.Watch(ctx, which)
	if err != nil {
		return
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		if secret, ok := event.Object.(*unstructured.Unstructured); ok {
			learnSecret(secret)
		}
	}
}

// learnSecret takes the key of a Secret for the plugin's, if that made it.
func learnSecret(secret *unstructured.Unstructured) {
	encoded, _, _ := unstructured.NestedString(secret.Object, "data", "tls.key")
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return
	}
	for name := range secret.GetAnnotations() {
		if strings.HasPrefix(name, "kftls.github.io/") {
			vault.learnMade(string(text))
			return
		}
	}
	vault.learn(string(text))
}

var (
	// keyPlace is where the plugin keeps private keys in its state folder.
	keyPlace = regexp.MustCompile(`^/(ca/[0-9a-f]{64}|local-ca)/ca\.key$`)
	// publicPlace are the files of the state folder that are no secret. The folders
	// around them are closed all the same.
	publicPlace = regexp.MustCompile(`^/(computer-id|(ca/[0-9a-f]{64}|local-ca)/(ca\.crt|origin\.json|source\.json))$`)
)

// largest is the size of files from which on none of the plugin's is expected.
const largest = 8 << 20

// leave keeps what a story left behind: all of its state folders, its home and temporary
// files; and its other files, in which its own secrets may stand.
func (s *secrets) leave(folder string) {
	states := stateFolders(folder)
	for _, path := range filesBelow(folder) {
		info, err := os.Stat(path)
		if err != nil || info.Size() > largest {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		name, mode := strings.TrimPrefix(path, folder), info.Mode()
		p := place{name: fmt.Sprintf("the file %s (%s)", name, mode), text: string(text)}
		state := slices.IndexFunc(states, func(state string) bool { return strings.HasPrefix(path, state+"/") })
		switch {
		case state >= 0:
			p.allowed = s.inState(strings.TrimPrefix(path, states[state]), p, mode)
		case strings.HasPrefix(name, "/.home/"), strings.HasPrefix(name, "/.tmp/"):
			p.allowed = allowedFile(name, mode)
		default:
			p.allowed = anything + " " + givenKey
			if mode.Perm()&0o077 == 0 {
				p.allowed += " " + madeKey // an export
			}
		}
		s.keep(p)
	}
	for _, state := range states {
		s.keepModes(state, folder)
	}
}

// inState says what may stand in a file of the state folder, and learns the keys there.
func (s *secrets) inState(name string, p place, mode fs.FileMode) kinds {
	if !keyPlace.MatchString(name) {
		return allowedFile("/kftls"+name, mode)
	}
	s.learnMade(p.text)
	if mode.Perm() == 0o600 {
		return madeKey
	}
	return noSecrets
}

// inStateFolder are the files by which a state folder is known.
var inStateFolder = regexp.MustCompile(`^(.*)/(computer-id|(local-ca|ca/[0-9a-f]{64})/ca\.(key|crt))$`)

// stateFolders are the plugin's, wherever a story had them.
func stateFolders(folder string) []string {
	var found []string
	for _, path := range filesBelow(folder) {
		if at := inStateFolder.FindStringSubmatch(path); len(at) > 1 && !slices.Contains(found, at[1]) {
			found = append(found, at[1])
		}
	}
	return found
}

// keepModes notes what in a state folder others may use.
func (s *secrets) keepModes(state, below string) {
	_ = filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error { // what vanished meanwhile is not left
		if err != nil || path == state || publicPlace.MatchString(strings.TrimPrefix(path, state)) {
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.modes = append(s.modes, fmt.Sprintf("%s has the mode %s", strings.TrimPrefix(path, below), info.Mode()))
		}
		return nil
	})
}
