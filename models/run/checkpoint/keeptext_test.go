package checkpoint

import (
	"strings"
	"testing"
)

// TestKeepText: what is set is what is shown, and can be set again.
func TestKeepText(t *testing.T) {
	for _, test := range []struct {
		text string
		want Keep
	}{
		{"last=3", Keep{Last: 3}},
		{"last=3,every=1000,best", Keep{Last: 3, Every: 1000, Best: true}},
		{"last=1, every=5", Keep{Last: 1, Every: 5}},
		{"last=2,best=rank", Keep{Last: 2, Best: true, BestBy: "rank"}},
	} {
		keep := Keep{Last: 9, Every: 9, Best: true}
		if err := keep.Set(test.text); err != nil || keep != test.want {
			t.Errorf("%s: %+v, error %v, want %+v", test.text, keep, err, test.want)
		}
		if got, want := keep.String(), strings.ReplaceAll(test.text, " ", ""); got != want {
			t.Errorf("%s: shown as %s, want %s", test.text, got, want)
		}
	}
	for text, want := range map[string]Keep{
		"best":       {Last: DefaultLast, Best: true},
		"best=rank":  {Last: DefaultLast, Best: true, BestBy: "rank"},
		"every=1000": {Last: DefaultLast, Every: 1000},
		"last=0":     {}, // which is refused by name
	} {
		keep := Keep{Last: 9, Every: 9, Best: true}
		if err := keep.Set(text); err != nil || keep != want {
			t.Errorf("%s: %+v, error %v, want %+v", text, keep, err, want)
		}
	}
	for _, wrong := range []string{"", "3", "last", "last=x", "best=", "last=3,,best", "first=3"} {
		keep := Keep{Last: 9}
		if err := keep.Set(wrong); err == nil || keep.Last != 9 {
			t.Errorf("%q: set to %+v without an error", wrong, keep)
		}
	}
}
