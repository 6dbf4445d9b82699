// Package child runs other programs, and parts of this one, as child processes: all that may not end by itself, may abort
// its process, or cannot be told to stop.
//
//	stdout, err := child.Command{Args: []string{"g++", "--version"}, Limit: time.Minute}.Run(ctx)
//
// # Ends
//
// A child ends with the context, at its limit, or with this process (on Linux, whatever ended it). The first two kill its
// process group, so that nothing that it started stays. Its output is bounded: of standard output more than the bound is an
// error, of standard error the end is kept.
//
// # Jobs
//
// A [Job] is a part of this program: the child is the same executable, which finds in the environment what it is asked to
// do. So a program that asks for jobs begins by serving them:
//
//	var square = child.Job[int, int]{Name: "square"}
//
//	func main() {
//		if square.Serve(func(_ context.Context, n int) (int, error) { return n * n, nil }) {
//			return
//		}
//		nine, err := square.Ask(ctx, 3, time.Minute)
//		...
//	}
//
// # Errors
//
// A child that fails is an [*Error], with its exit code and its last words; one that was killed at its limit matches
// [ErrLimit]; the end of the context is its error.
package child
