package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// handDiagnosis is what somebody does who looks for the cause by hand: six
// questions to the API server, a tunnel, three requests. It reads nothing and
// concludes nothing. KEEP is a folder for what it learns.
const handDiagnosis = `
set -eu
cd "$KEEP"
kubectl get service -n istio-system istio-ingressgateway -o yaml >service
kubectl get pods -n istio-system -o wide >pods
kubectl get gateways.networking.istio.io -A -o yaml >gateways
kubectl get virtualservices.networking.istio.io -A -o yaml >virtualservices
kubectl get authorizationpolicies.security.istio.io,requestauthentications.security.istio.io -n istio-system -o yaml >policies
kubectl get configmap -n kubeflow kftls-ca -o 'jsonpath={.data.ca\.crt}' >ca.crt
: >forward
kubectl port-forward -n istio-system service/istio-ingressgateway :443 >forward &
trap 'kill $!' EXIT
until port=$(grep -m1 -o '127\.0\.0\.1:[0-9]*' forward); do sleep 0.01; done
for path in / /dex/.well-known/openid-configuration /pipeline/apis/v2beta1/healthz; do
  curl -s -o answer --max-time 5 --cacert ca.crt "https://localhost:${port#*:}$path"
done
`

// The goals of a diagnosis.
const (
	diagnosisSeconds   = 1.0
	diagnosisRequests  = 25
	diagnosisMegabytes = 60.0
)

// diagnosing is what was measured on one cluster.
type diagnosing struct {
	plain, https plugged
	hand         series
}

// plugged is `diagnose` with some flags: beside time its memory and requests.
type plugged struct {
	series
	memory   []int64 // KiB; of a program that it started, where that took more
	requests []int   // of each run
}

// benchDiagnose measures `diagnose` on the testbed after setup, then among a
// crowd. It changes the testbed for good, and comes last.
func benchDiagnose(ctx context.Context, bed *testbed, rounds int) error {
	peak := filepath.Join(bed.dir, "peak")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", peak, "./bench/peak")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build bench/peak: %w: %s", err, out)
	}
	if err := bed.setup(ctx); err != nil {
		return err
	}
	few, err := bed.diagnose(ctx, peak, rounds)
	if err != nil {
		return err
	}
	many := crowd{gateways: 1000, secrets: 5000, pods: 2000}
	if err := many.gather(ctx, bed); err != nil {
		return err
	}
	if _, err := bed.testbed(ctx, "wait"); err != nil {
		return err
	}
	between := load()
	large, err := bed.diagnose(ctx, peak, rounds)
	if err != nil {
		return err
	}
	fmt.Printf("\n## Why the front door does not work, %d rounds\n\n", rounds)
	fmt.Printf("Load before the large cluster's rounds: %s.\n\n", between)
	fmt.Println("| way | median | least | most | memory, most | requests to the API server |")
	fmt.Println("|---|---|---|---|---|---|")
	few.print("the testbed after setup")
	large.print(fmt.Sprintf("and %d Gateways, %d Secrets, %d pods in it", many.gateways, many.secrets, many.pods))
	fmt.Printf("\nGoals for `diagnose` without flags: at most %.0f s, %d requests, which do not grow with the cluster, and %.0f MB: %s.\n",
		diagnosisSeconds, diagnosisRequests, diagnosisMegabytes, verdict(few.plain, large.plain))
	return nil
}

// verdict compares with the goals: the slowest, largest and most of all runs.
func verdict(few, large plugged) string {
	var missed []string
	slowest := max(slices.Max(few.times), slices.Max(large.times))
	most := max(slices.Max(few.requests), slices.Max(large.requests))
	largest := max(few.megabytes(), large.megabytes())
	if slowest.Seconds() > diagnosisSeconds {
		missed = append(missed, "time, "+short(slowest))
	}
	if most > diagnosisRequests {
		missed = append(missed, fmt.Sprintf("requests, %d", most))
	}
	if slices.Max(large.requests) > slices.Max(few.requests) {
		missed = append(missed, "requests, which grow")
	}
	if largest > diagnosisMegabytes {
		missed = append(missed, fmt.Sprintf("memory, %.1f MB", largest))
	}
	if len(missed) == 0 {
		return "met by every run"
	}
	return "missed in " + strings.Join(missed, "; ")
}

// diagnose lets plugin and hand take turns.
func (b *testbed) diagnose(ctx context.Context, peak string, rounds int) (*diagnosing, error) {
	d := &diagnosing{}
	for range rounds {
		if err := d.plain.turn(ctx, b, peak); err != nil {
			return nil, err
		}
		if err := d.https.turn(ctx, b, peak, "--expect", "https"); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := b.shell(ctx, handDiagnosis, "KEEP="+b.dir); err != nil {
			return nil, fmt.Errorf("diagnosis by hand: %w", err)
		}
		d.hand.add(time.Since(begun))
	}
	return d, nil
}

func (p *plugged) turn(ctx context.Context, b *testbed, peak string, flags ...string) error {
	before, err := b.asked()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, peak, append([]string{b.plugin, "diagnose"}, flags...)...)
	command.Env = b.env
	var problem strings.Builder
	command.Stderr = &problem
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("diagnose: %w: %s", err, problem.String())
	}
	var nanoseconds, kibibytes int64
	var code int
	if _, err := fmt.Sscan(string(out), &nanoseconds, &kibibytes, &code); err != nil || code != 0 {
		return fmt.Errorf("diagnose: exit code %d: %s", code, problem.String())
	}
	after, err := b.asked()
	if err != nil {
		return err
	}
	p.add(time.Duration(nanoseconds))
	p.memory = append(p.memory, kibibytes)
	p.requests = append(p.requests, after-before)
	return nil
}

func (p *plugged) megabytes() float64 { return float64(slices.Max(p.memory)) * 1024 / 1e6 }

func (p *plugged) print() {
	requests := strconv.Itoa(slices.Max(p.requests))
	if least := slices.Min(p.requests); least != slices.Max(p.requests) {
		requests = fmt.Sprintf("%d to %s", least, requests)
	}
	fmt.Printf("%s %.1f MB | %s |\n", p.row(), p.megabytes(), requests)
}

func (d *diagnosing) print(cluster string) {
	d.plain.name = "`kubectl kftls diagnose`, " + cluster
	d.https.name = "the same with `--expect https`, which asks the computer's clients, too"
	d.hand.name = "by hand"
	d.plain.print()
	d.https.print()
	fmt.Printf("%s | |\n", d.hand.row())
}
