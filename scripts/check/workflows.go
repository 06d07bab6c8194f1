package main

import "context"

// lintWorkflows reads .github/workflows as GitHub would.
func lintWorkflows(ctx context.Context, r *recorder) {
	actionlint := tool(ctx, "workflows", "actionlint")
	if actionlint == "" {
		r.notRun("actionlint", "it could not be built (scripts/tools.sh workflows)")
		return
	}
	r.command(ctx, "the workflows are well-formed", in(".", actionlint))
}
