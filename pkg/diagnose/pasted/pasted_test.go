package pasted

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// reading is a text and what its first meaning has to be.
type reading struct {
	text    string
	codes   string // the first of them, in this order
	program string // "" if it does not matter
}

func (r reading) check(t *testing.T) {
	t.Helper()
	got := Read([]byte(r.text))
	if len(got.Meanings) == 0 {
		t.Errorf("%q: not recognised", r.text)
		return
	}
	m := got.Meanings[0]
	want := strings.Fields(r.codes)
	if len(m.Codes) < len(want) || !slices.Equal(m.Codes[:len(want)], want) {
		t.Errorf("%q: %s, want %s first", r.text, m.Codes, r.codes)
	}
	if r.program != "" && m.Program != r.program {
		t.Errorf("%q: written by %s, want %s", r.text, m.Program, r.program)
	}
	if m.Quote == "" || m.Says == "" || m.Versions == "" {
		t.Errorf("%q: something is missing in %+v", r.text, m)
	}
}

func TestNonsense(t *testing.T) {
	for _, text := range []string{
		"", " \n\n", "hello", "it does not work", "{}\n{\"a\": 1}", "HTTP/1.1 200 OK\nserver: istio-envoy\n\n<html>",
		"the gateway is at https://localhost:8443/", "curl https://localhost:8443/", "EOF", "403 apples and 401 pears",
		"total 12\ndrwxr-xr-x 2 user user 4096 Nov 23 10:00 .", "\x00\x01\x02", "\xff\xfe", "\x1b[", "\x1b]0;title",
	} {
		if got := Read([]byte(text)); len(got.Meanings) != 0 {
			t.Errorf("%q: %+v", text, got.Meanings)
		}
	}
}

// TestDressed: what terminals, editors and mail programs do to a text does not
// disturb.
func TestDressed(t *testing.T) {
	const plain = "$ curl https://localhost:8443/pipeline/\n" +
		"curl: (60) SSL certificate problem: self-signed certificate in certificate chain\n" +
		"More details here: https://curl.se/docs/sslcerts.html\n"
	want := Read([]byte(plain))
	if len(want.Meanings) != 1 || want.URL == nil || want.URL.String() != "https://localhost:8443/pipeline/" {
		t.Fatalf("%+v", want)
	}
	units := utf16.Encode([]rune(plain))
	var little, big []byte
	for _, u := range units {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	for name, text := range map[string]string{
		"windows":           strings.ReplaceAll(plain, "\n", "\r\n"),
		"old mac":           strings.ReplaceAll(plain, "\n", "\r"),
		"colours":           strings.NewReplacer("curl:", "\x1b[1;31mcurl:\x1b[0m", "certificate chain", "certificate\x1b[K chain").Replace(plain),
		"title":             "\x1b]0;user@host\a" + plain,
		"quoted":            "> " + strings.ReplaceAll(plain, "\n", "\n> "),
		"quoted twice":      "> > " + strings.ReplaceAll(plain, "\n", "\n> > "),
		"prompt":            "user@host:~/work" + plain,
		"powershell prompt": strings.Replace(plain, "$ curl", `PS C:\Users\me> curl.exe`, 1),
		"utf-16":            "\xff\xfe" + string(little),
		"utf-16 unmarked":   string(little),
		"utf-16 big":        "\xfe\xff" + string(big),
		"utf-8 mark":        "\ufeff" + plain,
		"twice":             plain + plain,
	} {
		got := Read([]byte(text))
		if len(got.Meanings) != 1 || !slices.Equal(got.Meanings[0].Codes, want.Meanings[0].Codes) || got.Meanings[0].Quote != want.Meanings[0].Quote {
			t.Errorf("%s: %+v", name, got.Meanings)
		}
		if got.URL == nil || *got.URL != *want.URL {
			t.Errorf("%s: %v", name, got.URL)
		}
	}
}

// TestOrder: the cause comes before what only repeats that something failed.
func TestOrder(t *testing.T) {
	got := Read([]byte("urllib3.exceptions.MaxRetryError: " + pool + "SSLError(SSLCertVerificationError(1, " +
		"'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)')))"))
	if len(got.Meanings) != 2 || len(got.Meanings[0].Codes) == 0 || got.Meanings[1].Quote != "Max retries exceeded with url:" {
		t.Errorf("%+v", got.Meanings)
	}
	got = Read([]byte("error: lost connection to pod\nfailed to fetch key and certificate for kubernetes://kubeflow-gateway-tls: " +
		"secret istio-system/kubeflow-gateway-tls not found"))
	if len(got.Meanings) != 2 || got.Meanings[0].Codes[0] != "KFT303" {
		t.Errorf("%+v", got.Meanings)
	}
	if quote := got.Meanings[0].Quote; !strings.Contains(quote, "istio-system/kubeflow-gateway-tls") {
		t.Errorf("a plain name is not quoted: %q", quote)
	}
}

func TestLimit(t *testing.T) {
	const text = "RBAC: access denied"
	if got := Read([]byte(strings.Repeat("x", readLimit) + text)); len(got.Meanings) != 0 {
		t.Errorf("read beyond the limit: %+v", got)
	}
	if got := Read([]byte(strings.Repeat("HTTP/1.1 403\n", readLimit/13))); len(got.Meanings) != 1 {
		t.Errorf("%d meanings", len(got.Meanings))
	}
	if got := Read([]byte(strings.Repeat(text+"\n", readLimit/len(text)))); len(got.Meanings) != 1 {
		t.Errorf("%d meanings", len(got.Meanings))
	}
}

// TestTables: every text is complete and finds itself.
func TestTables(t *testing.T) {
	for _, table := range tables() {
		if table.program == "" || table.seen == "" {
			t.Errorf("a table without program or versions: %+v", table)
		}
		for _, x := range table.texts {
			if x.says == "" || len(x.says) > 200 || strings.HasSuffix(x.says, ".") {
				t.Errorf("%s: %q says %q", table.program, x.pattern, x.says)
			}
			for code := range strings.FieldsSeq(x.codes) {
				if len(code) != 6 || !strings.HasPrefix(code, "KFT") {
					t.Errorf("%q: code %q", x.pattern, code)
				}
			}
			sample := strings.NewReplacer("{host}", "localhost:8443", "{ip}", "127.0.0.1", "{num}", "8443", "{name}", "ns/name",
				"{-}", "-", "{start}", "", "{end}", "", "…", "something").Replace(x.pattern)
			if found := findText(sample, table, x); len(found) != 1 {
				t.Errorf("%q does not match %q", x.pattern, sample)
			}
		}
	}
}
