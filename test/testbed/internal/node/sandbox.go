package node

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// sandbox is what a container finds when it starts: its address, its files, its
// environment. It stands for the namespaces that a container runtime would make.
type sandbox struct {
	pod       *corev1.Pod
	container *corev1.Container
	address   netip.Addr
	// dir is the pod's folder. Its volumes are in dir/volumes, and dir/root holds links to
	// them where the container mounts them: root is the program's working directory, as /
	// is a container's.
	dir         string
	mounts      []string // mount paths, longest first
	env         []variable
	differences []string
	// serviceAddress is set for programs that dial Services by names in their configuration.
	serviceAddress func(host string, port int) (string, error)
}

// variable is one environment variable, in the order of the pod's spec.
type variable struct{ name, value string }

func newSandbox(pod *corev1.Pod, address netip.Addr, dir string) *sandbox {
	s := &sandbox{pod: pod, container: &pod.Spec.Containers[0], address: address, dir: dir}
	for _, m := range s.container.VolumeMounts {
		s.mounts = append(s.mounts, filepath.Clean(m.MountPath))
	}
	slices.SortFunc(s.mounts, func(a, b string) int { return len(b) - len(a) })
	return s
}

func (s *sandbox) root() string                 { return filepath.Join(s.dir, "root") }
func (s *sandbox) inRoot(path string) string    { return filepath.Join(s.root(), path) }
func (s *sandbox) volumeDir(name string) string { return filepath.Join(s.dir, "volumes", name) }

// differ records what is not as the pod's spec says, for people to read.
func (s *sandbox) differ(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.differences, text) {
		s.differences = append(s.differences, text)
	}
}

// lookup finds an environment variable.
func (s *sandbox) lookup(name string) (string, bool) {
	for _, v := range slices.Backward(s.env) {
		if v.name == name {
			return v.value, true
		}
	}
	return "", false
}

// setEnv sets a variable that the pod's spec does not have, or has otherwise.
func (s *sandbox) setEnv(name, value, why string) {
	s.dropEnv(name)
	s.env = append(s.env, variable{name, value})
	s.differ("env %s=%s: %s", name, value, why)
}

// dropEnv takes a variable out, and what there was to tell about it.
func (s *sandbox) dropEnv(name string) {
	s.differences = slices.DeleteFunc(s.differences, func(text string) bool { return strings.HasPrefix(text, "env "+name+":") })
	s.env = slices.DeleteFunc(s.env, func(v variable) bool { return v.name == name })
}

// environ is the environment as a program gets it. Nothing of the testbed's own
// environment is in it.
func (s *sandbox) environ() []string {
	out := make([]string, 0, len(s.env))
	for _, v := range s.env {
		out = append(out, v.name+"="+v.value)
	}
	return out
}

// localize makes the changes that a machine without pods must make in any text of a pod's
// configuration: the address to listen on, the paths of mounted files, and the Services to
// dial.
func (s *sandbox) localize(text, where string) string {
	text = s.nameDialled(text, where)
	if strings.Contains(text, "0.0.0.0") {
		text = strings.ReplaceAll(text, "0.0.0.0", s.address.String())
		s.differ("%s: listens on %s in place of 0.0.0.0", where, s.address)
	}
	for _, mount := range s.mounts {
		changed := replacePath(text, mount, s.inRoot(mount))
		if changed != text {
			text = changed
			s.differ("%s: files of %s are under the pod's folder", where, mount)
		}
	}
	return text
}

// replacePath replaces path where it stands as a whole path, or as the beginning of one.
func replacePath(text, path, with string) string {
	if path == "/" {
		return text
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, path)
		if !found {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(before)
		previous := out.String()
		starts := previous == "" || !isPathByte(previous[len(previous)-1])
		ends := after == "" || after[0] == '/' || !isPathByte(after[0])
		if starts && ends {
			out.WriteString(with)
		} else {
			out.WriteString(path)
		}
		text = after
	}
}

func isPathByte(b byte) bool {
	return b == '/' || b == '.' || b == '-' || b == '_' ||
		b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
