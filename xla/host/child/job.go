package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Variable is the environment variable that names the job that a process was started for.
const Variable = "MOCOTPU_JOB"

// A Job is work that this program does in a child of itself. In and Out travel as JSON.
type Job[In, Out any] struct {
	// Name tells the jobs of a program apart.
	Name string
	// Errors are those that [errors.Is] still finds in the error of a job, on this side of the processes.
	Errors []error
	// Most is how many bytes Out may have in JSON; 0 is 64 MiB.
	Most int64
}

// answer is what the child prints.
type answer[Out any] struct {
	Out   Out    `json:"out"`
	Error string `json:"error"` // "" for none
	Is    []int  `json:"is"`    // which of Job.Errors it is
}

// failure is the error of a job, which was done.
type failure struct {
	text string
	is   []error
}

// Error is the text that the error had in the child.
func (f *failure) Error() string { return f.text }

// Unwrap returns those of Job.Errors that it is.
func (f *failure) Unwrap() []error { return f.is }

// Ask does the job in a child, which may take so long (0 is as long as the context lasts). The error of the job itself has the
// text that it had in the child; one of the process is as of [Command.Run].
func (j Job[In, Out]) Ask(ctx context.Context, in In, limit time.Duration) (out Out, err error) {
	if other := os.Getenv(Variable); other != "" { // or children would start children without end
		return out, fmt.Errorf("child: job %s in a process that was started for job %s: want a main function that begins with Serve", j.Name, other)
	}
	text, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("child: job %s: %w", j.Name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return out, fmt.Errorf("child: job %s: %w", j.Name, err)
	}
	printed, err := Command{Args: []string{self}, Env: []string{Variable + "=" + j.Name}, Stdin: text, Limit: limit, Most: j.Most}.Run(ctx)
	var ended *Error
	if errors.As(err, &ended) {
		ended.Program = "job " + j.Name
	}
	if err != nil {
		return out, err
	}
	var a answer[Out]
	if err := json.Unmarshal(printed, &a); err != nil {
		return out, fmt.Errorf("child: job %s: the answer is not one (%w): %.100q; want a main function that begins with Serve", j.Name, err, printed)
	}
	if a.Error != "" {
		f := &failure{text: a.Error}
		for _, i := range a.Is {
			if i >= 0 && i < len(j.Errors) {
				f.is = append(f.is, j.Errors[i])
			}
		}
		return out, f
	}
	return a.Out, nil
}

// Serve does the job and returns true, if that is what this process was started for; else it returns false at once. The main
// function calls it first, before anything is printed: standard output is the answer's. What do prints there goes to
// standard error.
func (j Job[In, Out]) Serve(do func(context.Context, In) (Out, error)) bool {
	if os.Getenv(Variable) != j.Name {
		return false
	}
	out, err := keepStdout()
	if err != nil {
		fmt.Fprintf(os.Stderr, "child: job %s: %v\n", j.Name, err)
		os.Exit(1)
	}
	var in In
	var a answer[Out]
	err = errors.Join(os.Unsetenv(Variable), json.NewDecoder(os.Stdin).Decode(&in)) // a child's child has no such job
	if err == nil {
		a.Out, err = do(context.Background(), in)
	}
	if err != nil {
		a.Error = err.Error()
		for i, known := range j.Errors {
			if errors.Is(err, known) {
				a.Is = append(a.Is, i)
			}
		}
	}
	if err := json.NewEncoder(out).Encode(a); err != nil {
		fmt.Fprintf(os.Stderr, "child: job %s: %v\n", j.Name, err)
		os.Exit(1)
	}
	return true
}
