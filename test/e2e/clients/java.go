package clients

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"path/filepath"
	"strings"
)

//go:embed scripts/JavaClient.java
var javaClient []byte

func findJava(ctx context.Context) (string, error) {
	modules, err := ask(ctx, "java", "--list-modules")
	if err != nil {
		return "", err
	}
	if !strings.Contains(modules, "jdk.compiler@") {
		return "", errors.New("the java on this machine has no compiler (a JRE, not a JDK)")
	}
	if _, err := ask(ctx, "keytool", "-help"); err != nil {
		return "", err
	}
	version, err := word(modules, 0, nil) // java.base@17.0.15
	return strings.TrimPrefix(version, "java.base@"), err
}

// dialJava makes a trust store of the CA file, which Java does not read itself.
func dialJava(ctx context.Context, d Dial) Answer {
	store := filepath.Join(d.Dir, "trust.jks")
	made := d.run(ctx, nil, "keytool", "-importcert", "-noprompt", "-trustcacerts", "-storetype", "JKS",
		"-alias", "kftls", "-storepass", "changeit", "-keystore", store, "-file", d.CAFile)
	if made.code != 0 {
		return Answer{Failed, "keytool: " + oneLine(made.text)}
	}
	source, err := d.write("JavaClient.java", javaClient)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	_, proxyPort, err := net.SplitHostPort(d.Proxy)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	return byWord(d.run(ctx, nil, "java", "-Djavax.net.ssl.trustStore="+store, "-XX:TieredStopAtLevel=1",
		source, d.url(), proxyPort))
}
