package clients

import (
	"context"
	_ "embed"
	"fmt"
)

//go:embed scripts/strict_client.py
var strictClient []byte

//go:embed scripts/requests_client.py
var requestsClient []byte

//go:embed scripts/grpc_client.py
var grpcClient []byte

// pythonProgram asks for the interpreter itself: what stands on the PATH may be
// a shim that needs the user's HOME.
func pythonProgram(ctx context.Context) (string, error) {
	out, err := ask(ctx, "python3", "-c", "import sys; print(sys.executable)")
	return word(out, 0, err)
}

func findPython(ctx context.Context) (string, error) {
	out, err := ask(ctx, "python3", "-c", "import platform, ssl; print(platform.python_version(), ssl.OPENSSL_VERSION)")
	return word(out, 0, err)
}

func findRequests(ctx context.Context) (string, error) { return findModule(ctx, "requests") }

func findGRPC(ctx context.Context) (string, error) { return findModule(ctx, "grpc") }

func findModule(ctx context.Context, module string) (string, error) {
	if _, err := findPython(ctx); err != nil {
		return "", err
	}
	out, err := ask(ctx, "python3", "-c", fmt.Sprintf("import %[1]s; print(%[1]s.__version__)", module))
	if err != nil {
		return "", fmt.Errorf("python3 has no module %s (pip install -r test/e2e/clients/requirements.txt)", module)
	}
	return word(out, 0, nil)
}

func dialPythonSSL(ctx context.Context, d Dial) Answer {
	return d.runPython(ctx, nil, strictClient, d.Host, d.Address.Addr().String(), d.port(), d.CAFile)
}

func dialRequests(ctx context.Context, d Dial) Answer {
	return d.runPython(ctx, []string{"REQUESTS_CA_BUNDLE=" + d.CAFile}, requestsClient, d.url(), d.Proxy)
}

func dialGRPC(ctx context.Context, d Dial) Answer {
	return d.runPython(ctx, nil, grpcClient, d.hostPort(), d.Proxy, d.CAFile)
}

func (d Dial) runPython(ctx context.Context, env []string, program []byte, args ...string) Answer {
	python, err := pythonProgram(ctx)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	script, err := d.write("client.py", program)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	return byWord(d.run(ctx, env, python, append([]string{script}, args...)...))
}
