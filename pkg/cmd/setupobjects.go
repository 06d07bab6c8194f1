package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// notes writes to stderr what else would go to stdout.
type notes struct{ ui *ui.UI }

// Write implements io.Writer.
func (n notes) Write(text []byte) (int, error) {
	n.ui.Note("%s", strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

func (o *setupOptions) view() setupView {
	return setupView{ui: o.factory.UI, name: o.factory.Name, besideObjects: o.output != ""}
}

// conclude ends a run that has done its work.
func (o *setupOptions) conclude(proposal *setup.Proposal, result *setup.Result, view setupView) error {
	if err := o.export.write(proposal); err != nil {
		return err
	}
	if result.Verdict == nil {
		if err := view.awaits(proposal.Plan); err != nil {
			return err
		}
	} else {
		view.next(result)
	}
	return o.printObjects(proposal, result.Objects)
}

// try ends a dry run: what would be done is said, nothing is written.
func (o *setupOptions) try(ctx context.Context, proposal *setup.Proposal, view setupView) (err error) {
	var tried []*unstructured.Unstructured
	if o.dryRun == dryRunServer && !proposal.Plan.Empty() {
		if tried, err = o.setup.DryRun(ctx, proposal); err != nil {
			return err
		}
	}
	view.tried(proposal.Plan, o.dryRun)
	if err := view.patches(proposal.Plan); err != nil || o.output == "" {
		return err
	}
	if err := o.setup.Prepare(proposal); err != nil {
		return err
	}
	return o.printObjects(proposal, func() ([]*unstructured.Unstructured, error) { return proposal.Objects(tried) })
}

// printObjects prints, where -o asks for it, the objects of a front door as the
// result: documents of YAML or one List in JSON, either of which kubectl applies.
// The Secret is left out, since what is printed ends up in Git, unless its key was
// asked for. A nil read stands for no objects.
func (o *setupOptions) printObjects(p *setup.Proposal, read func() ([]*unstructured.Unstructured, error)) (err error) {
	if o.output == "" {
		return nil
	}
	var all []*unstructured.Unstructured
	if read != nil {
		if all, err = read(); err != nil {
			return err
		}
	}
	printed := objectList{}
	for _, object := range all {
		if object.GetKind() == "Secret" && !o.export.key {
			continue
		}
		printed.add(object)
	}
	if !p.Trusted {
		o.sayOfSecret(p, &printed)
		if err := printed.explainHandover(p.Plan.Handed); err != nil {
			return err
		}
	}
	if o.output == "json" {
		return printed.json(o.factory.UI.Out())
	}
	return printed.yaml(o.factory.UI.Out())
}

// sayOfSecret says that the Secret is left out: in a comment, which stays with the
// objects, and in JSON, which has none, on stderr. Where it is not, stdout holds a
// key.
func (o *setupOptions) sayOfSecret(p *setup.Proposal, printed *objectList) {
	name := p.Finding.Door.PodNamespace() + "/" + p.Finding.Spec.SecretName
	if o.export.key {
		o.factory.UI.Warn("stdout holds a private key, the one of Secret %s: whoever reads it can pass for this front door", name)
		return
	}
	left := fmt.Sprintf("Secret %s is left out, since it holds a private key. '%s setup' writes it, and verifies the whole; with --export-key it is printed, too", name, o.factory.Name)
	if o.output == "json" {
		o.factory.UI.Note("%s", left)
		return
	}
	printed.head = "# " + left + ".\n"
}

// objectList is what is printed, each object with its comment.
type objectList struct {
	head     string
	objects  []*unstructured.Unstructured
	comments []string
}

func (l *objectList) add(object *unstructured.Unstructured) {
	l.objects, l.comments = append(l.objects, object), append(l.comments, "")
}

// explainHandover puts the patch of a Gateway that another program keeps before
// it: a source may hold the object, or a patch of one that comes from elsewhere.
func (l *objectList) explainHandover(handed []gateway.Handover) error {
	for _, h := range handed {
		patch, err := h.Patch()
		if err != nil {
			return err
		}
		for i, object := range l.objects {
			if object.GetKind() == h.Kind && object.GetNamespace()+"/"+object.GetName() == h.Object() {
				l.comments[i] = fmt.Sprintf(sourceComment, h.Manager) + commented(patch)
			}
		}
	}
	return nil
}

const sourceComment = `# %s keeps this Gateway. Its source takes this object, or else this JSON patch
# (RFC 6902), which setup prints as a file of its own without -o:
`

// commented makes each line of a patch a comment, but for those that are one: they
// are about a file of its own.
func commented(patch string) string {
	var lines strings.Builder
	for line := range strings.Lines(patch) {
		if !strings.HasPrefix(line, "#") {
			lines.WriteString("# " + line)
		}
	}
	return lines.String()
}

func (l *objectList) yaml(w io.Writer) error {
	text := l.head
	for i, object := range l.objects {
		body, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("encode %s %s as yaml: %w", object.GetKind(), object.GetName(), err)
		}
		if i > 0 {
			text += "---\n"
		}
		text += l.comments[i] + string(body)
	}
	_, err := io.WriteString(w, text)
	return err
}

func (l *objectList) json(w io.Writer) error {
	items := make([]any, len(l.objects))
	for i, object := range l.objects {
		items[i] = object.Object
	}
	body, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode as json: %w", err)
	}
	_, err = w.Write(append(body, '\n'))
	return err
}
