package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// file is one file of a volume; its path is relative to the volume.
type file struct {
	path string
	data []byte
}

// loadVolumes writes the pod's volumes into its folder and links them to where the
// container mounts them. What was there is replaced, except for emptyDir.
func (s *sandbox) loadVolumes(ctx context.Context, from source) error {
	for _, v := range s.pod.Spec.Volumes {
		if err := s.loadVolume(ctx, from, v); err != nil {
			return fmt.Errorf("volume %q: %w", v.Name, err)
		}
	}
	if err := os.RemoveAll(s.root()); err != nil {
		return err
	}
	if err := os.MkdirAll(s.root(), 0o700); err != nil {
		return err
	}
	for _, m := range s.container.VolumeMounts {
		if err := s.mount(m); err != nil {
			return fmt.Errorf("mount %s: %w", m.MountPath, err)
		}
	}
	return nil
}

func (s *sandbox) loadVolume(ctx context.Context, from source, v corev1.Volume) error {
	dir := s.volumeDir(v.Name)
	if v.PersistentVolumeClaim != nil {
		s.differ("volume %s: an empty folder, which goes with the pod", v.Name)
	}
	if v.EmptyDir != nil || v.PersistentVolumeClaim != nil {
		return os.MkdirAll(dir, 0o700)
	}
	files, err := s.volumeFiles(ctx, from, v)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return writeFiles(dir, files)
}

// writeFiles writes files that may hold secrets: nobody else may read them.
func writeFiles(dir string, files []file) error {
	for _, f := range files {
		if !filepath.IsLocal(f.path) {
			return fmt.Errorf("path %q leads out of the volume", f.path)
		}
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// mount links a volume, or one file of it, to its place under the pod's root.
func (s *sandbox) mount(m corev1.VolumeMount) error {
	at := s.inRoot(m.MountPath)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	err := os.Symlink(filepath.Join(s.volumeDir(m.Name), m.SubPath), at)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("another volume is mounted there or below it, which the testbed cannot do")
	}
	return err
}

func (s *sandbox) volumeFiles(ctx context.Context, from source, v corev1.Volume) ([]file, error) {
	switch {
	case v.ConfigMap != nil:
		return s.configMapFiles(ctx, from, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional)
	case v.Secret != nil:
		return s.secretFiles(ctx, from, v.Secret.SecretName, v.Secret.Items, v.Secret.Optional)
	case v.DownwardAPI != nil:
		return s.downwardFiles(v.DownwardAPI.Items)
	case v.Projected != nil:
		return s.projectedFiles(ctx, from, v.Projected.Sources)
	}
	return nil, errors.New("this kind of volume is not known to the testbed")
}

func (s *sandbox) projectedFiles(ctx context.Context, from source, sources []corev1.VolumeProjection) ([]file, error) {
	var all []file
	for _, p := range sources {
		var files []file
		var err error
		switch {
		case p.ConfigMap != nil:
			files, err = s.configMapFiles(ctx, from, p.ConfigMap.Name, p.ConfigMap.Items, p.ConfigMap.Optional)
		case p.Secret != nil:
			files, err = s.secretFiles(ctx, from, p.Secret.Name, p.Secret.Items, p.Secret.Optional)
		case p.DownwardAPI != nil:
			files, err = s.downwardFiles(p.DownwardAPI.Items)
		case p.ServiceAccountToken != nil:
			files, err = s.tokenFile(ctx, from, p.ServiceAccountToken)
		default:
			err = errors.New("this kind of projected source is not known to the testbed")
		}
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

func (s *sandbox) tokenFile(ctx context.Context, from source, p *corev1.ServiceAccountTokenProjection) ([]file, error) {
	token, err := from.token(ctx, s.pod, p.Audience)
	if err != nil {
		return nil, err
	}
	s.differ("token %s: lives %d days and is not renewed", p.Path, int(tokenLife.Hours()/24))
	return []file{{p.Path, []byte(token)}}, nil
}

func (s *sandbox) configMapFiles(ctx context.Context, from source, name string, items []corev1.KeyToPath, optional *bool) ([]file, error) {
	object, err := from.configMap(ctx, s.pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for key, value := range object.Data {
		data[key] = []byte(s.localize(value, "file "+key+" of ConfigMap "+name))
	}
	for key, value := range object.BinaryData {
		if utf8.Valid(value) {
			value = []byte(s.localize(string(value), "file "+key+" of ConfigMap "+name))
		}
		data[key] = value
	}
	return pick(data, items, isTrue(optional), "ConfigMap "+name)
}

func (s *sandbox) secretFiles(ctx context.Context, from source, name string, items []corev1.KeyToPath, optional *bool) ([]file, error) {
	object, err := from.secret(ctx, s.pod.Namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pick(object.Data, items, isTrue(optional), "Secret "+name)
}

// pick chooses the keys that a volume lists, or takes all.
func pick(data map[string][]byte, items []corev1.KeyToPath, optional bool, of string) ([]file, error) {
	var files []file
	if len(items) == 0 {
		for key, value := range data {
			files = append(files, file{key, value})
		}
		return files, nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		if found {
			files = append(files, file{item.Path, value})
		} else if !optional {
			return nil, fmt.Errorf("%s has no key %q", of, item.Key)
		}
	}
	return files, nil
}

func (s *sandbox) downwardFiles(items []corev1.DownwardAPIVolumeFile) ([]file, error) {
	var files []file
	for _, item := range items {
		value, err := "", error(nil)
		if item.FieldRef != nil {
			value, err = s.field(item.FieldRef.FieldPath)
		} else if item.ResourceFieldRef != nil {
			value, err = s.resource(item.ResourceFieldRef)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file{item.Path, []byte(value)})
	}
	return files, nil
}
