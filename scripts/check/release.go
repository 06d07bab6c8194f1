package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// snapshot makes a release that is not published, and holds it against krew:
// the rules of its validator, and an installation for every platform.
func snapshot(ctx context.Context, r *recorder) {
	goreleaser := tool(ctx, "release", "goreleaser")
	if goreleaser == "" {
		r.notRun("snapshot", "goreleaser could not be built (scripts/tools.sh release)")
		return
	}
	r.command(ctx, "check .goreleaser.yaml", in(".", goreleaser, "check"))
	r.command(ctx, "make a snapshot of the release", in(".", filepath.Join("scripts", "release.sh"), "snapshot", "nosbom"))
	manifest := filepath.Join("dist", "kftls.yaml")
	validator := tool(ctx, "krew", "validate-krew-manifest")
	krew := tool(ctx, "krew", "krew")
	if validator == "" || krew == "" {
		r.notRun("krew", "it could not be built (scripts/tools.sh krew)")
		return
	}
	r.command(ctx, "krew's validator takes the manifest", in(".", validator, "-skip-install", "-manifest", manifest))
	archives, err := krewArchives("dist")
	if err != nil || len(archives) == 0 {
		r.fail("find the snapshot's archives", fmt.Sprintf("%d archives, %v", len(archives), err))
		return
	}
	for _, archive := range archives {
		installWithKrew(ctx, r, krew, manifest, archive)
	}
	if err := offer(krew, filepath.Join("bin", "krew")); err != nil {
		r.fail("put krew where the stories find it", err.Error())
	}
	debianPackage(ctx, r)
}

// tool is where scripts/tools.sh keeps a program, built if it is not there.
func tool(ctx context.Context, kind, name string) string {
	for folder := range strings.Lines(output(ctx, filepath.Join("scripts", "tools.sh"), kind)) {
		path := filepath.Join(strings.TrimSpace(folder), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// krewArchive is one that krew installs, and for which platform.
type krewArchive struct{ path, system, arch string }

func krewArchives(dist string) ([]krewArchive, error) {
	var found []krewArchive
	for _, ending := range []string{".tar.gz", ".zip"} {
		paths, err := filepath.Glob(filepath.Join(dist, "kubectl-kftls_v*"+ending))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ending), "_")
			found = append(found, krewArchive{path, parts[len(parts)-2], parts[len(parts)-1]})
		}
	}
	return found, nil
}

// installWithKrew lets the real krew unpack an archive into an empty folder, as
// on that platform; the sum is the manifest's.
func installWithKrew(ctx context.Context, r *recorder, krew, manifest string, archive krewArchive) {
	title := "krew installs on " + archive.system + "/" + archive.arch
	root, remove := emptyFolder(r, title)
	defer remove()
	c := in(".", krew, "install", "--manifest", manifest, "--archive", archive.path)
	c.env = []string{"KREW_ROOT=" + root, "KREW_OS=" + archive.system, "KREW_ARCH=" + archive.arch, "HOME=" + root}
	r.command(ctx, title, c)
	licences, err := filepath.Glob(filepath.Join(root, "store", "kftls", "*", "LICENSE"))
	if err != nil || len(licences) != 1 {
		r.fail(title+": with its LICENSE", fmt.Sprintf("found %q, %v", licences, err))
	}
}

// emptyFolder is a temporary one, and what removes it. Where there can be none,
// what is done in it fails by itself.
func emptyFolder(r *recorder, title string) (folder string, remove func()) {
	folder, err := os.MkdirTemp("", "release")
	if err != nil {
		r.fail(title, err.Error())
	}
	return folder, func() { _ = os.RemoveAll(folder) } // what is left lies among the temporary files
}

// offer makes a program be found under another path.
func offer(program, path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(program, path)
}

// debianPackage unpacks the package for this machine and starts what is in it.
func debianPackage(ctx context.Context, r *recorder) {
	const title = "the Debian package holds program, shim, completions and man page"
	if output(ctx, "dpkg-deb", "--version") == "" {
		r.notRun("the Debian package", "dpkg-deb is not here")
		return
	}
	packages, err := filepath.Glob(filepath.Join("dist", "*_"+runtime.GOARCH+".deb"))
	if err != nil || len(packages) != 1 {
		r.fail(title, fmt.Sprintf("packages: %q, %v", packages, err))
		return
	}
	root, remove := emptyFolder(r, title)
	defer remove()
	r.command(ctx, "unpack the Debian package", in(".", "dpkg-deb", "-x", packages[0], root))
	var lacking []string
	for _, name := range []string{
		"usr/bin/kubectl_complete-kftls",
		"usr/share/bash-completion/completions/kubectl-kftls",
		"usr/share/zsh/vendor-completions/_kubectl-kftls",
		"usr/share/fish/vendor_completions.d/kubectl-kftls.fish",
		"usr/share/man/man1/kubectl-kftls.1.gz",
		"usr/share/doc/kubectl-kftls/copyright",
	} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 {
		r.fail(title, fmt.Sprintf("it lacks %q", lacking))
		return
	}
	r.command(ctx, title, in(".", filepath.Join(root, "usr", "bin", "kubectl-kftls"), "version", "--client"))
}

// reproducible makes the release of the last commit twice, in two folders and
// two surroundings, and compares what users would get. The SBOMs stay out of it:
// they hold times, and only the first release has them.
func reproducible(ctx context.Context, r *recorder) {
	const title = "two releases of one commit have the same bytes"
	folder, remove := emptyFolder(r, title)
	defer remove()
	first, second := filepath.Join(folder, "one"), filepath.Join(folder, "in", "another", "place")
	release(ctx, r, ".", first, []string{"sh", "-c", "umask 022; exec make release-snapshot"}, "TZ=UTC")
	elsewhere := []string{"sh", "-c", "umask 077; exec scripts/release.sh snapshot nosbom"}
	if exec.CommandContext(ctx, "unshare", "--map-root-user", "--uts", "hostname", "elsewhere").Run() == nil {
		elsewhere = []string{"unshare", "--map-root-user", "--uts", "sh", "-c", "hostname elsewhere; " + elsewhere[2]}
	} else {
		r.notRun("a release under another host name", "unshare is not allowed to")
	}
	release(ctx, r, first, second, elsewhere, "TZ=Asia/Kolkata", "LANG=C", "USER=somebody")
	archives, err := krewArchives(filepath.Join(first, "dist"))
	if err != nil || len(archives) != 6 {
		r.fail(title, fmt.Sprintf("there are %d archives, %v", len(archives), err))
		return
	}
	for _, archive := range archives {
		if info, err := os.Stat(archive.path + ".sbom.json"); err != nil || info.Size() == 0 {
			r.fail("the archive for "+archive.system+"/"+archive.arch+" has an SBOM", fmt.Sprint(err))
		}
	}
	one, another := sums(r, first), sums(r, second)
	if len(one) == 0 || !slices.Equal(one, another) {
		r.fail(title, fmt.Sprintf("the sums are\n%s\nand\n%s", strings.Join(one, ""), strings.Join(another, "")))
		return
	}
	r.pass(fmt.Sprintf("%s: %d files", title, len(one)))
}

// release clones a repository and makes the release of its last commit there.
func release(ctx context.Context, r *recorder, repository, folder string, args []string, env ...string) {
	r.command(ctx, "clone into "+filepath.Base(folder), in(".", "git", "clone", "--quiet", "--no-hardlinks", repository, folder))
	c := in(folder, args...)
	c.env = env
	r.command(ctx, "make a release in "+filepath.Base(folder), c)
}

// sums are the lines of checksums.txt, without those of SBOMs.
func sums(r *recorder, folder string) []string {
	text, err := os.ReadFile(filepath.Join(folder, "dist", "checksums.txt"))
	if err != nil {
		r.fail("read the sums of "+filepath.Base(folder), err.Error())
	}
	return slices.DeleteFunc(slices.Collect(strings.Lines(string(text))), func(line string) bool {
		return strings.HasSuffix(line, ".sbom.json\n")
	})
}
