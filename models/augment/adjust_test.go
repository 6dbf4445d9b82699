package augment

import (
	"reflect"
	"slices"
	"testing"

	"github.com/janpfeifer/must"
)

// TestSet: operations come to where MoCo v2 has them, and go.
func TestSet(t *testing.T) {
	c := must.M1(Preset("digits"))
	c.SetBlur(0.5)
	c.SetGray(0.2)
	if want := []string{OpJitter, OpGray, OpBlur}; !slices.Equal(c.Ops, want) {
		t.Errorf("operations %v, want %v", c.Ops, want)
	}
	c.SetJitter(0.4, 0.4, 0.4, 0.1)
	c.Area.Min, c.Flip = 0.2, 0.5
	v2 := must.M1(Preset("v2"))
	v2.Mean, v2.Std = c.Mean, c.Std
	if !reflect.DeepEqual(c, v2) {
		t.Errorf("got %+v, want v2's %+v", c, v2)
	}
	before := slices.Clone(c.Ops)
	d := c
	d.SetJitter(0, 0, 0, 0)
	d.SetBlur(0)
	d.SetGray(0)
	if err := d.Validate(); err != nil || len(d.Ops) != 0 || d.Blur != (Blur{}) || d.Jitter != (Jitter{}) {
		t.Errorf("without any: %+v and error %v", d, err)
	}
	if !slices.Equal(c.Ops, before) {
		t.Errorf("the copy changed the original's operations to %v", c.Ops)
	}
	v1 := must.M1(Preset("v1"))
	v1.SetJitter(0.8, 0.8, 0.8, 0.2)
	if v1.Jitter.P != 1 || !slices.Equal(v1.Ops, []string{OpGray, OpJitter}) {
		t.Errorf("v1 with another jitter: %+v, want its probability and order", v1)
	}
}
