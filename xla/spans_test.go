package xla

import (
	"slices"
	"strings"
	"testing"
)

// An operation that other threads go on with ends when the last of them is done; one that was not seen whole is left out.
func TestSpans(t *testing.T) {
	got, err := spans(strings.Join([]string{
		"200\t210\tadd.1#hlo_op=add.1,hlo_module=step,program_id=1,run_id=6,device_ordinal=0,_pt=0,_p=12#",
		"100\t150\tdot#hlo_op=dot,hlo_module=step,program_id=1,run_id=6,device_ordinal=0#",
		"260\t261\tend: add.1#_ct=0,_c=12#",
		"300\t305\tend: add.1#_ct=0,_c=13#",
		"-7\t90\tdot#hlo_op=dot,hlo_module=step,run_id=5#",
		"",
	}, "\n"))
	want := []Span{{"step", "dot", "6", 100, 150}, {"step", "add.1", "6", 200, 260}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"100\t150\n", "100\tx\tdot#hlo_op=dot#\n", "100\t150\tdot\n"} {
		if got, err := spans(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
