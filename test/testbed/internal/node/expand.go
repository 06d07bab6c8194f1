package node

import "strings"

// expand replaces $(NAME) as Kubernetes does in env values, command and args: an unknown
// name stays as it is written, and $$(NAME) is the text $(NAME).
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
func expand(text string, lookup func(name string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && strings.Contains(after, ")"):
			name, rest, _ := strings.Cut(after[1:], ")")
			value, known := lookup(name)
			if !known {
				value = "$(" + name + ")"
			}
			out.WriteString(value)
			text = rest
		default:
			out.WriteByte('$')
			text = after
		}
	}
}
