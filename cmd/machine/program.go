package machine

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// Program opens the file of a step that [Compiler.Save] has made, for a configuration that shall run it; nil where there is no
// name. What is wrong with it, and what of the configuration it was not compiled for, is a settings.ErrInvalid.
func Program(file string, c run.Config) (*programs.Saved, error) {
	if file == "" {
		return nil, nil
	}
	saved, err := programs.OpenSaved(file)
	if err != nil {
		return nil, err
	}
	if err := run.CheckProgram(saved.Source, c); err != nil {
		return nil, fmt.Errorf("the program saved in %s is for another step; give train the flags that compile had, or compile again: %w", file, err)
	}
	return saved, nil
}
