package authservice

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"
)

// store keeps values under random keys for a while, in memory. The real AuthService keeps them in a file.
type store[V any] struct {
	now func() time.Time

	mu     sync.Mutex
	values map[string]kept[V]
}

type kept[V any] struct {
	value V
	until time.Time
}

func newStore[V any](now func() time.Time) *store[V] {
	return &store[V]{now: now, values: map[string]kept[V]{}}
}

// add keeps a value, and returns its key. What has expired goes.
func (s *store[V]) add(value V, age time.Duration) string {
	key := randomKey()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for other, k := range s.values {
		if !now.Before(k.until) {
			delete(s.values, other)
		}
	}
	s.values[key] = kept[V]{value, now.Add(age)}
	return key
}

func (s *store[V]) get(key string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.values[key]
	if !ok || !s.now().Before(k.until) {
		var none V
		return none, false
	}
	return k.value, true
}

// take is get, once.
func (s *store[V]) take(key string) (V, bool) {
	value, ok := s.get(key)
	s.remove(key)
	return value, ok
}

func (s *store[V]) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
}

// randomKey is as long as the keys in the real AuthService's cookies, which are signed.
func randomKey() string {
	raw := make([]byte, 120)
	rand.Read(raw) // never fails: https://pkg.go.dev/crypto/rand#Read
	return base64.URLEncoding.EncodeToString(raw)
}
