package clienttrust

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzStoredCertificates gives Java's store anything: it is a file of others.
func FuzzStoredCertificates(f *testing.F) {
	root := newCA(f, "root", nil)
	store := javaKeyStore([]*entity{root})
	f.Add(store)
	f.Add(store[:len(store)/2])
	f.Add([]byte{0x30, 0x82, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range storedCertificates(data) {
			if !bytes.Contains(data, c.Raw) {
				t.Error("found what is not there")
			}
		}
	})
}

// FuzzSetting gives the readers of configuration files anything.
func FuzzSetting(f *testing.F) {
	for _, text := range []string{"cacert = \"/x\"\n", "--cacert=/x", "insecure", "# no\n\n:=", "a:b", "\"\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range setting(writeFile(t, "rc", text)) {
			if !strings.Contains(text, key.name) || !strings.Contains(text, key.value) {
				t.Errorf("%q gave %q", text, key)
			}
		}
	})
}

func FuzzCurlLibrary(f *testing.F) {
	f.Add("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.19 zlib/1.2.13\nRelease-Date: 2023")
	f.Add("curl 8.7.1 (x86_64-apple-darwin24.0) libcurl/8.7.1 (SecureTransport) LibreSSL/3.3.6 zlib/1.2.12")
	f.Fuzz(func(t *testing.T, said string) {
		if got := curlLibrary(said); got != "" && !bytes.Contains([]byte(said), []byte(got)) {
			t.Errorf("%q is not in %q", got, said)
		}
	})
}

func TestCurlLibrary(t *testing.T) {
	for said, want := range map[string]string{
		"curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.19 zlib/1.2.13\n":              "OpenSSL/3.0.19",
		"curl 8.7.1 (x86_64-apple-darwin24.0) libcurl/8.7.1 (SecureTransport) LibreSSL/3.3.6 zlib/1": "LibreSSL/3.3.6",
		"curl 8.9.1 (Windows) libcurl/8.9.1 Schannel zlib/1.3":                                       "Schannel",
		"curl 7.74.0 libcurl/7.74.0 GnuTLS/3.7.1":                                                    "GnuTLS/3.7.1",
		"": "",
	} {
		if got := curlLibrary(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
