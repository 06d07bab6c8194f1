// Package ui holds the rules of the terminal, in one place:
//
//   - Results go to stdout, everything else (progress, notes, warnings,
//     questions, errors) to stderr, so that stdout stays usable in a pipe.
//   - Progress is shown on a terminal only. A pipe or a log file gets notes,
//     warnings and errors.
//   - A question is asked on the terminal itself (/dev/tty, CONIN$ on Windows),
//     never on stdin or stdout, which may be somebody else's pipe. The answer
//     is no unless it is y or yes. Ctrl-C and the end of the context end it.
//     Where stdin or stderr is not a terminal nothing is asked: a script gets
//     an error that names --yes, never a question that nobody sees.
//   - What only a person knows (a login, a password, a pasted cookie) is asked
//     for wherever there is a terminal, also while all three streams lead
//     elsewhere: `kubectl kftls cookie | pbcopy`. A secret is not shown while
//     it is typed, and the terminal's echo comes back however the question ends.
//   - Colour is decoration: every line can be understood without it. It is off
//     in a pipe, with NO_COLOR set to anything (https://no-color.org), and with
//     TERM=dumb, which also turns off the rewriting of lines.
//   - Where the locale is not UTF-8, symbols are written in ASCII.
//   - What a server said may hold control characters. They are taken out
//     before a message reaches the terminal.
//
// Only package cmd knows package ui.
package ui
