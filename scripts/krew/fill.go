package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"text/template"
)

// fill does what krew-release-bot does at a release (its pkg/source/template.go),
// but takes the digests of archives that are not published yet.
func fill(text, tag string, digest func(name string) (string, error)) ([]byte, error) {
	values := struct{ TagName string }{tag}
	render := func(text string, functions template.FuncMap) ([]byte, error) {
		t, err := template.New("").Option("missingkey=error").Funcs(functions).Parse(text)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err = t.Execute(&b, values)
		return b.Bytes(), err
	}
	return render(text, template.FuncMap{
		"addURIAndSha": func(address, _ string) (string, error) {
			uri, err := render(address, nil)
			if err != nil {
				return "", err
			}
			sum, err := digest(path.Base(string(uri)))
			return fmt.Sprintf("uri: %s\nsha256: %s", uri, sum), err
		},
		"indent": func(blanks int, text string) string {
			return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", blanks))
		},
	})
}

// digest is the SHA-256 of a file, in hex.
func digest(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
