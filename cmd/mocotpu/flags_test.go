package main

import (
	"strings"
	"testing"
)

// Help shows the defaults of the preset that it is asked for.
func TestHelpOfPreset(t *testing.T) {
	for _, test := range []struct{ args, batch string }{
		{"train --help", "global batch (default 128)"},
		{"train --preset=moco-v2 --help", "global batch (default 256)"},
		{"compile --help --preset moco-v2", "global batch (default 256)"},
		{"train --preset=nope --help", "global batch (default 128)"},
	} {
		if code, stdout, _ := call(t, strings.Fields(test.args)...); code != 0 || !strings.Contains(stdout, test.batch) {
			t.Errorf("%s: exit code %d, no %q in\n%s", test.args, code, test.batch, stdout)
		}
	}
}

// A mistyped word is answered with the one that was probably meant.
func TestDidYouMean(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"train --bacth=64", "did you mean --batch?"},
		{"train --moco-k=64", "did you mean --queue?"},
		{"train --batch-size 64", "did you mean --batch?"},
		{"train --mlp", "did you mean --head=mlp?"},
		{"eval x --mlp", "unknown flag: --mlp; see"},
		{"train --backend=gpu", "did you mean cuda?"},
		{"selftest --backend=gpu", "did you mean cuda?"},
		{"train --data=minst", "did you mean mnist?"},
		{"data get minst", "did you mean mnist?"},
		{"trian", "did you mean train?"},
		{"train --preset=glyph", "did you mean glyphs?"},
		{"train --arch=resnet81", "did you mean resnet18?"},
		{"train --queue=100 --batch=128", "--queue is 100, want at least 128, the batch"},
		{"train --batch=100", "--batch is 100, want a multiple of --bn-groups (8)"},
	} {
		code, stdout, stderr := call(t, strings.Fields(test.args)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: code %d, %q, want code 2 and %q", test.args, code, stderr, test.want)
		}
	}
}
