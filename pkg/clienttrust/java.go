package clienttrust

import (
	"context"
	"crypto/x509"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed scripts/Client.java
var javaClient []byte

// java finds the Java of JAVA_HOME, else of the PATH, without starting it: its
// version is in a file, and a JVM would take most of the time there is.
func (f *finder) java(ctx context.Context) []Client {
	home, program := f.javaHome()
	if program == "" {
		return nil
	}
	c := Client{Name: "Java", Library: "JSSE", Program: program, RootsFrom: "its own store, not read"}
	c.options.partial = true // any certificate of its store is an end
	c.behaviour = behaviour{judge: judgeJava, text: javaText, fix: javaFix, run: runJava}
	for _, key := range setting(filepath.Join(home, "release")) {
		if key.name == "JAVA_VERSION" {
			c.Version = key.value
		}
	}
	store, from := javaStore(home), ""
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"} {
		if value := afterWord(f.env(name), "-Djavax.net.ssl.trustStore="); value != "" {
			store, from = value, name+" -Djavax.net.ssl.trustStore="+value
		}
	}
	if from == "" {
		from = store
	}
	data, err := os.ReadFile(store)
	if err != nil {
		return []Client{c}
	}
	c.RootsFrom = from
	if c.Roots = storedCertificates(data); len(c.Roots) == 0 {
		c.Roots = f.keytool(ctx, program, store)
	}
	c.RootsKnown = len(c.Roots) > 0
	return []Client{c}
}

// javaHome returns a Java and its home. A shim (macOS has one) leads to a file
// that is in no such folder.
func (f *finder) javaHome() (home, program string) {
	if home := f.env("JAVA_HOME"); home != "" {
		if program, err := f.lookPath(filepath.Join(home, "bin", "java")); err == nil {
			return home, program
		}
	}
	program, ok := f.first("java")
	if !ok {
		return "", ""
	}
	target, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", program
	}
	return filepath.Dir(filepath.Dir(target)), program
}

// javaStore is the trust store of a Java: the first that is there of those that
// JSSE's reference guide names, "" for none. Java 8 has them below jre.
func javaStore(home string) string {
	for _, dir := range []string{home, filepath.Join(home, "jre")} {
		for _, name := range []string{"jssecacerts", "cacerts"} {
			path := filepath.Join(dir, "lib", "security", name)
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// storedCertificates finds the certificates in a JKS store, or a PKCS#12 store
// without password: in both they lie as they are. In an encrypted store there
// are none to be found.
func storedCertificates(data []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for i := 0; i+4 < len(data); i++ {
		if data[i] != 0x30 || data[i+1] != 0x82 { // SEQUENCE, with two bytes of length
			continue
		}
		end := i + 4 + int(data[i+2])<<8 + int(data[i+3])
		if end > len(data) {
			continue
		}
		if c, err := x509.ParseCertificate(data[i:end]); err == nil {
			certs = append(certs, c)
			i = end - 1
		}
	}
	return certs
}

// keytool reads a store that is encrypted with the password that everyone has.
func (f *finder) keytool(ctx context.Context, java, store string) []*x509.Certificate {
	tool, ok := f.first(filepath.Join(filepath.Dir(java), "keytool"), "keytool")
	if !ok {
		return nil
	}
	return parsePEM([]byte(f.ask(ctx, tool, "-list", "-rfc", "-keystore", store, "-storepass", "changeit")))
}

// javaFix makes a store with this CA alone: the one that Java has belongs to
// root, and everybody's.
func javaFix(caFile string) string {
	return "keytool -importcert -noprompt -alias kubeflow -storepass changeit -keystore kubeflow.jks -file " + shellWord(caFile) +
		" && JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=kubeflow.jks java"
}

// runJava runs a program in source form, which needs a JDK.
func runJava(ctx context.Context, c Client, to target) (answer, error) {
	dir, err := os.MkdirTemp("", "kftls-java-")
	if err != nil {
		return answer{}, fmt.Errorf("make a folder for Java's program: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source := filepath.Join(dir, "Client.java")
	if err := os.WriteFile(source, javaClient, 0o600); err != nil {
		return answer{}, fmt.Errorf("write Java's program: %w", err)
	}
	o, err := start(ctx, c.environ, c.Program, "-XX:TieredStopAtLevel=1", source, to.url)
	if err == nil && strings.Contains(o.stderr, "jdk.compiler") {
		return answer{}, fmt.Errorf("%s has no compiler (a JRE, not a JDK)", c.Program)
	}
	return byWord(o, err)
}
