//go:build slow

package notebooks_test

import "testing"

func TestSlowNotebooksRun(t *testing.T) {
	runs(t, "02_pretrain_glyphs.ipynb", "03_shuffling_bn.ipynb", "04_what_it_learned.ipynb")
}
